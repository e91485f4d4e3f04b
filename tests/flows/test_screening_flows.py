"""Whom a person cleared is let through, and known customers are compared with a list that changes."""

from datetime import UTC, datetime

import pytest
from prefect.client.schemas.objects import State
from support.float_checks import FloatChecks
from support.journeys import TENANT, Journey

from flows.decide_referral import decide_referral
from flows.screen_customers import screen_customers
from rules.limits.tiers import CURRENCY, TIERS
from tasks.screening import screen_customers as compare_all
from underwriting.domain.application import Product
from underwriting.referrals import StaffVerdict
from underwriting.runtime import Runtime
from underwriting.screening.entries import Entry, ScreeningList
from underwriting.screening.names import Kind
from underwriting.screening.screener import store_list
from underwriting.store import evaluations, lists, matches, profiles
from underwriting.store.matches import Match
from underwriting.store.session import Store


async def waiting(store: Store) -> list[Match]:
    async with store.read() as work:
        return await matches.waiting(work)


async def test_a_cleared_match_does_not_come_back(journey: Journey) -> None:
    referred = (await journey.review("possible-match")).record
    assert [reason.code for reason in referred.reasons] == ["list_match_possible"]
    (match,) = await waiting(journey.runtime.store)
    assert (match.user_id, match.found.reference, match.found.confirmed) == ("possible-match", "sandbox:8279", False)
    word = (referred.id, StaffVerdict.APPROVE, "born two years later", "ann")
    for _ in range(2):
        state: State[None] = await decide_referral(*word, clears_match=True, return_state=True)
        assert state.name == "Approved", state.message
    assert await waiting(journey.runtime.store) == []
    assert (await journey.review("possible-match")).record.verdict == "approved"


async def test_a_match_can_be_cleared_only_where_there_is_one_and_by_an_approval(journey: Journey) -> None:
    referred = (await journey.review("thin-file")).record
    for word, reasons, why in (
        (StaffVerdict.APPROVE, (), "has no open match with a list"),
        (StaffVerdict.REJECT, ("income_low",), "a rejection clears no match with a list"),
    ):
        state: State[None] = await decide_referral(
            referred.id, word, "seen the payslips", "ann", reasons, clears_match=True, return_state=True
        )
        assert state.is_failed()
        assert why in (state.message or "")
    assert await journey.record(referred.id) == referred


async def list_somebody(runtime: Runtime, user_id: str, digest: str = "a") -> None:
    who = await runtime.sources.person(user_id, datetime.now(UTC).date())
    entry = Entry(id="1", kind=Kind.INDIVIDUAL, name=f"{who.given_name} {who.family_name}")
    await store_list(runtime.store, ScreeningList("news", digest * 64, (entry,)), "ann")


async def screened() -> str:
    state: State[None] = await screen_customers(return_state=True)
    assert state.name == "Screened", state.message
    return state.message or ""


async def test_a_known_customer_who_is_listed_is_found_and_judged_again(checks: FloatChecks) -> None:
    runtime = checks.journey.runtime
    before = (await checks.evaluate("steady-pay")).record
    assert before.verdict == "approved"
    assert await screened() == "1 customers compared, 0 found, 0 not compared"
    assert await screened() == "0 customers compared, 0 found, 0 not compared"
    await list_somebody(runtime, "steady-pay")
    assert await screened() == "1 customers compared, 1 found, 0 not compared"
    assert [(match.tenant, match.user_id) for match in await waiting(runtime.store)] == [(TENANT, "steady-pay")]
    async with runtime.store.read() as work:
        again = await evaluations.newest(work, TENANT, "steady-pay", Product.FLOAT)
    assert again is not None
    assert again.subject.id != before.id
    judged = await checks.run(again.subject)
    assert judged.said == ("referred", "list_match_possible")
    # The same entry in a new version of the list is no news.
    await list_somebody(runtime, "steady-pay", "b")
    assert await screened() == "0 customers compared, 0 found, 0 not compared"


async def test_many_who_are_not_compared_for_one_reason_are_one_line_of_the_log(
    checks: FloatChecks, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = checks.journey.runtime
    async with runtime.store.begin() as work:
        for user in ("no-one", "no-two", "no-three"):
            await profiles.on_first_contact(work, TENANT, user, datetime.now(UTC), CURRENCY, TIERS)
    await list_somebody(runtime, "steady-pay")
    done = await compare_all(runtime)
    assert (done.screened, done.troubled) == (0, 3)
    lines = [record.getMessage() for record in caplog.records if record.name == "tasks.screening"]
    assert lines == ["3 customers are not compared with the lists: users: does not know the customer"]


async def test_a_list_is_not_done_while_the_user_service_is_away(checks: FloatChecks) -> None:
    journey = checks.journey
    await checks.evaluate("steady-pay")
    await list_somebody(journey.runtime, "steady-pay")
    await journey.faults({"users": {"error_rate": 1.0}})
    assert await screened() == "0 customers compared, 0 found, 1 not compared"
    await journey.faults({})
    assert await screened() == "1 customers compared, 1 found, 0 not compared"
    async with journey.runtime.store.read() as work:
        assert {version.screened_at == version.loaded_at for version in await lists.versions(work)} == {True}
