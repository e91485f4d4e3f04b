"""What holds for all facts about users: no leak from the future, one or many the same, nothing made up."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.examples import steady
from support.random_users import AS_OFS, USERS
from support.users import AS_OF, JUDGED_AT, feed, user_tables

from rules.facts import (
    HISTORIES_QUERIES,
    USER_FACTS,
    FactsError,
    facts_sql,
    input_schema,
    shared_sql,
    tables_of,
    user_facts,
    users_as_of,
)
from rules.facts.tables import TABLES
from underwriting.domain.documents import Document
from underwriting.domain.histories import ESSENTIAL, INCOME, Category, FloatHistory, Subscription, TransactionFeed


def judged(as_of: date) -> datetime:
    return datetime.combine(as_of, time(18), UTC)


def tables_on(as_of, documents, user="u"):
    return {**users_as_of([user], as_of, judged(as_of), "USD"), **tables_of(user, documents)}


def known(documents, as_of):
    """The facts that are known, as plain values."""
    return user_facts(tables_on(as_of, documents)).iloc[0].dropna().to_dict()


def as_known_on(day: date, documents: tuple[Document, ...]) -> Iterator[Document]:
    """The documents as the sources would have sent them at the moment of judgement on `day`."""
    for document in documents:
        match document:
            case Subscription(renewals=renewals):
                paid = [each.paid_on if each.paid_on and each.paid_on <= day else None for each in renewals]
                then = [each.model_copy(update={"paid_on": on}) for each, on in zip(renewals, paid, strict=True)]
                yield document.model_copy(
                    update={"renewals": tuple(each for each in then if each.paid_on or each.due_on <= day)}
                )
            case TransactionFeed(covered_from=start, refreshed_at=refreshed, transactions=lines):
                if start <= day:
                    lines = tuple(line for line in lines if line.booked_on <= day)
                    yield document.model_copy(
                        update={"transactions": lines, "refreshed_at": min(refreshed, judged(day))}
                    )
            case FloatHistory(floats=taken):
                kept = [
                    each if each.repaid_on and each.repaid_on <= day else each.model_copy(update={"repaid_on": None})
                    for each in taken
                    if each.taken_on <= day
                ]
                yield document.model_copy(update={"floats": tuple(kept)})
            case _:
                yield document


@steady(60)
@given(USERS, AS_OFS)
def test_nothing_after_as_of_influences_a_fact(documents, as_of):
    found, then = known(documents, as_of), known(tuple(as_known_on(as_of, documents)), as_of)
    # What was authorised at a later refresh is not known; the feed of then, in `then`, would have said it.
    if "available_balance" not in found:
        then = {name: value for name, value in then.items() if "available_balance" not in name}
    assert found == then


@steady(20)
@given(st.lists(st.tuples(USERS, AS_OFS), min_size=2, max_size=5), st.randoms())
def test_many_users_come_to_the_same_as_each_alone_in_any_order_of_rows(users, random):
    each = [tables_on(as_of, documents, f"u{number}") for number, (documents, as_of) in enumerate(users)]
    random.shuffle(each)
    together = {}
    for name in {name for tables in each for name in tables}:
        rows = pa.concat_tables([tables[name] for tables in each if name in tables])
        order = range(len(rows)) if name == "subjects" else random.sample(range(len(rows)), len(rows))
        together[name] = rows.take(list(order))
    alone = pd.concat([user_facts(tables) for tables in each])
    pd.testing.assert_frame_equal(user_facts(together), alone, rtol=1e-12)


@steady(40)
@given(USERS, AS_OFS, st.data())
def test_a_source_that_gives_nothing_only_takes_facts_away(documents, as_of, data):
    kept = data.draw(st.sets(st.sampled_from(documents)).map(tuple)) if documents else ()
    everything, less = known(documents, as_of), known(kept, as_of)
    assert less.items() <= everything.items()


@steady(20)
@given(USERS, AS_OFS)
def test_every_fact_has_the_type_of_the_catalogue_and_is_finite(documents, as_of):
    found = user_facts(tables_on(as_of, documents))
    assert dict(found.dtypes) == {name: fact.dtype for name, fact in USER_FACTS.items()}
    assert not found.select_dtypes("number").isin([float("inf"), float("-inf")]).any(axis=None)


@steady(20)
@given(USERS, AS_OFS)
def test_the_sql_in_a_database_of_ones_own_says_the_same(documents, as_of):
    tables = tables_on(as_of, documents)
    database = duckdb.connect()
    for name in TABLES:
        database.register(name, tables.get(name, input_schema(name).empty_table()))
    database.execute(shared_sql())
    found = user_facts(tables)
    for query in HISTORIES_QUERIES:
        [*rows] = database.execute(facts_sql(query)).to_arrow_table().to_pylist()
        for name, value in rows[0].items() if rows else ():
            assert name == "subject_id" or value == (None if found[name].isna().item() else found[name].item())


def with_zone(schema):
    utc = pa.timestamp("us", "UTC")
    return pa.schema([field.with_type(utc) if pa.types.is_timestamp(field.type) else field for field in schema])


def test_a_moment_is_the_same_with_and_without_a_zone_and_wherever_the_machine_stands():
    tables = user_tables(feed(refreshed=datetime(2025, 6, 14, 23, 30, tzinfo=UTC), opening=5))
    zoned = {name: rows.cast(with_zone(rows.schema)) for name, rows in tables.items()}
    answers = []
    for given_tables in (tables, zoned):
        for zone in ("Pacific/Kiritimati", "America/Los_Angeles"):
            database = duckdb.connect()
            database.execute(f"SET TimeZone = '{zone}'")
            for name in TABLES:
                database.register(name, given_tables.get(name, input_schema(name).empty_table()))
            database.execute(shared_sql())
            answers.append(database.execute(facts_sql("transactions")).to_arrow_table())
    assert all(answer.equals(answers[0]) for answer in answers)


def test_a_user_of_whom_nothing_is_known_has_a_row_all_the_same():
    found = user_facts(users_as_of(["a", "b"], AS_OF, JUDGED_AT, "USD"))
    assert found.index.tolist() == ["a", "b"]
    assert found.isna().all(axis=None)


def test_a_user_may_stand_once_only():
    with pytest.raises(FactsError, match="a subject appears twice"):
        user_facts(users_as_of(["a", "a"], AS_OF, JUDGED_AT, "USD"))


def test_the_kinds_of_the_sql_are_those_of_the_domain():
    database = duckdb.connect()
    for name in ("subjects", "floats"):
        database.register(name, input_schema(name).empty_table())
    database.execute(shared_sql())

    def kind(macro, sign=1):
        asked = f"SELECT category FROM (SELECT unnest($all) AS category) WHERE {macro}({sign} * kind_of(category))"
        return {category for (category,) in database.execute(asked, {"all": list(Category)}).fetchall()}

    debits = ESSENTIAL | {"spending", "cash", "gambling", "fee", "overdraft_fee", "refund", "loan"}
    assert kind("is_income") == kind("is_income", -1) == INCOME
    assert kind("is_essential", -1) == kind("may_be_essential", -1) == ESSENTIAL
    assert (kind("is_spending", -1), kind("is_spending")) == (debits, {"fee", "overdraft_fee", "refund"})
    assert kind("is_essential") == kind("may_be_essential") == set()
    assert (kind("is_reversal"), kind("is_reversal", -1)) == ({"overdraft_fee"}, INCOME | {"returned"})
    noted = INCOME | {"advance", "returned", "loan", "gambling", "overdraft_fee"}
    assert (kind("is_noted"), kind("is_noted", -1)) == (noted, noted | {"transfer"})
    nobodys = "SELECT kind_of(NULL) = kind_of('nonsense'), is_spending(-kind_of(NULL)), is_income(kind_of(NULL))"
    assert database.execute(nobodys).fetchone() == (True, True, False)
    asked = "SELECT kind_of(category), unclassified() FROM (SELECT unnest($all) AS category)"
    kinds, nobodys_kind = map(set, zip(*database.execute(asked, {"all": list(Category)}).fetchall(), strict=True))
    assert len(kinds - nobodys_kind) == len(Category)
