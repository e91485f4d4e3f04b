"""Limit runs: their scope, shards and states."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

LimitRunId = Annotated[
    str,
    Field(pattern=r"^lim_[0-9A-HJKMNP-TV-Z]{26}$", description="Limit run id, as the run's summary shows it"),
]


class LimitRunState(StrEnum):
    """The state of a run; `HELD` waits for a person, `INCOMPLETE` is applied except for failed shards."""

    CALCULATING = "calculating"
    HELD = "held"
    APPLYING = "applying"
    APPLIED = "applied"
    INCOMPLETE = "incomplete"
    DISCARDED = "discarded"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"


class LimitShardState(StrEnum):
    """The state of a shard: its records are proposed, then applied; it fails if its history is too malformed."""

    PENDING = "pending"
    PROPOSED = "proposed"
    APPLIED = "applied"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True)
class IdRange:
    """The ids from `first` on, below `end`; None is no bound. The first range also contains rows without an id."""

    first: str | None
    end: str | None

    def __contains__(self, subject_id: str) -> bool:
        return self.meets(subject_id, subject_id)

    def meets(self, lowest: str, highest: str) -> bool:
        """Whether ids from `lowest` to `highest` may be in it."""
        return (self.end is None or lowest < self.end) and (self.first is None or highest >= self.first)


@dataclass(frozen=True)
class Scope:
    """The users of a run: all, one segment, or one user."""

    segment: str | None = None
    user_id: str | None = None

    def __post_init__(self) -> None:
        if self.segment is not None and self.user_id is not None:
            raise ValueError("a run is about a segment or about one user, not both; leave one of them out")

    def __str__(self) -> str:
        if self.user_id is not None:
            return f"user:{self.user_id}"
        return "" if self.segment is None else f"segment:{self.segment}"

    @classmethod
    def parse(cls, text: str) -> "Scope":
        """The inverse of `str`."""
        kind, _, name = text.partition(":")
        return cls(segment=name if kind == "segment" else None, user_id=name if kind == "user" else None)
