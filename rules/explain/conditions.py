"""What a fact would have to be, also in words."""

from collections.abc import Callable
from dataclasses import dataclass

from underwriting.domain.decision import FactValue, shown

Number = int | float
# How a value of one fact is written, such as an amount with its currency.
Show = Callable[[FactValue], str]


@dataclass(frozen=True)
class Span:
    """Neighbouring numbers with which a rule passes; an end that is None is as far as the fact goes.

    `low_open` and `high_open` say that the end itself does not pass.
    """

    low: Number | None = None
    high: Number | None = None
    low_open: bool = False
    high_open: bool = False

    def in_words(self, show: Show = shown) -> str:
        """In words: "at least 3", "below 0.75", "2 to 5"."""
        if self.low is not None and self.high is not None:
            return show(self.low) if self.low == self.high else f"{show(self.low)} to {show(self.high)}"
        if self.low is not None:
            return f"{'more than' if self.low_open else 'at least'} {show(self.low)}"
        if self.high is not None:
            return f"{'below' if self.high_open else 'at most'} {show(self.high)}"
        return "anything that is known"

    def holds(self, value: FactValue) -> bool:
        """Whether a number is within, its open ends included."""
        return isinstance(value, int | float) and self.distance(value) <= 0

    def is_below(self, observed: FactValue) -> bool:
        """Whether all numbers within are lower than the observed one; False if that is unknown."""
        if self.high is None or not isinstance(observed, int | float):
            return False
        return self.high < observed or (self.high_open and self.high == observed)

    def nearest(self, observed: FactValue, chosen: FactValue) -> FactValue:
        """The number within that is nearest to the observed one; the lowest, else the highest, if that is unknown.

        An open end is not within, so `chosen`, which is, stays.
        """
        known = observed if isinstance(observed, int | float) else None
        if known is not None and not (self.low_open or self.high_open) and self.holds(known):
            return known
        low = self.low is not None and (known is None or known < self.low)
        end, is_open = (self.low, self.low_open) if low else (self.high, self.high_open)
        return chosen if end is None or is_open else end

    def distance(self, observed: Number) -> Number:
        """How far a number is outside; 0 or less where it does not."""
        below = 0 if self.low is None else self.low - observed
        above = 0 if self.high is None else observed - self.high
        return max(below, above)


@dataclass(frozen=True)
class Among:
    """Texts or truths with which a rule passes; with `but`, all others."""

    values: tuple[FactValue, ...]
    but: bool = False

    def nearest(self, observed: FactValue, chosen: FactValue) -> FactValue:
        """The chosen value: none of them is nearer than another."""
        return chosen

    def in_words(self, show: Show = shown) -> str:
        """In words: "True", "CA or US", "anything but ins_9"."""
        listed = " or ".join(sorted(map(show, self.values)))
        if not self.but:
            return listed
        return f"anything but {listed}" if listed else "anything that is known"

    def holds(self, value: FactValue) -> bool:
        """Whether a value is one of them."""
        return (value in self.values) is not self.but


Condition = Span | Among


@dataclass(frozen=True)
class Way:
    """Facts with what they would have to be, all of them together, for a rule to pass."""

    changes: tuple[tuple[str, Condition], ...]


@dataclass(frozen=True)
class Missing:
    """Facts that are not known, and would decide a rule if all of them were.

    `always` is False where only some of their values would. `passes` is what they would have to be.
    """

    facts: tuple[str, ...]
    always: bool
    passes: Way | None
