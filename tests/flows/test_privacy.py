"""Prefect sees opaque ids only: what is personal never reaches its database, in whatever way a review ends."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path

import asyncpg
import pyarrow.parquet as pq
import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import State
from support.float_checks import FloatChecks
from support.journeys import Journey
from support.limit_histories import END, written

from flows.change_profile import change_profile
from flows.evaluate_eligibility import evaluate_eligibility
from flows.recalculate_limits import recalculate_limits
from flows.review_customer import review_customer
from underwriting.domain.application import Product
from underwriting.domain.service import Service
from underwriting.local import Services
from underwriting.runtime import Runtime
from underwriting.settings import settings

# Planted in every field of the user service's answer that could name somebody, and in what the others answer.
CANARIES = [f"canary{number:03}x" for number in range(200)]


# Minor units, and seen nowhere else.
BALANCE = 2_718_281
# How many of them a field takes.
FIELDS = {"given_name": 1, "family_name": 1, "identity_document": 4, "street": 14}


@pytest.fixture
def environment(
    environment: None, services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """As in production: customers come from a user service of the lender's, which is the sandbox by its address."""
    monkeypatch.setenv("UNDERWRITING_LIMITS_HISTORIES", json.dumps([str(tmp_path)]))
    monkeypatch.setenv("UNDERWRITING_USER_SERVICE_URL", f"{services.settings.sandbox_url}/{Service.USERS}")
    settings.cache_clear()
    yield
    settings.cache_clear()


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
    verdicts = {(await journey.review(customer, amount="3141.59")).record.verdict for customer in planted}
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
    in_clear = [*planted, "3141.59", "3,141.59"]
    assert [each for each in in_clear if each in in_prefect] == [], "who applied, and for how much"


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
    account = {"account_id": f"acc-{canaries[0]}", "kind": "checking", "currency": "USD", "balance": BALANCE}
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
    assert f"evaluate-{records[0].id}" in in_prefect
    in_clear = [*planted_users, str(BALANCE), f"{BALANCE / 100:,.2f}"]
    assert str(BALANCE) in in_store
    assert [each for each in in_clear if each in in_prefect] == [], "who asked, and what they have"


async def test_neither_name_nor_message_nor_page_of_a_run_repeats_whom_staff_typed(
    journey: Journey, planted: list[str], planted_users: list[str], runtime: Runtime, tmp_path: Path
) -> None:
    user, applicant = planted_users[0], planted[0]
    evaluated: State[None] = await evaluate_eligibility(user, tenant="sandbox", return_state=True)
    changed: State[None] = await change_profile(
        user, "sandbox", paused=(Product.LOAN,), reason="goodwill", changed_by="ann", return_state=True
    )
    unknown: State[None] = await change_profile(
        "steady-pay-1", "sandbox", paused=("none",), reason="goodwill", changed_by="ann", return_state=True
    )
    reviewed: State[None] = await review_customer(applicant, "3141.59", return_state=True)
    assert [changed.name, unknown.is_failed()] == ["Changed", True]
    for state in (evaluated, changed, unknown, reviewed):
        run_id = state.state_details.flow_run_id
        assert run_id is not None
        mine = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
        async with get_client() as client:
            run = await client.read_flow_run(run_id)
            pages = [
                str(page.data) + str(page.description) for page in await client.read_artifacts(artifact_filter=mine)
            ]
        assert len(pages) == (state in (evaluated, reviewed))
        shown = "\n".join([run.name, state.message or "", *pages])
        assert [each for each in (user, applicant, "steady-pay-1", "3,141.59") if each in shown] == [], shown


async def test_a_limit_run_of_one_user_shows_no_limit(runtime: Runtime, tmp_path: Path) -> None:
    history = written(tmp_path / "history", users=20)
    (user,) = pq.read_table(history / "users", columns=["subject_id"]).slice(3, 1)["subject_id"].to_pylist()
    state: State[None] = await recalculate_limits(
        END, dry_run=True, history=str(history), user_id=user, return_state=True
    )
    assert state.name == "DryRun", state.message
    mine = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[state.state_details.flow_run_id]))
    async with get_client() as client:
        assert [page.type for page in await client.read_artifacts(artifact_filter=mine)] == ["progress"]
