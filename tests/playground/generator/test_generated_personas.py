"""Personas: whole users among the others, at their share, each with what is expected of it."""

from collections import Counter
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from underwriting.playground.generator.calendar import Window
from underwriting.playground.generator.persona_documents import documents
from underwriting.playground.generator.persona_rows import FRESH_PERSONAS
from underwriting.playground.generator.personas import HELD, LOWERED, PAUSED, RAISED, TABLE, Persona
from underwriting.playground.generator.world import shipped_world
from underwriting.playground.generator.write import Plan, chunks

ENDS = [date(2024, 2, 29), date(2025, 3, 31), date(2025, 8, 31), date(2026, 1, 1)]


def table_of(plan: Plan) -> dict[str, pa.Table]:
    parts: dict[str, list[pa.Table]] = {}
    for chunk in chunks(shipped_world(), plan):
        for name, rows in chunk.items():
            parts.setdefault(name, []).append(rows)
    return {name: pa.concat_tables([part.unify_dictionaries() for part in found]) for name, found in parts.items()}


@pytest.fixture(scope="module")
def plan(window: Window) -> Plan:
    return Plan(users=400, seed=5, window=window, personas=0.5, chunk=100)


@pytest.fixture(scope="module")
def tables(plan: Plan) -> dict[str, pa.Table]:
    return table_of(plan)


def test_personas_take_their_share_of_the_users(tables: dict[str, pa.Table], plan: Plan) -> None:
    cast = tables["expected"].to_pylist()
    assert abs(len(cast) / plan.users - plan.personas) < 4 * 0.5 / plan.users**0.5
    assert set(Counter(row["persona"] for row in cast)) <= {persona.id for persona in FRESH_PERSONAS}
    assert len(Counter(row["persona"] for row in cast)) > len(FRESH_PERSONAS) * 0.9


def test_a_persona_has_its_own_rows_and_no_others(tables: dict[str, pa.Table], plan: Plan) -> None:
    personas = {persona.id: persona for persona in TABLE}
    for table in ("transactions", "floats", "renewals", "feeds", "current_limits"):
        found: dict[str, list[dict[str, object]]] = {}
        for row in tables[table].to_pylist():
            found.setdefault(row.pop("subject_id"), []).append(row)
        for row in tables["expected"].to_pylist():
            persona = personas[row["persona"]]
            expected = [
                mine
                for document in documents(persona, plan.window.end)
                for name, mine in document.rows()
                if name == table
            ]
            rows = found.get(row["subject_id"], [])
            assert len(rows) == len(expected), (table, persona.id)
            for one, other in zip(rows, expected, strict=True):
                if table == "floats":
                    other["float_id"] = row["subject_id"].replace("u", "f") + other["float_id"]
                if table == "feeds":
                    other["refreshed_at"] = other["refreshed_at"].replace(tzinfo=None)
                assert one == other


def test_users_stay_in_order_and_others_as_they_were(tables: dict[str, pa.Table], plan: Plan) -> None:
    personas = set(tables["expected"].column("subject_id").to_pylist())
    without = table_of(Plan(plan.users, plan.seed, plan.window, personas=0.0, chunk=plan.chunk))
    for table, rows in tables.items():
        ids = rows.column("subject_id").to_pylist()
        assert ids == sorted(ids), table
        if table != "expected":
            mine = [row for row in rows.to_pylist() if row["subject_id"] not in personas]
            assert mine == [row for row in without[table].to_pylist() if row["subject_id"] not in personas], table


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("persona", TABLE, ids=lambda persona: persona.id)
def test_a_personas_balance_is_the_one_it_claims(persona: Persona, end: date) -> None:
    (feed,) = [each for each in documents(persona, end) if each.table == "feeds"] or [None]
    if feed is None:
        assert "feeds" in persona.without
        return
    assert feed.opening_balance + sum(line.amount for line in feed.transactions) == persona.balance
    days = [line.booked_on for line in feed.transactions]
    assert days == sorted(days)
    assert min(days) == feed.covered_from


def test_the_table_names_each_persona_once_and_every_move() -> None:
    assert len({persona.id for persona in TABLE}) == len(TABLE)
    assert {persona.move for persona in TABLE} == {RAISED, HELD, LOWERED, PAUSED}
    for persona in TABLE:
        after = persona.limit if persona.after is None else persona.after
        assert np.sign(after - persona.limit) == {RAISED: 1, HELD: 0, LOWERED: -1, PAUSED: 0}[persona.move], persona.id
