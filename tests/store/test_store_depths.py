"""How much waits, counted on both databases."""

from support.evaluated import check, evaluated
from support.reviews import accept

from underwriting.store.depths import depths
from underwriting.store.session import Store


async def test_what_waits_is_counted_by_queue(store: Store) -> None:
    for _ in range(3):
        await accept(store)
    await evaluated(store)
    await check(store, user_id="bob")
    async with store.read() as work:
        assert await depths(work) == {
            "applications": 3,
            "referrals": 0,
            "customers": 0,
            "evaluations": 1,
            "inbox": 0,
            "inbox_dead": 0,
            "outbox": 1,
            "outbox_dead": 0,
        }
