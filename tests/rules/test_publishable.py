"""Publishing refuses a book that makes no sense, with its file and line, what is wrong and what to write instead."""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from support.eligibility_texts import SMALL as USERS
from support.rulebook_texts import SMALL as REVIEW

from rules.books import AnyBook, Draft, in_force, load_draft, shipped_books
from rules.core.problems import RulebookError
from rules.publishable import Requirements, check, read_drafts
from rules.unusual import warnings

TODAY = date(2026, 3, 2)
REQUIRED = Requirements(rules=("NotListed",), segments=("student", "standard"))
LISTED = "  - NotListed: {min_match_score: 0.92, grey_match_score: 0.75}\n"
SAFETY = f"""\
name: safety
version: 1
product: float
currency: USD
valid_from: 2026-01-01
superseding: true
rules:
{LISTED}"""


@pytest.fixture
def draft(tmp_path: Path):
    def write(text: str, name: str = "book.yaml") -> Draft:
        (tmp_path / name).write_text(text, "utf-8")
        return replace(load_draft(tmp_path / name), origin=name)

    return write


def problems(drafts: list[Draft], others: list[AnyBook] | None = None, required: Requirements = REQUIRED) -> list[str]:
    try:
        check(drafts, others or [], required, TODAY)
    except RulebookError as error:
        return list(error.problems)
    return []


def test_the_shipped_books_make_sense() -> None:
    drafts = [Draft(book) for book in shipped_books()]
    assert problems(drafts) == []
    # The bank of Berka's customers are pseudonyms; a changed book of that name is checked like any other.
    berka = next(draft.book for draft in drafts if draft.book.name == "berka")
    assert problems([Draft(berka)]) == []
    [problem] = problems([Draft(berka.model_copy(update={"version": 9}))])
    assert problem.startswith("berka v9: stages: NotListed is missing")


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (
            "financial_statements:\n      - DebtToIncome: {max_ratio: 43}",
            ["18: rule DebtToIncome: property max_ratio: 43 makes no sense; write 0.43 for 43%"],
        ),
        ("financial_statements:\n      - DebtToIncome: {max_ratio: 1.0}", []),
        (
            "financial_statements:\n      - DebtToIncome: {max_ratio: 1.01}",
            ["18: rule DebtToIncome: property max_ratio: 1.01 makes no sense; write 0.0101 for 1.01%"],
        ),
        (
            "financial_statements:\n      - RepaymentCapacity: {min_dscr: 1250}",
            ["18: rule RepaymentCapacity: property min_dscr: 1250 makes no sense; write 10 or less"],
        ),
        (
            "internal_exposure:\n      - WithinExposure: {max_total: -1}",
            [
                "18: rule WithinExposure: property max_total: -1 makes no sense, since nothing would pass; "
                "write 1 or more"
            ],
        ),
        ("internal_exposure:\n      - WithinExposure: {max_total: 1}", []),
        (
            "bank_statements:\n      - NegativeBalanceDays: {max_days: 3661}",
            ["18: rule NegativeBalanceDays: property max_days: 3661 makes no sense; write 3660 or less"],
        ),
    ],
)
def test_a_number_that_makes_no_sense_is_refused(draft, rules, expected) -> None:
    text = REVIEW.replace("payment_history:\n      - NoWriteOff", rules)
    assert problems([draft(text)]) == [f"book.yaml:{line}" for line in expected]


def test_a_book_without_the_screening_stage_is_refused(draft) -> None:
    start, end = REVIEW.index("  - fraud"), REVIEW.index("    payment_history")
    text = REVIEW[:start] + "  - payment_history" + REVIEW[end:].removeprefix("    payment_history")
    assert problems([draft(text)]) == [
        "book.yaml:9: stages: NotListed is missing, and no rulebook may lack it; add "
        "`NotListed: {min_match_score: 0.92, grey_match_score: 0.75}` to the check fraud"
    ]
    assert problems([draft(text)], required=replace(REQUIRED, rules=())) == []


def test_the_rules_that_no_book_may_lack_are_those_of_all_tenants(draft) -> None:
    required = Requirements.by_tenants({"*": ("NotListed",), "acme": ("NotListed", "NoInsolvency", "ListsCurrent")}, ())
    assert required.rules == ("NotListed", "NoInsolvency", "ListsCurrent")
    assert problems([draft(REVIEW)], required=required) == [
        "book.yaml:9: stages: ListsCurrent is missing, and no rulebook may lack it; add ListsCurrent to the check fraud"
    ]
    with pytest.raises(RulebookError, match=r"of acme: no rule is called NotListd; did you mean NotListed\?"):
        Requirements.by_tenants({"acme": ("NotListd",)}, ())


def test_offers_that_are_no_tier_are_refused(draft) -> None:
    found = problems([draft(USERS.replace("[1000, 2000]", "[10, 2000, 2500]") + LISTED)])
    assert [problem.partition(" (1000")[0] for problem in found] == [
        "book.yaml:10: offers: row 1: 10 is 0.10 USD, no tier of a float; write 1000 for 10.00 USD",
        "book.yaml:10: offers: row 3: 2500 is 25.00 USD, no tier of a float; write a tier",
    ]
    # Loans have no tiers.
    loan = USERS.replace("product: float", "product: loan").replace("[1000, 2000]", "[12345]")
    assert problems([draft(loan + LISTED)]) == []


