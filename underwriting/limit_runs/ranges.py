"""Ranges of user ids: together they cover every id that there is or will be, and each id once."""

from itertools import pairwise

import pyarrow as pa

from underwriting.domain.limits import IdRange


def ranges_from(firsts: list[str]) -> list[IdRange]:
    """The ranges that begin at these ids, in order; what lies before the first of them belongs to the first range."""
    bounds = [None, *firsts[1:], None]
    return [IdRange(first, end) for first, end in pairwise(bounds)]


def just(subject_id: str) -> IdRange:
    """The range of this one id: nothing that an id may contain sorts before a space."""
    return IdRange(subject_id, subject_id + " ")


def even_ranges(ids: pa.Array, count: int) -> list[IdRange]:
    """As many ranges with as equal numbers of the ids, sorted and each once, as can be; no more than there are ids."""
    count = max(1, min(count, len(ids)))
    return ranges_from([ids[len(ids) * number // count].as_py() for number in range(count)] if len(ids) else [""])
