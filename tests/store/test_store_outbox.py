"""At least once, in order for each customer, under a stable id, and never for ever."""

import asyncio
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

import pytest
from support.reviews import NOW, accept, let_time_pass

from underwriting.domain.application import Application
from underwriting.store import audit
from underwriting.store.models import Channel, QueueState
from underwriting.store.queue import outbox
from underwriting.store.queue.leased import JITTER
from underwriting.store.queue.outbox import Message
from underwriting.store.session import Store

MINUTE = timedelta(minutes=1)


async def enqueue(
    store: Store,
    application: Application,
    event: str = "application.approved",
    channel: Channel = Channel.RESULTS,
    target: str = "https://partner.example/called",
) -> str:
    async with store.begin() as work:
        return await outbox.enqueue(
            work,
            channel,
            tenant=application.tenant,
            customer_id=application.customer_id,
            subject_id=application.id,
            event=event,
            at=NOW,
            record=b'{"id":1}',
            target=target if channel is Channel.CALLBACK else None,
        )


async def due(store: Store, channels: Collection[Channel] = (Channel.RESULTS,), **options: object) -> list[Message]:
    async with store.begin() as work:
        return await outbox.due(work, channels, **options)


async def fail(store: Store, message: Message, waits: tuple[timedelta, ...]) -> QueueState | None:
    async with store.begin() as work:
        return await outbox.QUEUE.failed(work, message.id, message.attempt, "503", waits)


async def deliver(store: Store, message: Message) -> None:
    async with store.begin() as work:
        await outbox.QUEUE.done(work, message.id)


async def test_a_message_is_taken_once_and_then_gone(store: Store) -> None:
    application = await accept(store)
    message_id = await enqueue(store, application)
    (message,) = await due(store)
    assert (message.id, message.attempt, message.customer_id) == (message_id, 1, "ada")
    assert message.body == b'{"type":"application.approved","timestamp":"2026-03-02T09:30:00Z","data":{"id":1}}'
    assert await due(store) == []
    await deliver(store, message)
    await let_time_pass(store, "outbox", "lease_until", MINUTE)
    assert await due(store) == []


async def test_a_message_whose_deliverer_died_comes_again_under_the_same_id(store: Store) -> None:
    await enqueue(store, await accept(store))
    (first,) = await due(store, lease=MINUTE)
    await let_time_pass(store, "outbox", "lease_until", MINUTE)
    (second,) = await due(store)
    assert (second.id, second.attempt) == (first.id, 2)
    # The first deliverer was only slow: what it reports late must not disturb the second one.
    assert await fail(store, first, (MINUTE,)) is None
    await deliver(store, first)
    await let_time_pass(store, "outbox", "lease_until", MINUTE)
    assert await due(store) == []


async def test_a_customers_messages_go_out_in_order(store: Store) -> None:
    ada, bob = await accept(store), await accept(store, customer_id="bob")
    sent = [await enqueue(store, ada), await enqueue(store, ada), await enqueue(store, ada)]
    other = await enqueue(store, bob)
    received = []
    for _ in range(3):
        messages = await due(store)
        received += [message.id for message in messages if message.customer_id == "ada"]
        for message in messages:
            await deliver(store, message)
    assert received == sent
    assert other not in received


async def test_the_same_customer_id_of_another_tenant_does_not_wait(store: Store) -> None:
    await enqueue(store, await accept(store, "acme"))
    await enqueue(store, await accept(store, "globex"))
    assert {message.tenant for message in await due(store)} == {"acme", "globex"}


async def test_a_refused_message_holds_back_the_later_ones_until_it_is_dead(store: Store) -> None:
    application = await accept(store)
    first, second = await enqueue(store, application), await enqueue(store, application)
    (message,) = await due(store)
    assert await fail(store, message, (MINUTE,)) is QueueState.PENDING
    assert await due(store) == []
    await let_time_pass(store, "outbox", "due_at", MINUTE * (1 + JITTER))
    (message,) = await due(store)
    assert message.id == first
    assert await fail(store, message, (MINUTE,)) is QueueState.DEAD
    assert [message.id for message in await due(store)] == [second]
    async with store.read() as work:
        assert [row.id for row in await outbox.QUEUE.dead(work)] == [first]
        assert [entry.action for entry in await audit.entries(work, first)] == ["message.died"]


async def test_the_wait_is_stretched_by_up_to_half(store: Store) -> None:
    for number in range(40):
        await enqueue(store, await accept(store, customer_id=f"c{number}"))
    for message in await due(store):
        await fail(store, message, (MINUTE,))
    assert await due(store) == []
    await let_time_pass(store, "outbox", "due_at", MINUTE - timedelta(seconds=5))
    assert await due(store) == []
    await let_time_pass(store, "outbox", "due_at", MINUTE * JITTER / 2 + timedelta(seconds=5))
    early = len(await due(store))
    assert 0 < early < 40
    await let_time_pass(store, "outbox", "due_at", MINUTE * JITTER / 2)
    assert early + len(await due(store)) == 40


async def test_an_operator_redrives_the_dead(store: Store) -> None:
    message_id = await enqueue(store, await accept(store))
    (message,) = await due(store)
    assert await fail(store, message, ()) is QueueState.DEAD
    async with store.begin() as work:
        assert await outbox.QUEUE.redrive(work, [message_id, "msg_of_nobody"], by="olga") == [message_id]
    (again,) = await due(store)
    assert (again.id, again.attempt) == (message_id, 1)
    async with store.read() as work:
        assert [(entry.action, entry.actor) for entry in await audit.entries(work, message_id)] == [
            ("message.died", "system"),
            ("message.redriven", "olga"),
        ]