def test_an_unknown_segment_is_refused(draft) -> None:
    book = draft(USERS.replace("[student]", "[standard, studnet]") + LISTED)
    assert problems([book]) == [
        "book.yaml:7: applies_to: segments: row 2: no segment is called studnet; did you mean student? "
        "There are standard, student (UNDERWRITING_SEGMENTS)"
    ]
    [first, _] = problems([book], required=replace(REQUIRED, segments=()))
    assert first.endswith(
        'no segments are known; list those of the user service in UNDERWRITING_SEGMENTS, as ["standard"]'
    )


def test_books_of_one_experiment_have_to_agree_on_its_shares(draft) -> None:
    small = draft(USERS + LISTED)
    other = draft(
        USERS.replace("small", "other").replace("{new: 0.25, old: 0.75}", "{new: 0.3}") + LISTED, "other.yaml"
    )
    assert problems([small]) == []
    expected = (
        "other.yaml:9: applies_to: experiment: shares: other v1 and small v1 give the arms of the experiment trial "
        "different shares, so that a user could be in two arms; write {new: 0.25, old: 0.75} in both, or publish them "
        "together"
    )
    assert problems([other], [small.book]) == [expected]
    # Books that never decide on the same day do not contradict each other.
    ended = small.book.model_copy(update={"valid_until": "2026-03-01"})
    assert problems([other], [ended]) == []
    begins = small.book.model_copy(update={"valid_from": "2026-09-01"})
    assert problems([other], [begins]) == [expected]


def test_no_user_may_be_decided_on_without_a_required_rule(draft) -> None:
    small, safety = draft(USERS, "small.yaml"), draft(SAFETY, "safety.yaml")
    [alone] = problems([small])
    assert alone.startswith("small.yaml:11: rules: NotListed is missing, and no user may be decided on without it")
    assert alone.endswith("here or in a superseding book for everybody")
    assert problems([small, safety]) == problems([small], [safety.book]) == problems([draft(USERS + LISTED)]) == []
    # A new version of the superseding book that leaves the rule out, or applies to some users only, or ends.
    newer = SAFETY.replace("version: 1", "version: 2")
    [left_out] = problems([draft(newer.replace(LISTED, "  - GoodStanding\n"))], [small.book, safety.book])
    assert left_out.startswith("book.yaml:7: rules: NotListed is missing")
    assert left_out.endswith("since small v1 does not have it either")
    for change in ("applies_to: {flag: safe}\n", "valid_until: 2026-12-31\n"):
        [narrowed] = problems([draft(newer.replace("rules:", f"{change}rules:"))], [small.book, safety.book])
        assert "small v1 would decide from " in narrowed
        assert narrowed.endswith("let this book apply to everybody, without an end")
    # What others lack already is not this draft's fault.
    assert problems([draft(REVIEW)], [small.book]) == []


def test_in_force_is_the_newest_version_that_has_begun(draft) -> None:
    first = draft(USERS).book
    second = first.model_copy(update={"version": 2, "valid_from": "2026-02-01", "valid_until": "2026-02-28"})
    assert in_force([second, first], date(2026, 1, 31)) == [first]
    assert in_force([second, first], date(2026, 2, 28)) == [second]
    assert in_force([second, first], date(2026, 3, 1)) == []


def test_everything_that_is_wrong_in_any_file_is_said_at_once(tmp_path: Path) -> None:
    rules = ("DebtToIncome: {max_ratio: 0,43}", "PositiveProfit: {min_margin: 5%}")
    income = "  - financial_statements:\n" + "".join(f"      - {rule}\n" for rule in rules)
    where = "  - customer_information:\n      - ResidenceServed: {countries: US}\n"
    owed = "  - internal_exposure:\n      - WithinExposure: {max_total: -1}\n"
    until = "valid_until: 2026-02-30\nvalid_until: 2026-03-01\n"
    review, users = tmp_path / "review.yaml", tmp_path / "users.yaml"
    review.write_text(REVIEW.replace("stages:", f"{until}stages:") + income + where + owed)
    users.write_text(USERS.replace("rules:", "rules:\n  - Gambling: {max_share: 20}\n  - Gamblin"))
    drafts, unread = read_drafts([review, users])
    assert drafts == []
    lines = [problem.removeprefix(f"{tmp_path}/") for problem in unread]
    said = [(line.partition(":")[0], line.rpartition(": ")[2]) for line in lines]
    assert said == [
        ("review.yaml", "2026-02-30 is not a possible date or number"),
        ("review.yaml", "valid_until appears twice, first in line 9; keep one"),
        ("review.yaml", "0,43 has a comma; write 0.43"),
        ("review.yaml", "write 0.05"),
        ("review.yaml", "[US]"),
        ("review.yaml", "-1 makes no sense, since nothing would pass; write 1 or more"),
        ("users.yaml", "no such rule; did you mean Gambling?"),
        ("users.yaml", "20 makes no sense; write 0.2 for 20%"),
    ]


def test_the_books_of_the_documents_are_sound_and_not_unusual(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "rulebooks.md").read_text("utf-8")
    books = [block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if block.startswith("name: ")]
    assert len(books) == 2
    for number, text in enumerate(books):
        (tmp_path / f"{number}.yaml").write_text(text, "utf-8")
    drafts, _ = read_drafts(sorted(tmp_path.iterdir()))
    of_applications, of_users = drafts
    assert problems([of_applications]) == []
    assert problems([of_users], shipped_books()) == []
    assert [warning for draft in drafts for warning in warnings(draft, REQUIRED)] == []
