"""The words that columns choose from, besides those of the domain."""

from enum import StrEnum


class EffectState(StrEnum):
    """How far a paid call came; `UNKNOWN` is never repeated."""

    INTENT = "intent"
    DONE = "done"
    UNKNOWN = "unknown"


class QueueState(StrEnum):
    """Where a queued message or event stands; `DEAD` waits for an operator."""

    PENDING = "pending"
    DONE = "done"
    DEAD = "dead"


class Channel(StrEnum):
    """Which way a message leaves: to a partner, to who asked for a call back, to the event bus, to analytics."""

    RESULTS = "results"
    CALLBACK = "callback"
    EVENTS = "events"
    ANALYTICS = "analytics"


class RulebookKind(StrEnum):
    """What a rulebook judges: an application in stages, or what a user may take; or it is a limit policy."""

    REVIEW = "review"
    ELIGIBILITY = "eligibility"
    LIMITS = "limits"
