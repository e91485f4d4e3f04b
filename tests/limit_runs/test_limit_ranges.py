"""Ranges of ids: even, without a gap, and each id in exactly one, those that come later too."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from underwriting.domain.limits import Scope
from underwriting.limit_runs.plan import even_ranges, only

IDS = st.text(st.characters(categories=("L", "N"), include_characters="_-"), min_size=1, max_size=12)


@given(st.sets(IDS, min_size=1, max_size=60), st.integers(1, 20), IDS)
def test_every_id_there_is_or_will_be_belongs_to_one_range(ids: set[str], count: int, later: str) -> None:
    ordered = sorted(ids)
    ranges = even_ranges(pa.array(ordered), count)
    assert len(ranges) == min(count, len(ids))
    assert all(sum(one in ids for ids in ranges) == 1 for one in [*ordered, later])
    sizes = [sum(one in ids for one in ordered) for ids in ranges]
    assert max(sizes) - min(sizes) <= 1


@given(IDS, IDS)
def test_the_range_of_one_id_holds_no_other(one: str, other: str) -> None:
    assert one in only(one)
    assert (other in only(one)) == (one == other)


def test_nobody_is_one_range() -> None:
    assert [(ids.first, ids.end) for ids in even_ranges(pa.array([], pa.string()), 4)] == [(None, None)]


@pytest.mark.parametrize(
    "scope", [Scope(), Scope(segment="core"), Scope(user_id="u1"), Scope(segment="user:x")], ids=str
)
def test_a_scope_is_read_back(scope: Scope) -> None:
    assert Scope.parse(str(scope)) == scope


def test_a_run_is_not_about_a_segment_and_a_user_at_once() -> None:
    with pytest.raises(ValueError, match="leave one of them out"):
        Scope("core", "u1")
