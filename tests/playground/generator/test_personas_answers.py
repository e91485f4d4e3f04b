"""Every persona has the facts it claims, and the policy `cfi` answers as the table says, whatever the last day."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache

import pandas as pd
import pyarrow as pa
import pytest

from rules.facts import tables_of, user_facts, users_as_of
from rules.limits.decide import decide_limits
from rules.limits.policy import shipped_policies
from underwriting.playground.generator.persona_documents import documents
from underwriting.playground.generator.personas import TABLE

# A leap day, ends of months, the day after a change to summer time and one to winter time, a new year; each judged
# some hours after the day began: at the refresh of that morning, at its end, or in the next night.
JUDGED = [
    (date(2024, 2, 29), 24),
    (date(2024, 12, 31), 4),
    (date(2025, 2, 28), 27),
    (date(2025, 3, 31), 24),
    (date(2025, 8, 15), 4),
    (date(2025, 8, 15), 24),
    (date(2025, 8, 15), 27),
    (date(2025, 10, 27), 24),
    (date(2026, 1, 1), 27),
]


@cache
def tables_on(end: date) -> dict[str, pa.Table]:
    parts: dict[str, list[pa.Table]] = {}
    for persona in TABLE:
        for name, rows in tables_of(persona.id, documents(persona, end)).items():
            parts.setdefault(name, []).append(rows)
    return {name: pa.concat_tables(rows) for name, rows in parts.items()}


def facts_on(end: date, hours: int) -> pd.DataFrame:
    judged_at = datetime.combine(end, time(), UTC) + timedelta(hours=hours)
    judged = users_as_of([persona.id for persona in TABLE], end, judged_at, "USD")
    return user_facts({**judged, **tables_on(end)})


@pytest.mark.parametrize(("end", "hours"), JUDGED)
def test_facts_and_answers_are_those_of_the_table(end: date, hours: int) -> None:
    facts = facts_on(end, hours)
    decided = decide_limits(shipped_policies()["cfi"], facts).frame
    wrong = []
    for persona in TABLE:
        for name, value in persona.facts.items():
            found = facts.loc[persona.id, name]
            if (None if pd.isna(found) else found) != value:
                wrong.append((persona.id, name, value, found))
        row = decided.loc[persona.id]
        expected = (persona.move, persona.limit if persona.after is None else persona.after)
        if (row["move"], row["after"]) != expected or persona.reason not in row["reasons"].split():
            wrong.append((persona.id, expected, persona.reason, tuple(row)))
    assert wrong == []
