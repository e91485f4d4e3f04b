"""A transaction service's bytes become a feed or are malformed, in either format; nothing else comes of them."""

import asyncio
import json
import traceback
from contextlib import suppress
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from underwriting.integrations.errors import MalformedAnswer
from underwriting.sources.feed_client import parse_feed, read_feed
from underwriting.sources.feeds.native import NativeFeed
from underwriting.sources.feeds.plaid_answers import PlaidAnswer

AS_OF = date(2026, 3, 31)
CANARY = "Quetzalcoatl"
FORMATS = {"native": NativeFeed, "plaid": PlaidAnswer}
ACCOUNT = {"account_id": "a", "kind": "checking", "currency": "USD", "balance": 100_00}
ROW = {"account_id": "a", "booked_on": "2026-03-30", "amount": -25_00, "description": "POS PURCHASE KROGER"}


def native(**changes: object) -> bytes:
    good = {"refreshed_at": "2026-03-31T00:00:00Z", "accounts": [ACCOUNT], "transactions": [ROW]}
    return json.dumps(good | changes).encode()


def refusal(body: bytes) -> str:
    with pytest.raises(MalformedAnswer) as caught:
        parse_feed("transactions", "native", body, "USD", 365, AS_OF)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None
    return caught.value.why


def test_our_own_format_keeps_its_sign():
    feed = parse_feed("transactions", "native", native(), "USD", 365, AS_OF).feed
    assert [(one.amount, one.category) for one in feed.transactions] == [(-25_00, "groceries")]
    assert feed.opening_balance == 125_00


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>Quetzalcoatl</html>", "not JSON at line 1, column 1"),
        (b"[]", "the answer: model_type"),
        (native(refreshed_at="2026-03-31T00:00:00"), "refreshed_at: timezone_aware"),
        (native(refreshed_at="2999-01-01T00:00:00Z"), "refreshed_at: is in the future"),
        (native(refreshed_at="0001-01-01T00:00:00+05:00", transactions=[]), "refreshed_at: value_error"),
        (native(accounts={}), "accounts: tuple_type"),
        (native(accounts=[]), "accounts: none is in the currency asked for"),
        (native(accounts=[ACCOUNT | {"balance": 1.5}]), "accounts.0.balance: int_type"),
        (native(accounts=[ACCOUNT | {"kind": CANARY}]), "accounts.0.kind: enum"),
        (native(accounts=[ACCOUNT | {"currency": "EUR"}]), "accounts: none is in the currency asked for"),
        (native(transactions=[ROW, ROW | {"amount": CANARY}]), "transactions.1.amount: int_type"),
        (native(transactions=[ROW | {"booked_on": "2026-02-30"}]), "transactions.0.booked_on: date_parsing"),
        (native(transactions=[ROW | {"category": CANARY}]), "transactions.0.category: enum"),
    ],
)  # fmt: skip
def test_a_malformed_feed_is_refused_by_place_and_rule(body, why):
    assert refusal(body) == why


async def test_a_long_feed_is_read_beside_the_event_loop():
    rows = [ROW | {"amount": -number, "description": f"POS PURCHASE {number}"} for number in range(20_000)]
    body = native(transactions=rows)
    reading = asyncio.create_task(read_feed("transactions", "native", body, "USD", 365, AS_OF))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert len((await reading).feed.transactions) == 20_000
    # Were it read on the loop, the loop would have had no turn meanwhile: one before, one after.
    assert turns > 5


@given(st.sampled_from(list(FORMATS)), st.one_of(st.binary(), st.text().map(str.encode)))
def test_no_bytes_lead_to_another_error(form, body):
    with suppress(MalformedAnswer):
        parse_feed("transactions", form, body, "USD", 365, AS_OF)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.sampled_from(list(FORMATS)), st.data())
def test_no_json_leads_to_another_error(form, data):
    body = {name: data.draw(JSON) for name in FORMATS[form].model_fields if data.draw(st.booleans())}
    with suppress(MalformedAnswer):
        parse_feed("transactions", form, json.dumps(body).encode(), "USD", 365, AS_OF)


NEARLY = {
    "native": st.fixed_dictionaries(
        {"account_id": st.sampled_from(["a", "b"]), "booked_on": st.dates().map(str), "amount": st.integers()},
        optional={"description": st.text(), "pending": st.booleans(), "transaction_id": st.text()},
    ),
    "plaid": st.fixed_dictionaries(
        {
            "account_id": st.sampled_from(["a", "b"]),
            "date": st.dates().map(str),
            "amount": st.floats() | st.integers(),
        },
        optional={"name": st.text(), "pending": st.booleans(), "iso_currency_code": st.sampled_from(["USD", "EUR"])},
    ),
}
PLAID_ACCOUNT = {"account_id": "a", "type": "depository", "subtype": "checking", "balances": {"current": 1.5}}


@given(st.sampled_from(list(FORMATS)), st.data())
def test_no_transactions_lead_to_another_error(form, data):
    rows = data.draw(st.lists(NEARLY[form], max_size=4))
    if form == "native":
        body = native(transactions=rows)
    else:
        balances = {"current": 1.5, "iso_currency_code": data.draw(st.sampled_from(["USD", "XXX", None]))}
        body = json.dumps({"accounts": [PLAID_ACCOUNT | {"balances": balances}], "transactions": rows}).encode()
    with suppress(MalformedAnswer):
        parse_feed("transactions", form, body, "USD", 365, AS_OF)
