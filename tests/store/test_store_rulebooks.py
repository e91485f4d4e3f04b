"""A published version never changes."""

import asyncio
from datetime import date, timedelta
from itertools import pairwise

import pytest

from underwriting.domain.application import Product
from underwriting.domain.decision import RulebookRef
from underwriting.store import audit, rulebooks
from underwriting.store.errors import UnknownRulebook, VersionTaken
from underwriting.store.models import RulebookKind
from underwriting.store.session import Store

TODAY = date(2026, 3, 2)
DAY = timedelta(days=1)


async def publish(
    store: Store,
    version: int,
    digest: str = "a",
    name: str = "prescreening",
    product: Product = Product.LOAN,
    kind: RulebookKind = RulebookKind.REVIEW,
    valid_from: date | None = None,
    valid_until: date | None = None,
) -> bool:
    async with store.begin() as work:
        ref = RulebookRef(name=name, version=version, digest=digest * 64)
        return await rulebooks.publish(
            work, ref, product, f"text {version}{digest}", "ann", kind, valid_from, valid_until
        )


async def test_the_newest_version_answers_where_none_is_named(store: Store) -> None:
    for version in (1, 3, 2):
        assert await publish(store, version)
    async with store.read() as work:
        newest, first = await rulebooks.get(work, "prescreening"), await rulebooks.get(work, "prescreening", 1)
    assert (newest.version, newest.text, newest.published_by, newest.product) == (3, "text 3a", "ann", Product.LOAN)
    assert first.ref == RulebookRef(name="prescreening", version=1, digest="a" * 64)


async def test_the_same_content_again_changes_nothing(store: Store) -> None:
    assert sorted(await asyncio.gather(*(publish(store, 1) for _ in range(5)))) == [False] * 4 + [True]
    async with store.read() as work:
        assert len(await audit.entries(work, "prescreening v1")) == 1


async def test_another_content_for_a_published_version_is_refused(store: Store) -> None:
    await publish(store, 1)
    with pytest.raises(VersionTaken, match="prescreening v1 is published with another content; raise the version"):
        await publish(store, 1, "b")
    async with store.read() as work:
        assert (await rulebooks.get(work, "prescreening", 1)).text == "text 1a"


async def test_what_is_not_published_is_unknown(store: Store) -> None:
    await publish(store, 1)
    async with store.read() as work:
        with pytest.raises(UnknownRulebook, match="prescreening v2 is not published"):
            await rulebooks.get(work, "prescreening", 2)
        with pytest.raises(UnknownRulebook, match="berka is not published"):
            await rulebooks.get(work, "berka")


async def test_listing_is_by_name_newest_first(store: Store) -> None:
    await publish(store, 1)
    await publish(store, 2)
    await publish(store, 1, name="berka")
    async with store.read() as work:
        assert [str(found.ref) for found in await rulebooks.listing(work)] == [
            "berka v1",
            "prescreening v2",
            "prescreening v1",
        ]


async def digest_of(store: Store, kind: RulebookKind, product: Product, day: date = TODAY) -> tuple[list[str], str]:
    async with store.read() as work:
        found = await rulebooks.current_set(work, kind, product, day)
    return [str(book.ref) for book in found.books], found.digest


async def test_the_set_in_force_is_the_newest_version_of_each_book_of_one_kind_and_product(store: Store) -> None:
    floats = (RulebookKind.ELIGIBILITY, Product.FLOAT)
    assert (await digest_of(store, *floats))[0] == []
    for name, version in (("standard", 1), ("standard", 10), ("standard", 9), ("cautious", 1)):
        await publish(store, version, name=name, product=Product.FLOAT, kind=RulebookKind.ELIGIBILITY)
    await publish(store, 1, name="of-loans", kind=RulebookKind.ELIGIBILITY)
    await publish(store, 1, name="of-reviews", product=Product.FLOAT)
    names, digest = await digest_of(store, *floats)
    assert names == ["cautious v1", "standard v10"]
    assert (await digest_of(store, RulebookKind.ELIGIBILITY, Product.LOAN))[0] == ["of-loans v1"]
    assert (await digest_of(store, RulebookKind.REVIEW, Product.FLOAT))[0] == ["of-reviews v1"]
    await publish(store, 2, name="of-loans", kind=RulebookKind.ELIGIBILITY)
    assert await digest_of(store, *floats) == (names, digest), "another product's books are no change here"
    await publish(store, 11, name="standard", product=Product.FLOAT, kind=RulebookKind.ELIGIBILITY)
    assert (await digest_of(store, *floats))[1] != digest


