"""What a notice says: everything that the law asks for, and nothing that is not so."""

import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from jinja2.exceptions import SecurityError
from pydantic import ValidationError
from support.notices import ADA, AGENCY, APPLICATION, BUREAU, BUREAUS, CREDITOR, LOW, TODAY, about, report

from underwriting.domain.creditor import Bureau, BusinessReasons, Creditor
from underwriting.domain.decision import Missing
from underwriting.domain.notice import NoticeKind
from underwriting.notices.errors import NoticeImpossible
from underwriting.notices.notice import About, Addressee, Notice
from underwriting.notices.write import as_html, as_text, creditor_of, notice_of
from underwriting.store.record import OfferRecord

ECOA = (
    "The Federal Equal Credit Opportunity Act prohibits creditors from discriminating against credit applicants on the "
    "basis of race, color, religion, national origin, sex, marital status, age"
)
OFFER = OfferRecord(amount="2000.00", term_months=36, instalment="78.46")
UNTIL = datetime(2026, 3, 23, 12, tzinfo=UTC)
COUNTEROFFER = about(kind=NoticeKind.COUNTEROFFER, offer=OFFER, respond_by=UNTIL)
STREET = Missing(code="identity_incomplete", sentence="Personal details are missing.", what="street")
INCOMPLETE = about(kind=NoticeKind.INCOMPLETENESS, missing=(STREET,), respond_by=UNTIL, reasons=(LOW,))
LOWERED = about(subject_id="lim_01KAYB2M4Z5W8Q0V6T3R9N7XJC", amount=None, limit_before="50.00", limit_after="40.00")
PAUSED = LOWERED.model_copy(update={"limit_after": "50.00"})


def noticed(what: About, addressee: Addressee = ADA, creditor: Creditor = CREDITOR) -> Notice:
    return notice_of(what, addressee, creditor, BUREAUS, TODAY)


def text_of(what: About, addressee: Addressee = ADA, creditor: Creditor = CREDITOR) -> str:
    return " ".join(as_text(noticed(what, addressee, creditor), creditor).split())


