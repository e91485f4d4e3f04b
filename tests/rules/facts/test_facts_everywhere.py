"""What holds for the facts of every check: no leak from the future, one or many the same, clear refusals."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.applicants import AS_OF, PERSON, facts, monthly, one_applicant, statements
from support.examples import steady
from support.random_applicants import APPLICANTS, AS_OFS

from rules.facts import (
    CATALOGUE,
    CHECKS,
    HISTORIES_QUERIES,
    USER_FACTS,
    FactsError,
    compute_facts,
    facts_of,
    input_schema,
    subjects,
    tables_of,
)
from underwriting.domain.documents import (
    DOCUMENTS,
    BankStatements,
    Company,
    CreditReport,
    Document,
    FinancialStatements,
    OngoingLoans,
    PaymentHistory,
    Person,
)
from underwriting.domain.histories import HISTORIES
from underwriting.domain.money import Money


def all_facts(*documents, as_of=AS_OF):
    return {check: facts(check, *documents, as_of=as_of) for check in CHECKS}


def as_known_on(day: date, documents: tuple[Document, ...]) -> Iterator[Document]:
    """The documents as the sources would have sent them on `day`."""
    for document in documents:
        match document:
            case Person(birth_date=born):
                yield document.model_copy(update={"birth_date": born if born and born <= day else None})
            case Company(incorporated_on=founded):
                if founded <= day:
                    yield document
            case BankStatements(period_start=start, period_end=end, lines=lines):
                if start <= day:
                    known = tuple(line for line in lines if line.booked_on <= day)
                    yield document.model_copy(update={"period_end": min(end, day), "lines": known})
            case FinancialStatements(years=years):
                yield document.model_copy(update={"years": tuple(year for year in years if year.period_end <= day)})
            case CreditReport(reported_on=reported) if reported > day:
                pass
            case CreditReport(events=events):
                yield document.model_copy(
                    update={"events": tuple(event for event in events if event.occurred_on <= day)}
                )
            case OngoingLoans(loans=loans):
                yield document.model_copy(update={"loans": tuple(loan for loan in loans if loan.opened_on <= day)})
            case PaymentHistory(instalments=instalments):
                due = [each for each in instalments if each.due_on <= day]
                known = [
                    each if each.paid_on and each.paid_on <= day else each.model_copy(update={"paid_on": None})
                    for each in due
                ]
                yield document.model_copy(update={"instalments": tuple(known)})
            case _:
                yield document


@steady(20)
@given(APPLICANTS, AS_OFS)
def test_nothing_after_as_of_influences_a_fact(documents, as_of):
    assert all_facts(*documents, as_of=as_of) == all_facts(*as_known_on(as_of, documents), as_of=as_of)


@steady(12)
@given(st.lists(st.tuples(APPLICANTS, AS_OFS, st.integers(1, 10**9)), min_size=2, max_size=4), st.randoms())
def test_many_subjects_come_to_the_same_as_each_alone(applicants, random):
    each = []
    for number, (documents, as_of, requested) in enumerate(applicants):
        amount = Money(minor=requested, currency="USD")
        each.append({**subjects(f"s{number}", as_of, amount, amount), **tables_of(f"s{number}", documents)})
    random.shuffle(each)
    together = {}
    for name in {name for tables in each for name in tables}:
        rows = pa.concat_tables([tables[name] for tables in each if name in tables])
        # Rows of other tables come in any order.
        order = range(len(rows)) if name == "subjects" else random.sample(range(len(rows)), len(rows))
        together[name] = rows.take(list(order))
    for check in CHECKS:
        alone = pd.concat([compute_facts(check, tables) for tables in each])
        pd.testing.assert_frame_equal(compute_facts(check, together), alone, rtol=1e-12)


@steady(12)
@given(APPLICANTS, AS_OFS)
def test_every_fact_has_the_type_of_the_catalogue_and_is_finite(documents, as_of):
    for check in CHECKS:
        frame = compute_facts(check, one_applicant(*documents, as_of=as_of))
        assert dict(frame.dtypes) == {fact.name: fact.dtype for fact in facts_of(check)}
        numbers = frame.select_dtypes("number")
        assert not numbers.isin([float("inf"), float("-inf")]).any(axis=None)


@steady(20)
@given(APPLICANTS, AS_OFS, st.data())
def test_a_source_that_gives_nothing_only_takes_facts_away(documents, as_of, data):
    kept = data.draw(st.sets(st.sampled_from(documents)).map(tuple)) if documents else ()
    everything, less = all_facts(*documents, as_of=as_of), all_facts(*kept, as_of=as_of)
    for check in CHECKS:
        for name, value in less[check].items():
            assert value is None or value == everything[check][name]


def test_amounts_beyond_all_reason_are_not_known():
    line = (date(2025, 1, 1), 10**12, "income")
    table = one_applicant(PERSON, statements(line))["statement_lines"]
    lines = pa.concat_tables([table] * 3).set_column(3, "amount", pa.array([2**63 - 1] * 3))
    assert lines.schema == input_schema("statement_lines")
    tables = {**one_applicant(PERSON, statements(line)), "statement_lines": lines}
    found = compute_facts("financial_statements", tables).loc["a"]
    # They do not add up, and adding them is no error.
    assert pd.isna(found["profit_margin"])


def test_many_threads_compute_the_same():
    tables = one_applicant(PERSON, statements(*monthly([100_000] * 7, "income")))
    expected = compute_facts("financial_statements", tables)
    with ThreadPoolExecutor(4) as pool:
        for frame in pool.map(lambda _: compute_facts("financial_statements", tables), range(40)):
            pd.testing.assert_frame_equal(frame, expected)


def test_no_row_stays_behind_after_a_call():
    person = compute_facts("customer_information", one_applicant(PERSON))
    nobody = compute_facts("customer_information", one_applicant())
    assert person["age_years"].item() == 35
    assert nobody["age_years"].isna().all()


def test_a_thousand_subjects_run_in_parallel_to_the_same_end():
    amount = Money(minor=100_000, currency="USD")
    documents = [PERSON, statements(*monthly([100_000] * 7, "income"))]
    each = [{**subjects(f"{i:04}", AS_OF, amount, amount), **tables_of(f"{i:04}", documents)} for i in range(1_000)]
    together = {name: pa.concat_tables([tables[name] for tables in each]) for name in each[0]}
    found = compute_facts("ongoing_loans", {**together, "ongoing_loans": one_row_each("ongoing_loans", 1_000)})
    assert (found["instalment_burden"] == 1).all()
    assert found.index.tolist() == [f"{i:04}" for i in range(1_000)]


def one_row_each(table, count):
    rows = [{"subject_id": f"{i:04}", "currency": "USD"} for i in range(count)]
    return pa.Table.from_pylist(rows, schema=input_schema(table))


def test_an_unknown_table_is_refused():
    with pytest.raises(FactsError, match="no input table is called statement_line; there are subjects, people"):
        compute_facts("fraud", {**one_applicant(), "statement_line": one_applicant()["subjects"]})


def test_without_subjects_there_is_nobody_to_judge():
    with pytest.raises(FactsError, match="the table subjects is missing"):
        compute_facts("fraud", {})


def test_an_unknown_check_is_an_error():
    with pytest.raises(KeyError, match="no check is called fruad; there are customer_information"):
        compute_facts("fruad", one_applicant())


def test_a_missing_column_is_refused():
    people = one_applicant(PERSON)["people"].drop_columns(["birth_date"])
    with pytest.raises(FactsError, match="the table people lacks the column birth_date"):
        compute_facts("customer_information", {**one_applicant(), "people": people})


def test_a_column_of_another_type_is_refused_or_read():
    people = one_applicant(PERSON)["people"]
    place = people.schema.get_field_index("birth_date")
    as_text = people.set_column(place, "birth_date", pa.array(["1990-01-31"]))
    assert compute_facts("customer_information", {**one_applicant(), "people": as_text})["age_years"].item() == 35
    nonsense = people.set_column(place, "birth_date", pa.array(["January"]))
    with pytest.raises(FactsError, match="the table people"):
        compute_facts("customer_information", {**one_applicant(), "people": nonsense})


@pytest.mark.parametrize("table", ["people", "subjects"])
def test_two_answers_for_one_subject_are_refused(table):
    tables = one_applicant(PERSON)
    tables[table] = pa.concat_tables([tables[table]] * 2)
    with pytest.raises(FactsError, match="customer_information: a subject appears twice"):
        compute_facts("customer_information", tables)


def test_the_input_tables_follow_the_documents():
    assert input_schema("statement_lines") == pa.schema(
        {
            "subject_id": pa.string(),
            "line_no": pa.int64(),
            "booked_on": pa.date32(),
            "amount": pa.int64(),
            "balance": pa.int64(),
            "category": pa.string(),
        }
    )
    assert "lines" not in input_schema("statements").names
    for document in (*DOCUMENTS, *HISTORIES):
        assert input_schema(document.table).names[:2] == ["subject_id", "currency"]
    with pytest.raises(KeyError):
        input_schema("no_such_table")


def test_the_catalogue_covers_every_query_and_explains_every_fact():
    assert [*CHECKS, *HISTORIES_QUERIES] == list(dict.fromkeys(fact.check for fact in CATALOGUE.values()))
    assert list(USER_FACTS) == [
        *(fact.name for query in HISTORIES_QUERIES for fact in facts_of(query)),
        "list_match_score",
        "list_confirmed_score",
        "list_match_evidence",
        "list_age_days",
    ]
    assert all(fact.meaning for fact in CATALOGUE.values())
    assert [name for name, fact in CATALOGUE.items() if name != fact.name] == []
