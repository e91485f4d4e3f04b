"""The shards of a run: ranges of user ids with about equal numbers of users.

Together the ranges cover every id that there is or will be, and each id once.
"""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pyarrow as pa

from underwriting.domain.limits import IdRange, Scope
from underwriting.limit_runs import database
from underwriting.limit_runs.history import History
from underwriting.settings import DATABASE


def open_history(location: str) -> History:
    """The history at a location; HistoryError where there is none. Reads every footer, so call it in a thread."""
    return History(DATABASE, {}) if location == DATABASE else History.open(location)


def plan_ranges(history: History, scope: Scope, shards: int | None, shard_users: int) -> Sequence[IdRange]:
    """The ranges of a run. Together they cover every id, so that users who come later belong to one, too."""
    if scope.user_id is not None:
        return [only(scope.user_id)]
    ids: pa.Array = asyncio.run(database.user_ids()) if history.location == DATABASE else history.user_ids()
    return even_ranges(ids, shards or -(-len(ids) // shard_users))


def ranges_from(firsts: list[str]) -> list[IdRange]:
    """The ranges that begin at these ids, in order; ids before the first of them belong to the first range."""
    bounds = [None, *firsts[1:], None]
    return [IdRange(first, end) for first, end in pairwise(bounds)]


def only(subject_id: str) -> IdRange:
    """The range of this one id: no character of an id sorts before a space."""
    return IdRange(subject_id, subject_id + " ")


def even_ranges(ids: pa.Array, count: int) -> list[IdRange]:
    """As many ranges with as equal numbers of the ids, sorted and each once, as can be; no more than there are ids."""
    count = max(1, min(count, len(ids)))
    return ranges_from([ids[len(ids) * number // count].as_py() for number in range(count)] if len(ids) else [""])
