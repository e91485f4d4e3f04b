"""The values of columns with a fixed choice, besides those of the domain."""

from enum import StrEnum


class AttemptEnd(StrEnum):
    """How an attempt at a decision ended. `STOPPED` is by a person or with its worker; `LOST` is to another worker."""

    DECIDED = "decided"
    FAILED = "failed"
    STOPPED = "stopped"
    LOST = "lost"


class EffectState(StrEnum):
    """The state of a paid call; an `UNKNOWN` one is never repeated."""

    INTENT = "intent"
    DONE = "done"
    UNKNOWN = "unknown"


class QueueState(StrEnum):
    """The state of a queued message or event; `DEAD` waits for an operator."""

    PENDING = "pending"
    DONE = "done"
    DEAD = "dead"


class Channel(StrEnum):
    """Where a message goes: to a partner, to a callback address, to the event bus, to analytics."""

    RESULTS = "results"
    CALLBACK = "callback"
    EVENTS = "events"
    ANALYTICS = "analytics"


class RulebookKind(StrEnum):
    """What a rulebook decides on: applications in stages, what a user may take, or limits (a limit policy)."""

    REVIEW = "review"
    ELIGIBILITY = "eligibility"
    LIMITS = "limits"
