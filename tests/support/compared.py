"""Facts of many users by the queries and by the slow calculator, and where the two disagree."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

import pyarrow as pa
from ruamel.yaml import YAML

from rules.core.columns import Columns
from rules.facts import USER_FACTS, user_facts, users_as_of
from rules.limits.decide import decide_limits
from rules.limits.policy import LimitPolicy
from tests.support import slow_limits
from tests.support.slow_facts import slow_facts

# Ratios of whole numbers, computed in doubles here and exactly there.
CLOSE = 1e-9


class Disagreement(NamedTuple):
    """One fact of one user."""

    subject_id: str
    fact: str
    by_query: Any
    by_hand: Any


def disagreements(
    tables: Mapping[str, pa.Table], ids: list[str], as_of: date, judged_at: datetime | None, currency: str = "USD"
) -> Iterator[Disagreement]:
    """Every fact on which they differ; `tables` are those of the histories."""
    columns = Columns(user_facts({**users_as_of(ids, as_of, judged_at, currency), **tables}))
    for place, (subject_id, slow) in enumerate(by_hand(tables, ids, as_of, judged_at, currency)):
        for fact, expected in slow.items():
            found = columns.value(fact, place)
            if not _agree(found, expected):
                yield Disagreement(subject_id, fact, found, expected)


def limits_that_differ(
    tables: Mapping[str, pa.Table], ids: list[str], as_of: date, judged_at: datetime, policy: LimitPolicy
) -> Iterator[Disagreement]:
    """Every user whose limit comes out otherwise when facts and policy are both reckoned by hand from the rows."""
    facts = user_facts({**users_as_of(ids, as_of, judged_at, policy.currency), **tables})
    decided = decide_limits(policy, facts).frame
    written = YAML(typ="safe").load(policy.text)
    for subject_id, slow in by_hand(tables, ids, as_of, judged_at, policy.currency):
        found, expected = decided.loc[subject_id], slow_limits.decide(written, slow)
        for name in ("move", "after", "runs_below"):
            if found[name] != expected[name]:
                yield Disagreement(subject_id, name, found[name], expected[name])


def by_hand(
    tables: Mapping[str, pa.Table], ids: list[str], as_of: date, judged_at: datetime | None, currency: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each user's facts by the slow calculator, all of the catalogue, None where one is not known."""
    moment = judged_at.replace(tzinfo=None) if judged_at else None
    rows = _by_user(tables)
    for subject_id in ids:
        slow = slow_facts(rows[subject_id], as_of, moment, currency)
        if made_up := set(slow) - set(USER_FACTS):
            raise AssertionError(f"the catalogue has no {made_up}")
        yield subject_id, {fact: slow.get(fact) for fact in USER_FACTS}


def _agree(found: Any, expected: Any) -> bool:
    if found is None or expected is None:
        return found is expected
    if isinstance(expected, float):
        return math.isclose(found, expected, rel_tol=CLOSE, abs_tol=CLOSE)
    return bool(found == expected)


def _by_user(tables: Mapping[str, pa.Table]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Every user's rows, by table. Moments are UTC without a zone, as in the input tables."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for name, table in tables.items():
        for row in table.to_pylist():
            found[row.pop("subject_id")][name].append(row)
    return found