class Reader(HTMLParser):
    """The text of a page, and its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        self.tags.append(tag)


def test_a_rejection_names_the_creditor_the_action_the_reasons_and_the_agency():
    said = text_of(about())
    for part in (CREDITOR.name, CREDITOR.address, CREDITOR.telephone, "Ada Byron", "7 Elm Court"):
        assert part in said
    assert f"On 2026-03-02 we declined your application {APPLICATION} for 2,500.00 USD." in said
    assert "The principal reasons for our decision: - Your credit score is too low." in said
    assert ECOA in said
    assert f"concerning this creditor is {AGENCY.name}, {AGENCY.address}." in said
    assert "a report from this consumer reporting agency" not in said, "no report was used"


def test_a_report_that_was_used_is_disclosed_as_the_law_asks():
    said = text_of(about(report=report()))
    for part in (BUREAU.name, BUREAU.address, BUREAU.telephone):
        assert part in said
    assert "The agency did not make this decision and cannot tell you the specific reasons for it." in said
    assert "a free copy of your report from the agency, if you ask for it within 60 days" in said
    assert "the right to dispute with the agency the accuracy or completeness" in said
    assert f"your credit score, which {BUREAU.name} supplied" in said
    assert "Your credit score: 601 (Score 8) Date: 2026-03-01 Scores range from 300 to 850" in said
    factors = (
        "- Balances are high - An account was paid late - Few accounts - Short history - Number of recent inquiries"
    )
    assert factors in said, "four, the weightiest first, and inquiries besides"


@pytest.mark.parametrize(
    ("changes", "inquiries"),
    [
        ({"inquiries_factor": False}, False),
        ({"inquiries_factor": None}, False),
        ({"key_factors": [{"rank": 1, "code": "8", "text": "Too many inquiries"}]}, False),
        ({"key_factors": []}, True),
    ],
)
def test_inquiries_are_named_if_they_were_a_factor_and_are_not_among_the_four(changes, inquiries):
    assert ("Number of recent inquiries" in text_of(about(report=report(**changes)))) is inquiries


@pytest.mark.parametrize("score", [None, 299, 851, 4, 9002])
def test_an_exclusion_code_is_no_score(score):
    said = text_of(about(report=report(score=score)))
    assert "Your credit score:" not in said
    assert BUREAU.name in said, "the report was used all the same"


@pytest.mark.parametrize("changes", [{"exclusion_code": "9002"}, {"score_min": None}, {"score_max": None}])
def test_a_score_that_was_not_used_is_not_told(changes):
    said = text_of(about(report=report(**changes)))
    assert "Your credit score:" not in said
    assert BUREAU.name in said


@pytest.mark.parametrize("score", [300, 850])
def test_the_ends_of_the_range_are_scores(score):
    assert f"Your credit score: {score}" in text_of(about(report=report(score=score)))


def test_a_bureau_that_nobody_can_reach_stops_the_notice():
    with pytest.raises(NoticeImpossible, match=r"address of the bureau second.*UNDERWRITING_BUREAUS"):
        noticed(about(report=report(bureau="second")))
    with pytest.raises(NoticeImpossible, match=r"no creditor for the tenant globex.*UNDERWRITING_CREDITORS"):
        creditor_of("globex", {"acme": CREDITOR})
    assert noticed(about(report=report(bureau=None))).report is not None, "there is one bureau only"


def test_a_bureau_has_a_telephone():
    with pytest.raises(ValidationError, match="telephone"):
        Bureau(name="First Bureau", address="2 Oak Street")


@pytest.mark.parametrize(
    ("what", "told"), [(about(), True), (COUNTEROFFER, True), (LOWERED, True), (INCOMPLETE, False)], ids=str
)
def test_a_person_is_told_of_the_right_to_know_what_others_said(what, told):
    right = "you have the right to know the nature of that information. Ask us in writing within 60 days"
    assert (right in text_of(what)) is told
    assert right not in text_of(what.model_copy(update={"business": True})), "a company has no such right"


@pytest.mark.parametrize(
    ("until", "day"),
    [
        (datetime(2026, 3, 23, 11, 59, tzinfo=UTC), "2026-03-21"),
        (datetime(2026, 3, 23, 12, tzinfo=UTC), "2026-03-22"),
        (datetime(2026, 3, 23, 23, 59, tzinfo=UTC), "2026-03-22"),
    ],
)
def test_an_answer_on_the_day_that_the_notice_names_is_in_time_everywhere(until, day):
    for what in (COUNTEROFFER, INCOMPLETE):
        assert f"by {day}." in text_of(what.model_copy(update={"respond_by": until}))


def test_a_counteroffer_says_what_is_offered_and_until_when_and_why_not_more():
    said = text_of(COUNTEROFFER)
    assert "We can offer you instead: 2,000.00 USD over 36 months, 78.46 USD a month" in said
    assert "please tell us by 2026-03-22" in said
    assert "Your credit score is too low." in said
    assert ECOA in said


def test_a_notice_of_incompleteness_says_what_is_missing_by_when_and_what_follows():
    said = text_of(INCOMPLETE)
    assert "- Personal details are missing. Missing: street." in said
    assert "Please provide it by 2026-03-22." in said
    assert "we will not consider your application any further" in said
    assert "principal reasons" not in said
    assert noticed(about(kind=NoticeKind.INCOMPLETENESS, respond_by=UNTIL, report=report())).report is None


def test_a_lowered_limit_says_from_what_to_what():
    assert "On 2026-03-02 we lowered your limit from 50.00 USD to 40.00 USD." in text_of(LOWERED)


@pytest.mark.parametrize(
    ("business", "how", "asks"),
    [
        (False, BusinessReasons.ON_REQUEST, False),
        (True, BusinessReasons.STATED, False),
        (True, BusinessReasons.ON_REQUEST, True),
    ],
)
def test_a_company_may_be_told_that_it_can_ask_for_the_reasons(business, how, asks):
    creditor = CREDITOR.model_copy(update={"business_reasons": how})
    said = text_of(about(business=business), creditor=creditor)
    assert ("You have the right to a written statement of the specific reasons" in said) is asks
    assert (LOW.sentence in said) is not asks
    assert ("within 60 days of this notice" in said) is asks
    assert ECOA in said


def test_a_customer_whose_name_is_not_known_is_called_by_the_id():
    assert "Customer ada" in text_of(about(), Addressee(customer_id="ada"))


@pytest.mark.parametrize("what", [about(report=report()), COUNTEROFFER, INCOMPLETE, LOWERED, PAUSED], ids=str)
def test_the_page_says_what_the_text_says(what):
    reader = Reader()
    reader.feed(as_html(noticed(what), CREDITOR))
    page, plain = ("".join(" ".join(words).split()) for words in (reader.words, [text_of(what)]))
    for line in as_text(noticed(what), CREDITOR).splitlines():
        said = "".join(line.strip().removeprefix("- ").split())
        assert said.lower() in page.lower(), line
    assert len(page) < len(plain) + 100


def test_nothing_in_a_page_is_taken_for_html():
    hostile = "<script>alert(1)</script>"
    reader = Reader()
    who = Addressee(customer_id="ada", name=hostile, street=hostile)
    reader.feed(as_html(noticed(about(report=report(score_model=hostile)), who), CREDITOR))
    assert "script" not in reader.tags
    assert "".join(reader.words).count(hostile) == 3


def test_the_data_is_what_the_templates_say():
    told = json.loads(noticed(about(report=report())).model_dump_json())
    assert (told["reasons"][0]["code"], told["report"]["score"]["points"]) == ("credit_score_low", 601)
    assert (told["creditor"]["name"], told["addressee"]["name"]) == (CREDITOR.name, "Ada Byron")


def own(folder: Path, template: str) -> Creditor:
    (folder / "notice.txt.j2").write_text(template)
    return CREDITOR.model_copy(update={"templates": folder})


def test_a_tenant_may_have_a_template_of_its_own(tmp_path):
    creditor = own(tmp_path, "Dear {{ notice.addressee.name }}, no. {{ notice.reasons[0].sentence }}")
    notice = noticed(about(), creditor=creditor)
    assert as_text(notice, creditor) == "Dear Ada Byron, no. Your credit score is too low."
    assert "<h1>" in as_html(notice, creditor), "the others are ours"


@pytest.mark.parametrize(
    ("template", "error"),
    [("{{ notice.reason }}", UndefinedError), ("{{ notice.__class__.__mro__ }}", SecurityError)],
)
def test_a_template_sees_the_notice_alone(tmp_path, template, error):
    creditor = own(tmp_path, template)
    with pytest.raises(error):
        as_text(noticed(about(), creditor=creditor), creditor)


def test_a_pause_is_not_told_as_a_lower_limit() -> None:
    assert "On 2026-03-02 we stopped offering you loans." in text_of(PAUSED)
    assert "<p>On 2026-03-02 we stopped offering you loans.</p>" in as_html(noticed(PAUSED), CREDITOR)
    assert "lowered" not in text_of(PAUSED)
