"""`review` against an API that answers with a stored record: what it prints of a decision."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from pytest_httpserver import HTTPServer
from support.shell import BOOK, Shell

from rules.prescreening.book import parse_rulebook, shipped_rulebooks
from underwriting.domain.application import Application, ApplicationRequest, State
from underwriting.domain.decision import (
    CheckResult,
    Decision,
    FactValue,
    Missing,
    Offer,
    Outcome,
    Reason,
    Result,
    RulebookRef,
    Verdict,
)
from underwriting.domain.money import Money
from underwriting.settings import settings
from underwriting.store.record import CheckRecord, Record

NOW = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
UNTIL = datetime(2026, 6, 21, 9, 30, tzinfo=UTC)
ID = "app_01KAYB2M4Z5W8Q0V6T3R9N7XJC"
OWES = Reason(code="exposure_limit", sentence="With this loan you would owe us more than we lend to one customer.")
OFFER = Offer(
    amount=Money(minor=150_000, currency="USD"), term_months=24, instalment=Money(minor=7_931, currency="USD")
)
STREET = Missing(code="identity_incomplete", sentence="Personal details are missing.", what="street")
NO_CONTACT = Missing(code="contact_not_verified", sentence="Neither address nor number is verified.")
SHIPPED = shipped_rulebooks()["prescreening"]
Review = Callable[..., list[str]]


@pytest.fixture
def review(migrated: Shell, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Review:
    """The lines that `review` prints, at 80 columns, of what the API has decided."""
    monkeypatch.setenv("UNDERWRITING_PUBLIC_URL", httpserver.url_for(""))
    monkeypatch.setenv("COLUMNS", "80")
    settings.cache_clear()
    wanted = ApplicationRequest(customer_id="ada", amount="2500.00", currency="USD")
    application = Application(
        id=ID,
        tenant="acme",
        request_key="key",
        customer_id="ada",
        product=wanted.product,
        requested=wanted.requested,
        term_months=None,
        as_of=date(2026, 6, 1),
        received_at=NOW,
        received_on=date(2026, 6, 1),
    )

    def lines(*checks: CheckResult, rulebook: RulebookRef = SHIPPED.ref, **decided: object) -> list[str]:
        decision = Decision.model_validate({"rulebook": rulebook, "decided_at": NOW, **decided})
        record = Record.undecided(application, State.DONE).decided(decision, tuple(map(CheckRecord.of, checks)))
        httpserver.clear()
        httpserver.expect_request("/v1/applications", "POST").respond_with_data(record.body)
        code, told, _ = migrated.run("review", "ada", "--amount", "2500.00", "--token", "any")
        assert code == 0
        return told.splitlines()

    return lines


def test_a_counteroffer_is_shown_with_its_terms_its_end_and_the_command_that_answers_it(review: Review) -> None:
    told = review(verdict=Verdict.COUNTEROFFER, reasons=(OWES,), offer=OFFER, respond_by=UNTIL)
    assert "  offered instead: 1,500.00 USD over 24 months, 79.31 USD a month" in told
    assert "  waits for the customer until 2026-06-21 09:30 UTC" in told
    assert f"  underwriting answer {ID} accepted" in told
    reason = told.index("  exposure_limit: With this loan you would owe us more than we lend to one")
    assert told[reason + 1] == "    customer.", "a line that is broken goes on below its text"


def test_an_incomplete_application_is_shown_with_all_that_is_missing(review: Review) -> None:
    reasons = (Reason(code=STREET.code, sentence=STREET.sentence),)
    told = review(verdict=Verdict.INCOMPLETE, reasons=reasons, missing=(STREET, NO_CONTACT), respond_by=UNTIL)
    assert "  missing: street" in told
    assert "  missing: contact_not_verified" in told, "it is none of the reasons"
    assert "  waits for the customer until 2026-06-21 09:30 UTC" in told
    assert f"  underwriting answer {ID} supplied" in told


def test_what_is_missing_is_not_said_twice(review: Review) -> None:
    reasons = (Reason(code=NO_CONTACT.code, sentence=NO_CONTACT.sentence),)
    told = review(verdict=Verdict.INCOMPLETE, reasons=reasons, missing=(NO_CONTACT,), respond_by=UNTIL)
    assert not [line for line in told if line.startswith("  missing:")]


def of_check(rule: str, **observed: FactValue) -> CheckResult:
    return CheckResult(check="any", outcomes=(Outcome(rule=rule, result=Result.FAIL, observed=observed),))


def test_what_a_rule_asks_is_beside_what_it_saw_and_money_reads_like_money(review: Review) -> None:
    exposed = of_check("WithinExposure", exposure_with_request=2_600_000)
    told = review(exposed, of_check("CustomerFound", customer_found=False), verdict=Verdict.REJECTED)
    rule = told.index("  fail     WithinExposure: asks max_total = 25,000.00 USD,")
    assert told[rule + 1] == "           saw exposure_with_request = 26,000.00 USD", "no value is cut"
    assert "  fail     CustomerFound: saw customer_found = no" in told, "it asks nothing in particular"


def test_what_a_published_book_asks_is_read_from_the_store(review: Review, migrated: Shell) -> None:
    tiny = parse_rulebook(BOOK).ref
    young = of_check("AdultApplicant", age_years=17)
    unknown = "  fail     AdultApplicant: saw age_years = 17"
    assert unknown in review(young, rulebook=tiny, verdict=Verdict.REJECTED), "it is not published"
    assert migrated.run("rulebooks", "publish", str(migrated.folder / "tiny.yaml"))[0] == 0
    told = review(young, rulebook=tiny, verdict=Verdict.REJECTED)
    assert "  fail     AdultApplicant: asks min_age_years = 18, saw age_years = 17" in told
    other = tiny.model_copy(update={"digest": "d" * 64})
    assert unknown in review(young, rulebook=other, verdict=Verdict.REJECTED), "the API's store has another book"
