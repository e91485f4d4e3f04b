"""The queries agree, fact by fact, with a slow calculator that was written from the catalogue alone."""

from datetime import UTC, date, datetime, time, timedelta
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.compared import disagreements, limits_that_differ
from support.examples import steady
from support.nasty_users import AS_OF, JUDGED_AT, nasty_user
from support.random_users import AS_OFS, USERS

from rules.facts import tables_of
from rules.limits.policy import shipped_policies
from underwriting.domain.documents import Document
from underwriting.playground.generator.calendar import Window
from underwriting.playground.generator.histories import Histories
from underwriting.playground.generator.layout import REPAYMENTS
from underwriting.playground.generator.persona_documents import documents
from underwriting.playground.generator.personas import TABLE
from underwriting.playground.generator.tables import tables
from underwriting.playground.generator.world import shipped_world

END = date(2025, 8, 31)
GENERATED, NASTY = 300, 200


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


@pytest.fixture(scope="module")
def generated() -> dict[str, pa.Table]:
    found = tables(Histories(shipped_world(), Window(END, 9), 11, np.arange(GENERATED)))
    return {name: rows for name, rows in found.items() if name != REPAYMENTS}


@pytest.mark.parametrize("days_before", [0, 4, 31])
def test_generated_users(generated: dict[str, pa.Table], days_before: int) -> None:
    ids = generated["users"].column("subject_id").to_pylist()
    as_of = END - timedelta(days=days_before)
    assert list(disagreements(generated, ids, as_of, noon(as_of))) == []


@pytest.mark.parametrize("name", sorted(shipped_policies()))
def test_limits_of_generated_users_from_the_rows_on(generated: dict[str, pa.Table], name: str) -> None:
    ids = generated["users"].column("subject_id").to_pylist()
    assert list(limits_that_differ(generated, ids, END, noon(END), shipped_policies()[name])) == []


def test_personas() -> None:
    parts = [tables_of(persona.id, documents(persona, END)) for persona in TABLE]
    together = {name: pa.concat_tables([part[name] for part in parts if name in part]) for name in set().union(*parts)}
    assert list(disagreements(together, [persona.id for persona in TABLE], END, noon(END))) == []


def several(users: list[tuple[Document, ...]]) -> dict[str, pa.Table]:
    """The tables of some users, called 0, 1 and so on."""
    parts = [tables_of(str(number), answers) for number, answers in enumerate(users)]
    return {name: pa.concat_tables([part[name] for part in parts if name in part]) for name in set().union(*parts)}


@steady(20)
@given(st.lists(USERS, min_size=4, max_size=4), AS_OFS, st.booleans())
def test_users_as_no_source_would_send_them(users, as_of, judged) -> None:
    ids = [str(number) for number in range(len(users))]
    assert list(disagreements(several(users), ids, as_of, noon(as_of) if judged else None)) == []


@steady(8)
@given(st.integers(0, 2**32), st.sampled_from(["USD", "USD", "USD", "JPY"]))
def test_users_at_the_edges_of_everything(seed, currency) -> None:
    random = Random(seed)
    users = [nasty_user(random) for _ in range(NASTY)]
    ids = [str(number) for number in range(NASTY)]
    assert list(disagreements(several(users), ids, AS_OF, JUDGED_AT, currency)) == []
