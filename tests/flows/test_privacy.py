"""Prefect sees opaque ids only: what is personal never reaches its database, in whatever way a review ends."""

import json
from datetime import UTC, date, datetime, timedelta
from itertools import islice

import asyncpg
import pytest
from support.float_checks import FloatChecks
from support.journeys import Journey

from underwriting.local import Services

# Planted in every field of the user service's answer that could name somebody, and in what the others answer.
CANARIES = [f"canary{number:03}x" for number in range(200)]


# How many of them a field takes.
FIELDS = {"given_name": 1, "family_name": 1, "identity_document": 4, "street": 14}


@pytest.fixture
def planted(services: Services) -> list[str]:
    """Customers whose documents are full of canaries; every third answers nonsense."""
    folder = services.settings.state_dir / "sandbox" / "users"
    folder.mkdir(parents=True, exist_ok=True)
    canaries, customers = iter(CANARIES), []
    for number in range(len(CANARIES) // sum(FIELDS.values())):
        person: dict[str, object] = {field: " ".join(islice(canaries, count)) for field, count in FIELDS.items()}
        person |= {
            "birth_date": "1985-03-04",
            "residence_country": "US",
            "email_verified": True,
            "company_number": None,
        }
        if number % 3 == 1:
            # An answer against its model, whose error must name the place and not the value.
            person["birth_date"] = person["family_name"]
        customers.append(f"good-{90_000 + number}")
        (folder / f"{customers[-1]}.json").write_text(json.dumps(person))
    return customers


async def everything_in(url: str) -> str:
    """Every row of every table of a database, as text."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        rows = [row[0] for (table,) in tables for row in await connection.fetch(f'SELECT t::text FROM "{table}" AS t')]
        return "\n".join(rows)
    finally:
        await connection.close()


async def test_no_canary_reaches_prefect_or_the_store_in_clear(
    journey: Journey, planted: list[str], services: Services, capfd: pytest.CaptureFixture[str]
) -> None:
    verdicts = {(await journey.review(customer)).record.verdict for customer in planted}
    assert verdicts == {"approved", "referred"}
    logs = "".join(capfd.readouterr())
    in_prefect = await everything_in(services.postgres.url("prefect"))
    in_store = await everything_in(journey.runtime.config.database_url)
    for place, text in (("logs", logs), ("Prefect's database", in_prefect), ("the store", in_store)):
        found = [canary for canary in CANARIES if canary in text]
        assert found == [], f"in {place}"
    assert planted[0] in in_store, "the search itself finds what is there"
    assert '""result"": ""malformed""' in in_store, "and the execution log"
    assert "review-app_" in in_prefect


def canary_feed(canaries: list[str], today: date) -> dict[str, object]:
    """A feed in the project's own format whose every description names a counterparty."""
    lines = [
        {
            "account_id": f"acc-{canaries[0]}",
            "booked_on": (today - timedelta(days=14 * number)).isoformat(),
            "amount": 115_000,
            "description": f"{canary} PAYROLL PPD",
        }
        for number, canary in enumerate(canaries, 1)
    ]
    account = {"account_id": f"acc-{canaries[0]}", "kind": "checking", "currency": "USD", "balance": 270_000}
    return {"refreshed_at": f"{today}T00:00:00Z", "accounts": [account], "transactions": lines}


@pytest.fixture
def planted_users(services: Services) -> list[str]:
    """Users whose names and counterparties are canaries; the last one's feed is nonsense, in a canary's words."""
    sandbox, today = services.settings.state_dir / "sandbox", datetime.now(UTC).date()
    for folder in ("users", "transactions"):
        (sandbox / folder).mkdir(parents=True, exist_ok=True)
    users = []
    for number in range(3):
        mine = CANARIES[number * 10 : number * 10 + 10]
        users.append(f"steady-pay-{90_000 + number}")
        person = {"given_name": mine[0], "family_name": mine[1], "birth_date": "1985-03-04"}
        person |= dict.fromkeys(("identity_document", "street", "company_number"))
        (sandbox / "users" / f"{users[-1]}.json").write_text(json.dumps(person))
        feed = canary_feed(mine[2:], today)
        if number == 2:
            feed["refreshed_at"] = mine[2]
        (sandbox / "transactions" / f"{users[-1]}.json").write_text(json.dumps(feed))
    return users


async def test_no_canary_of_a_user_reaches_prefect_or_the_store_in_clear(
    checks: FloatChecks, planted_users: list[str], services: Services, capfd: pytest.CaptureFixture[str]
) -> None:
    records = [(await checks.evaluate(user)).record for user in planted_users]
    assert [list(record.troubles) for record in records] == [[], [], ["transaction_feed"]]
    heard = [outcome for book in records[0].books for outcome in book.outcomes if outcome.rule == "RecurringDeposits"]
    assert heard[0].observed["recurring_deposits"], "the feed was read"
    logs = "".join(capfd.readouterr())
    in_prefect = await everything_in(services.postgres.url("prefect"))
    in_store = await everything_in(checks.store_url)
    for place, text in (("logs", logs), ("Prefect's database", in_prefect), ("the store", in_store)):
        assert [canary for canary in CANARIES if canary in text] == [], f"in {place}"
    assert planted_users[0] in in_store, "the search itself finds what is there"
    assert f"evaluate-{planted_users[0]}-float" in in_prefect
