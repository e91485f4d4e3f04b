"""Prefect sees opaque ids only: what is personal never reaches its database, in whatever way a review ends."""

import json
from itertools import islice

import asyncpg
import pytest
from support.journeys import Journey

from underwriting.embedded import Services

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
        person |= {"birth_date": "1985-03-04", "residence_country": "US", "email_verified": True}
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
    in_store = await everything_in(journey.place.config.database_url)
    for place, text in (("logs", logs), ("Prefect's database", in_prefect), ("the store", in_store)):
        found = [canary for canary in CANARIES if canary in text]
        assert found == [], f"in {place}"
    assert planted[0] in in_store, "the search itself finds what is there"
    assert "review-app_" in in_prefect