@pytest.mark.parametrize(
    ("day", "version"),
    [(TODAY - DAY, None), (TODAY, 1), (TODAY + 4 * DAY, 1), (TODAY + 5 * DAY, 2), (TODAY + 9 * DAY, 2),
     # The second version has ended, and the first does not come back.
     (TODAY + 10 * DAY, None), (TODAY + 20 * DAY, 3)],
)  # fmt: skip
async def test_a_version_decides_from_its_first_to_its_last_day(store: Store, day: date, version: int | None) -> None:
    floats = (RulebookKind.ELIGIBILITY, Product.FLOAT)
    of_floats = {"name": "standard", "product": Product.FLOAT, "kind": RulebookKind.ELIGIBILITY}
    await publish(store, 1, valid_from=TODAY, **of_floats)
    await publish(store, 2, valid_from=TODAY + 5 * DAY, valid_until=TODAY + 9 * DAY, **of_floats)
    await publish(store, 3, valid_from=TODAY + 20 * DAY, **of_floats)
    assert (await digest_of(store, *floats, day))[0] == ([f"standard v{version}"] if version else [])
    async with store.read() as work:
        if version is None:
            with pytest.raises(UnknownRulebook, match=f"standard, in force on {day}, is not published"):
                await rulebooks.in_force(work, "standard", day)
            return
        assert (await rulebooks.in_force(work, "standard", day)).version == version


async def test_a_name_belongs_to_one_kind(store: Store) -> None:
    await publish(store, 1)
    with pytest.raises(VersionTaken, match="prescreening is the name of a rulebook for review"):
        await publish(store, 2, kind=RulebookKind.ELIGIBILITY)


async def test_a_withdrawn_version_decides_nothing_until_it_is_reinstated(store: Store) -> None:
    floats = (RulebookKind.ELIGIBILITY, Product.FLOAT)
    for version in (1, 2):
        await publish(store, version, name="standard", product=Product.FLOAT, kind=RulebookKind.ELIGIBILITY)

    async def decides() -> tuple[list[str], int | None]:
        names, _ = await digest_of(store, *floats)
        async with store.read() as work:
            try:
                return names, (await rulebooks.in_force(work, "standard", TODAY)).version
            except UnknownRulebook:
                return names, None

    async def change(withdraws: bool, version: int) -> bool:
        action = rulebooks.withdraw if withdraws else rulebooks.reinstate
        async with store.begin() as work:
            return await action(work, "standard", version, "ann", "too strict")

    marks = []
    for withdraws, version, changed, expected in (
        (True, 2, True, (["standard v1"], 1)),
        (True, 2, False, (["standard v1"], 1)),
        (True, 1, True, ([], None)),
        (False, 2, True, (["standard v2"], 2)),
        (False, 2, False, (["standard v2"], 2)),
    ):
        assert await change(withdraws, version) is changed
        assert await decides() == expected
        async with store.read() as work:
            marks.append(await rulebooks.mark(work))
    assert [after != before for before, after in pairwise(marks)] == [False, True, True, False]
    async with store.read() as work:
        entries = await audit.entries(work, "standard v2")
        second = await rulebooks.get(work, "standard", 2)
        with pytest.raises(UnknownRulebook):
            await rulebooks.withdraw(work, "standard", 3, "ann", "there is none")
    assert [entry.action for entry in entries] == ["rulebook.published", "rulebook.withdrawn", "rulebook.reinstated"]
    assert (second.withdrawn_at, second.withdrawn_by, second.reinstated_by) == (None, None, "ann")