async def test_a_message_that_waits_for_its_next_try_is_redriven_unless_it_is_being_sent(store: Store) -> None:
    message_id = await enqueue(store, await accept(store))
    (message,) = await due(store)
    async with store.begin() as work:
        assert await outbox.QUEUE.redrive(work, [message_id], by="olga") == [], "a worker sends it"
    assert await fail(store, message, (timedelta(hours=5),)) is QueueState.PENDING
    assert await due(store) == []
    async with store.begin() as work:
        assert await outbox.QUEUE.redrive(work, [message_id], by="olga") == [message_id]
    (again,) = await due(store)
    assert (again.id, again.attempt) == (message_id, 1)
    await deliver(store, again)
    async with store.begin() as work:
        assert await outbox.QUEUE.redrive(work, [message_id], by="olga") == [], "it is sent"
        assert await outbox.QUEUE.states(work, [message_id, "msg_x"]) == {message_id: QueueState.DONE}


async def test_deliverers_at_once_take_different_messages(store: Store) -> None:
    for number in range(30):
        await enqueue(store, await accept(store, customer_id=f"c{number}"))
    taken = await asyncio.gather(*(due(store, limit=10) for _ in range(6)))
    ids = [message.id for messages in taken for message in messages]
    assert len(ids) == len(set(ids)) == 30


async def test_one_applications_messages_can_be_asked_for(store: Store) -> None:
    ada, bob = await accept(store), await accept(store, customer_id="bob")
    await enqueue(store, ada)
    mine = await enqueue(store, bob)
    assert [message.id for message in await due(store, subject_id=bob.id)] == [mine]


async def test_each_channel_of_a_customer_has_its_own_order(store: Store) -> None:
    """A partner that is down for a day holds back no event, and the events' order holds all the same."""
    ada = await accept(store)
    sent = {channel: [await enqueue(store, ada, channel=channel) for _ in range(2)] for channel in Channel}
    first = await due(store, list(Channel))
    assert {message.channel: message.id for message in first} == {channel: ids[0] for channel, ids in sent.items()}
    for message in first:
        if message.channel is Channel.RESULTS:
            assert await fail(store, message, (MINUTE,)) is QueueState.PENDING
        else:
            await deliver(store, message)
    second = await due(store, list(Channel))
    assert {message.channel: message.id for message in second} == {
        channel: ids[1] for channel, ids in sent.items() if channel is not Channel.RESULTS
    }


async def test_only_the_channels_that_are_asked_for_are_due(store: Store) -> None:
    ada = await accept(store)
    for channel in Channel:
        await enqueue(store, ada, channel=channel)
    assert await due(store, []) == []
    (called,) = await due(store, [Channel.CALLBACK])
    assert (called.channel, called.target) == (Channel.CALLBACK, "https://partner.example/called")
    rest = await due(store, list(Channel))
    assert {message.channel for message in rest} == set(Channel) - {Channel.CALLBACK}
    assert {message.target for message in rest} == {None}


@pytest.mark.parametrize(("channel", "target"), [(Channel.CALLBACK, None), (Channel.EVENTS, "https://a.example")])
async def test_a_callback_has_a_target_and_nothing_else_does(
    store: Store, channel: Channel, target: str | None
) -> None:
    to = {"tenant": "acme", "customer_id": "ada", "subject_id": "ada", "event": "e", "at": NOW, "record": b"{}"}
    with pytest.raises(ValueError, match="target"):
        async with store.begin() as work:
            await outbox.enqueue(work, channel, target=target, **to)


async def test_an_address_that_is_down_holds_up_no_other(store: Store) -> None:
    ada, dead, well = await accept(store), "https://dead.example", "https://well.example"
    first, second = [await enqueue(store, ada, channel=Channel.CALLBACK, target=dead) for _ in range(2)]
    third = await enqueue(store, ada, channel=Channel.CALLBACK, target=well)
    taken = await due(store, [Channel.CALLBACK])
    assert [message.id for message in taken] == [first, third]
    assert await fail(store, taken[0], ()) is QueueState.DEAD
    assert [message.id for message in await due(store, [Channel.CALLBACK])] == [second]


async def test_a_crowd_on_one_channel_starves_no_other(store: Store) -> None:
    for number in range(10):
        await enqueue(store, await accept(store, customer_id=f"c{number}"), channel=Channel.EVENTS)
    result = await enqueue(store, await accept(store))
    taken = await due(store, list(Channel), limit=3)
    assert [message.channel for message in taken].count(Channel.EVENTS) == 3
    assert taken[-1].id == result


async def test_many_deliveries_are_noted_at_once(store: Store) -> None:
    for number in range(3):
        await enqueue(store, await accept(store, customer_id=f"c{number}"))
    taken = await due(store)
    async with store.begin() as work:
        await outbox.QUEUE.done(work, *(message.id for message in taken[:2]))
    await let_time_pass(store, "outbox", "lease_until", MINUTE)
    assert [message.id for message in await due(store)] == [taken[2].id]


def test_the_documents_have_the_waits_between_tries() -> None:
    units = (("h", 3600), ("min", 60), ("s", 1))
    texts = [
        next(
            f"{int(wait.total_seconds() // length)} {unit}" for unit, length in units if wait.total_seconds() >= length
        )
        for wait in outbox.WAITS
    ]
    *most, last = texts
    root = Path(__file__).parents[2] / "docs"
    for page in ("operating.md", "integrating.md"):
        assert f"after {', '.join(most)} and {last}" in (root / page).read_text(), page
    shortest = sum(wait.total_seconds() for wait in outbox.WAITS) / 3600
    assert (round(shortest), round(shortest * (1 + JITTER))) == (28, 41)
