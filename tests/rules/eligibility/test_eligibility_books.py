"""Books of eligibility: what they read, what they refuse and with which words."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from support.eligibility_texts import SMALL, problems

from rules.books import Draft, load_rulebook
from rules.eligibility import USER_RULES
from rules.eligibility.book import (
    parse_eligibility_book,
    shipped_eligibility_books,
)
from rules.prescreening.book import Rulebook, RulebookError
from rules.publishable import keep_arms
from underwriting.domain.decision import OnUnknown

SHIPPED = Path(__file__).parents[3] / "rules" / "rulebooks"
SAFETY = """\
name: safety
version: 1
product: float
currency: USD
valid_from: 2026-01-01
superseding: true
rules: [GoodStanding]
"""


def changed(old, new, text=SMALL):
    assert old in text
    return text.replace(old, new, 1)


def test_the_shipped_books():
    books = shipped_eligibility_books()
    assert {name: (book.product, book.priority, book.superseding) for name, book in books.items()} == {
        "float-safety": ("float", 0, True),
        "float-stringent": ("float", 10, False),
        "float-switchers": ("float", 20, False),
        "float-standard": ("float", 30, False),
        "float-standard-variant": ("float", 30, False),
        "loan-safety": ("loan", 0, True),
        "loan-standard": ("loan", 10, False),
    }
    # Every rule stands in one of them at least.
    assert {rule.name for book in books.values() for rule in book.rules} == set(USER_RULES)
    # The more a book offers, the more it asks: the stringent one is tried first.
    assert books["float-stringent"].offers[-1] > books["float-standard"].offers[-1]


def test_the_arms_of_the_shipped_experiment_are_everybody_once():
    books = [book for book in shipped_eligibility_books().values() if book.applies_to.experiment]
    experiments = [book.applies_to.experiment for book in books]
    assert {experiment.name for experiment in experiments} == {"float-standard-2026"}
    assert len({json.dumps(experiment.model_dump(mode="json")["shares"]) for experiment in experiments}) == 1
    assert Counter(experiment.arm for experiment in experiments) == Counter(experiments[0].shares.keys())
    assert sum(experiments[0].shares.values()) == 1


def test_the_book_in_the_documentation_is_one():
    page = (SHIPPED.parents[1] / "docs" / "rulebooks.md").read_text("utf-8")
    _, _, example = page.partition("## Books of eligibility")[2].partition("```yaml\n")
    book = parse_eligibility_book(example.partition("```")[0])
    assert (book.name, len(book.rules)) == ("float-students", 2)


@pytest.mark.parametrize("file", sorted((SHIPPED / "eligibility").glob("*.yaml")), ids=lambda file: file.stem)
def test_every_threshold_of_a_shipped_book_names_its_source(file):
    lines = [line.strip() for line in file.read_text("utf-8").splitlines()]
    rules = lines[lines.index("rules:") + 1 :]
    sourced = False
    for line in rules:
        sourced = line.startswith("#") or (sourced and bool(line))
        assert sourced or line in {"", "- UserFound", "- GoodStanding"}, line
    assert load_rulebook(file) == shipped_eligibility_books()[file.stem]


def test_a_small_book():
    book = parse_eligibility_book(SMALL)
    assert [rule.name for rule in book.rules] == ["AgeOfAccount", "GoodStanding", "ReturnedDebits"]
    assert (book.offers, book.priority, book.superseding, book.on_unknown) == (
        (1000, 2000),
        100,
        False,
        OnUnknown.REFER,
    )
    assert (book.applies_to.segments, book.applies_to.flag) == (("student",), "small-floats")
    assert str(book.ref) == "small v1"
    assert parse_eligibility_book(SAFETY).offers == ()


@pytest.mark.parametrize("text", [SMALL, SAFETY, *(book.text for book in shipped_eligibility_books().values())])
def test_the_canonical_text_reads_back_to_the_same_book(text):
    book = parse_eligibility_book(text)
    again = parse_eligibility_book(book.text)
    assert (again, again.ref, again.text) == (book, book.ref, book.text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.25, old: 0.75", '"0.2500", old: 0.750'),
        ("[student]", "\n    - student"),
        ("rules:", "priority: 100\nrules:"),
    ],
)
def test_the_digest_is_of_the_meaning(old, new):
    assert parse_eligibility_book(changed(old, new)).ref == parse_eligibility_book(SMALL).ref


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("60", "61"),
        ("[1000, 2000]", "[1000]"),
        ("[student]", "[staff]"),
        ("arm: new", "arm: old"),
        ("rules:", "priority: 1\nrules:"),
        ("  - GoodStanding\n", ""),
    ],
)
def test_another_meaning_has_another_digest(old, new):
    assert parse_eligibility_book(changed(old, new)).ref.digest != parse_eligibility_book(SMALL).ref.digest


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("AgeOfAccount", "AgeOfAcount", ["12: rule AgeOfAcount: no such rule; did you mean AgeOfAccount?"]),
        ("GoodStanding", "CreditScore", ["13: rule CreditScore: no such rule; did you mean CashAdvanceScore?"]),
        (
            "min_age",
            "min_aeg",
            [
                "12: rule AgeOfAccount: property min_aeg: no such property; did you mean min_age?",
                "12: rule AgeOfAccount: property min_age: missing; "
                "give a whole number, at least 0 (Days since the oldest transaction)",
            ],
        ),
        ("60", "-1", ["12: rule AgeOfAccount: property min_age: -1 is too low; write 0 or more"]),
        (
            "30}",
            "45}",
            ["14: rule ReturnedDebits: property number_of_days: 45 is not possible here; write 30, 60 or 90"],
        ),
        (
            "- GoodStanding",
            "- FloatRank: {min_float_rank: 3, max_float_rank: 2}",
            ["13: rule FloatRank: property max_float_rank: is below min_float_rank; raise it"],
        ),
        (
            "- GoodStanding",
            "- InstitutionCheck: {institution_list: [], min_balance: 0}",
            ["13: rule InstitutionCheck: property institution_list: empty; list at least one"],
        ),
        ("- GoodStanding", "- AgeOfAccount: {min_age: 1}", ["13: rule AgeOfAccount: appears twice; keep one"]),
        ("- GoodStanding", "- 12", ["13: rules: write a rule as Name, or as Name: {property: value}"]),
        (
            "- GoodStanding",
            "- GoodStanding: 1",
            ["13: rule GoodStanding: write its properties as {property: value}"],
        ),
        ("offers: [1000, 2000]\n", "", ["1: offers: missing; list the amounts that the book opens, in minor units"]),
        ("[1000, 2000]", "[2000, 1000]", ["10: offers: have to rise, each amount once"]),
        ("[1000, 2000]", "[0, 1000]", ["10: offers: row 1: 0 is too low; write more than 0"]),
        ("[student]", "[]", ["7: applies_to: segments: empty; list at least one"]),
        ("flag:", "flga:", ["8: applies_to: flga: no such key; did you mean flag?"]),
        (
            "arm: new",
            "am: new",
            [
                "9: applies_to: experiment: am: no such key; did you mean arm?",
                "9: applies_to: experiment: arm: missing; give text (lower-case letters, digits, - and _)",
            ],
        ),
        ("arm: new", "arm: nwe", ["9: applies_to: experiment: the arm nwe has no share; the arms are new, old"]),
        (
            "0.75",
            "0.76",
            ["9: applies_to: experiment: the shares add up to 1.01, more than everybody; lower them to at most 1"],
        ),
        (
            "0.25",
            "0.12345",
            ["9: applies_to: experiment: shares: new: 0.12345 is finer than one in 10000; round it to four decimals"],
        ),
        ("0.25", ".nan", ["9: applies_to: experiment: shares: new: .nan is not a number; write a number"]),
        ("rules:", "terms: {}\nrules:", ["11: terms: no such key; did you mean offers?"]),
    ],
)
def test_a_problem_names_its_place_and_what_to_do(old, new, expected):
    assert problems(changed(old, new)) == [f"book.yaml:{line}" for line in expected]


def test_a_superseding_book_opens_nothing():
    assert problems(SAFETY + "offers: [1000]\napplies_to: {flag: safe}\n") == [
        "book.yaml:8: offers: a superseding book opens no amounts; leave them to the regular ones"
    ]


def test_a_new_version_of_an_experiment_moves_nobody():
    small = parse_eligibility_book(SMALL)
    experiment = small.applies_to.experiment
    assert experiment is not None
    for share, problem in ((experiment.shares[experiment.arm], None), (Decimal("0.0001"), "would move")):
        shares = {**experiment.shares, experiment.arm: share}
        changed_to = {"applies_to": {"experiment": {"name": experiment.name, "arm": experiment.arm, "shares": shares}}}
        newer = small.model_copy(update={"version": 2, **changed_to})
        if problem is None:
            keep_arms([experiment], [Draft(newer)])
            keep_arms([], [Draft(newer)])
            continue
        with pytest.raises(RulebookError, match=f"{newer.ref} would move .*% of all users out of their arms of "):
            keep_arms([experiment], [Draft(newer)])


@pytest.mark.parametrize(
    "text", [SMALL, changed("product: float", "product: loan", SAFETY)], ids=["float", "superseding"]
)
def test_only_a_regular_book_for_loans_has_instalments(text):
    assert problems(text + "instalments: 2\n") == [
        f"book.yaml:{len(text.splitlines()) + 1}: instalments: only a regular book for loans has instalments; "
        "leave it out"
    ]


def test_one_instalment_is_as_good_as_not_said():
    loan = changed("product: float", "product: loan")
    assert parse_eligibility_book(loan + "instalments: 1\n").ref == parse_eligibility_book(loan).ref
    several = parse_eligibility_book(loan + "instalments: 2\n")
    assert several.ref != parse_eligibility_book(loan).ref
    assert parse_eligibility_book(several.text).instalments == 2


@pytest.mark.parametrize(("costs", "same"), [("0", True), ("0.30", False)])
def test_a_loan_without_interest_is_as_good_as_not_said(costs, same):
    loan = changed("product: float", "product: loan")
    priced = parse_eligibility_book(loan + f"annual_rate: {costs}\nfee: 0\ninstalment_days: 31\n")
    assert (priced.ref == parse_eligibility_book(loan).ref) is same
    assert parse_eligibility_book(priced.text) == priced


@pytest.mark.parametrize(
    ("costs", "rate"),
    [
        ("annual_rate: 0.36", "0.36"),
        ("annual_rate: 0.24\ninstalments: 4", "0.24"),
        # 1,005 back for 1,000 after a week, and after three days: 0.5% of 365/7 and of 365/3 such periods.
        ("fee: 5", "0.260714286"),
        ("fee: 5\ninstalment_days: 3", "0.608333333"),
        # A subscription counts as a fee for each month that has begun: one in four weeks, two in five.
        ("subscription_fee: 5", "0.262024408"),
        ("instalments: 4\nsubscription_fee: 5", "0.104704743"),
        ("instalments: 5\nsubscription_fee: 5", "0.175173506"),
        ("", "0"),
    ],
)
def test_the_rate_for_covered_borrowers_is_no_lower_than_what_the_book_costs(costs, rate):
    loan = (
        changed("product: float", "product: loan")
        + "  - MilitaryRate: {mapr: MAPR, max_mapr: 0.36, max_age_days: 30}\n"
    )
    loan += costs
    book = parse_eligibility_book(changed("MAPR", rate, loan))
    assert book.mapr == Decimal(rate)
    assert parse_eligibility_book(changed("MAPR", str(Decimal(rate) + 1), loan)).mapr == book.mapr
    if rate != "0":
        below = Decimal(rate) - Decimal("1e-9")
        assert problems(changed("MAPR", f"{below:f}", loan)) == [
            f"book.yaml:15: rule MilitaryRate: property mapr: is below {rate}, the rate of 1000 by the book's costs; "
            "raise it"
        ]


def test_a_loan_that_costs_as_much_as_it_is_has_no_rate():
    rule = "  - MilitaryRate: {mapr: 9, max_mapr: 0.36, max_age_days: 30}\n"
    loan = changed("product: float", "product: loan") + rule + "subscription_fee: 1000\n"
    assert problems(loan) == [
        "book.yaml:10: offers: row 1: 1000 is no more than what the loan costs; amounts are in minor units"
    ]


def test_a_file_is_read_as_the_kind_of_book_that_it_is(tmp_path):
    file = tmp_path / "book.yaml"
    file.write_text(SMALL, "utf-8")
    assert load_rulebook(file) == parse_eligibility_book(SMALL)
    assert isinstance(load_rulebook(SHIPPED / "prescreening.yaml"), Rulebook)
    file.write_text(changed("AgeOfAccount", "AgeOfAcount"), "utf-8")
    with pytest.raises(
        RulebookError, match=r"book\.yaml:12: rule AgeOfAcount: no such rule; did you mean AgeOfAccount\?"
    ):
        load_rulebook(file)
