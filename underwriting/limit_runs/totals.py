"""The totals of a shard and of a run: counts, money, reasons. Sums, so that those of shards add up to the run's."""

from collections.abc import Iterable
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

Counts = dict[str, int]
NotNegative = Annotated[int, Field(ge=0)]


_IN_MINOR_UNITS = (
    "before", "after", "money_up", "money_down", "limits_before", "limits_after", "moves", "kept", "kept_raised",
)  # fmt: skip


class Totals(BaseModel):
    """Sums over users. Money is minor units of the policy's currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    users: NotNegative = 0
    raised: NotNegative = 0
    held: NotNegative = 0
    lowered: NotNegative = 0
    # Users whose product is paused; their limits stay as they are.
    paused: NotNegative = 0
    # Users of whom a fact is missing that the decision needed.
    unknown: NotNegative = 0
    # All limits together, before and after; what raises add and what decreases take.
    before: NotNegative = 0
    after: NotNegative = 0
    money_up: NotNegative = 0
    money_down: NotNegative = 0
    # Users by limit: "2000" -> 17. Moves by limits: "2000>3000" -> 5.
    limits_before: Counts = Field(default_factory=dict)
    limits_after: Counts = Field(default_factory=dict)
    moves: Counts = Field(default_factory=dict)
    # Users by principal reason, by what they moved, and by the gate that kept them from a tier whose row they meet.
    reasons: Counts = Field(default_factory=dict)
    gates: Counts = Field(default_factory=dict)
    # Users by limit who kept to what is advertised (repaid on time, and waited), and those of them who were raised.
    kept: Counts = Field(default_factory=dict)
    kept_raised: Counts = Field(default_factory=dict)

    def as_json(self) -> dict[str, int | Counts]:
        """The totals by name; those in minor units, or counted by amounts in them, are named so."""
        return {
            f"{name}_minor" if name in _IN_MINOR_UNITS else name: total for name, total in self.model_dump().items()
        }

    def __add__(self, other: "Totals") -> "Totals":
        mine, others = self.model_dump(), other.model_dump()
        counts = {name: _together(mine[name], others[name]) for name in COUNTS}
        return Totals(**{name: mine[name] + others[name] for name in mine if name not in counts}, **counts)


# The fields that count by name.
COUNTS = tuple(name for name, field in Totals.model_fields.items() if field.default_factory is not None)


def summed(totals: Iterable[Totals]) -> Totals:
    """All of them together."""
    return sum(totals, Totals())


def totals_of(records: pa.Table) -> Totals:
    """The totals of a shard's records."""
    kept, move, before, after = records["kept_to_terms"], records["move"], records["before"], records["after"]
    change = pc.subtract(after, before)
    raised = pc.equal(move, "raised")
    return Totals(
        users=len(records),
        **{name: _count(pc.equal(move, name)) for name in ("raised", "held", "lowered", "paused")},
        unknown=_count(records["unknown"]),
        before=pc.sum(before).as_py() or 0,
        after=pc.sum(after).as_py() or 0,
        money_up=pc.sum(pc.filter(change, raised)).as_py() or 0,
        money_down=-(pc.sum(pc.filter(change, pc.equal(move, "lowered"))).as_py() or 0),
        limits_before=_counted(before),
        limits_after=_counted(after),
        moves=_counted(_pairs(before, after, pc.not_equal(before, after))),
        reasons=_counted(_words(records["reasons"])),
        gates=_counted(_words(records["gates_held"])),
        kept=_counted(pc.filter(before, kept)),
        kept_raised=_counted(pc.filter(before, pc.and_(kept, raised))),
    )


def _count(mask: pa.ChunkedArray) -> int:
    return int(pc.sum(mask).as_py() or 0)


def _counted(values: pa.ChunkedArray) -> Counts:
    """How often each value occurs, in the order of the values; unknown ones are left out."""
    counts = pc.value_counts(pc.drop_null(values))
    return _in_order({str(one["values"].as_py()): int(one["counts"].as_py()) for one in counts})


def _words(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    words = pc.list_flatten(pc.split_pattern(texts, " "))
    return pc.filter(words, pc.not_equal(words, ""))


def _pairs(before: pa.ChunkedArray, after: pa.ChunkedArray, where: pa.ChunkedArray) -> pa.ChunkedArray:
    left, right = (pc.filter(column, where).cast(pa.string()) for column in (before, after))
    return pc.binary_join_element_wise(left, right, ">")


def _together(mine: Counts, others: Counts) -> Counts:
    return _in_order({name: mine.get(name, 0) + others.get(name, 0) for name in mine.keys() | others.keys()})


def _in_order(counts: Counts) -> Counts:
    """By what is counted; numbers by their size."""
    return {name: counts[name] for name in sorted(counts, key=lambda name: (len(name), name))}
