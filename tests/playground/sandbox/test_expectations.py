"""What the table of personas promises is what the shipped rulebook makes of their documents."""

import json
from collections import defaultdict
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from rules.books import load_rulebook
from rules.facts import CHECKS, compute_facts, subjects, tables_of
from rules.prescreening.engine import evaluate
from underwriting.domain.decision import Verdict
from underwriting.domain.documents import ListScreening, RequestTerms
from underwriting.domain.money import Money, instalment
from underwriting.domain.service import Service
from underwriting.integrations.errors import MalformedAnswer
from underwriting.playground.sandbox.lists import sandbox_lists
from underwriting.playground.sandbox.personas import TABLE, find
from underwriting.playground.sandbox.records import RECORDS
from underwriting.playground.sandbox.source_request import SourceRequest
from underwriting.screening.index import ListIndex
from underwriting.screening.ofac import load_ofac
from underwriting.screening.screener import look_up, screening_of, subjects_of
from underwriting.sources.answers import parse_document

BOOK = load_rulebook(Path(__file__).parents[3] / "rules" / "rulebooks" / "prescreening.yaml")
NOT_LISTED = next(rule for rule in BOOK.rules if rule.name == "NotListed")
REQUESTED = Money.parse("2500.00", "USD")
# A leap day, a month end, the first of a month, and days within one.
DATES = [date(2024, 2, 29), date(2026, 3, 31), date(2025, 5, 1), date(2025, 8, 14), date(2026, 1, 20)]
OFAC = Path(__file__).parents[4] / "shared" / "data" / "ofac"


def documents(customer_id: str, as_of: date) -> dict[Service, object]:
    """Every answer that a client would take of this customer's services."""
    who = find(customer_id)
    silent = {who.down, who.slow, who.huge}
    asked = SourceRequest(customer_id, as_of, "USD", 6)
    answers = {service: RECORDS[service](who, asked) for service in RECORDS if service not in silent}
    taken = {service: _taken(service, answer, who.wrong_fields.get(service)) for service, answer in answers.items()}
    return {service: answer for service, answer in taken.items() if answer is not None}


def _taken(service, answer, wrong_fields):
    """The answer with its wrong_fields; None where a client refuses it."""
    if answer is None or not wrong_fields:
        return answer
    try:
        body = json.dumps(answer.model_dump(mode="json") | dict(wrong_fields)).encode()
        return parse_document(service, type(answer), body)
    except MalformedAnswer:
        return None


def screening(index: ListIndex, person) -> ListScreening:
    return screening_of(look_up(index, subjects_of(person, None), 10), datetime.now(UTC))


def decisions(customers: list[tuple[str, date]]) -> list[tuple[str, str]]:
    """The verdict and the first reason of each, as the whole rulebook has it in one batch."""
    index = ListIndex({listed.name: listed.entries for listed in sandbox_lists()})
    monthly = instalment(REQUESTED, BOOK.terms.annual_rate, BOOK.terms.months)
    parts = defaultdict[str, list[pa.Table]](list)
    for customer_id, as_of in customers:
        found = documents(customer_id, as_of)
        screened = screening(index, found[Service.USERS])
        terms = RequestTerms(bureau_permitted=True, mapr=BOOK.terms.mapr(BOOK.terms.months))
        row = f"{customer_id} {as_of}"
        tables = tables_of(row, [*found.values(), screened, terms]) | subjects(row, as_of, REQUESTED, monthly)
        for name, table in tables.items():
            parts[name].append(table)
    tables = {name: pa.concat_tables(found) for name, found in parts.items()}
    facts = pd.concat([compute_facts(check, tables) for check in CHECKS], axis="columns")
    came_to = evaluate(BOOK, facts.loc[[f"{customer_id} {as_of}" for customer_id, as_of in customers]])
    codes = [reasons[0].code if (reasons := came_to.reasons(row)) else "" for row in range(len(customers))]
    return list(zip(came_to.verdicts, codes, strict=True))


@pytest.mark.parametrize("as_of", DATES, ids=str)
def test_every_persona_gets_the_decision_of_the_table(as_of):
    customers = [(f"{who.id}{variant}", as_of) for who in TABLE for variant in ("", "-00017")]
    # A batch judges what was asked for; what may be offered instead needs the facts of other requests.
    asked = {Verdict.COUNTEROFFER: Verdict.REJECTED}
    expected = [(asked.get(who.verdict, who.verdict), who.reason) for who in TABLE for _ in range(2)]
    came_to = dict(zip(customers, decisions(customers), strict=True))
    assert came_to == dict(zip(customers, expected, strict=True))


def test_many_variants_of_the_good_are_approved():
    customers = [(f"good-{number:05}", DATES[number % 5]) for number in range(100)]
    assert set(decisions(customers)) == {("approved", "")}


@pytest.fixture(scope="module")
def ofac() -> ListIndex:
    if not OFAC.exists():
        pytest.skip("the OFAC list is not beside the repository")
    return ListIndex({"ofac": load_ofac(OFAC).entries})


def test_on_the_public_list_only_the_two_personas_are_found(ofac):
    customers = [f"{who.id}{variant}" for who in TABLE for variant in ("", "-1", "-2")]
    found = {name: screening(ofac, documents(name, DATES[0])[Service.USERS]).match_score for name in customers}
    hits = {name.rstrip("-12") for name, score in found.items() if score >= NOT_LISTED.min_match_score}
    grey = {name.rstrip("-12") for name, score in found.items() if score >= NOT_LISTED.grey_match_score}
    assert (hits, grey - hits) == ({"listed"}, {"possible-match"})
