"""The scores of the score service; a score that it does not have is not known."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rules.core.columns import Column, Truth, constant
from rules.core.rule import Count, Facts, Rule, Score

_MINOR_UNITS = 100
FACTORS = tuple(f"score_factor_{rank}" for rank in range(1, 5))


class CashAdvanceScore(Rule):
    """The score of advances of this size is high enough; nothing above that size is allowed."""

    factors_in: ClassVar[tuple[str, ...]] = FACTORS
    fails_as: ClassVar[str] = "cash_advance_score_low"
    unknown_as: ClassVar[str] = "cash_advance_score_missing"

    min_cash_advance_score: Annotated[int, Field(ge=0, le=1000, description="Points of a thousand")]
    loan_amount_window: Annotated[
        Literal[5_000, 10_000, 20_000, 35_000],
        Field(description="Highest amount of the bracket that the score is of, minor units"),
    ]

    def claim(self, facts: Facts) -> Truth:
        """The bracket's score reaches the minimum."""
        return self._score(facts) >= self.min_cash_advance_score

    def cap(self, facts: Facts) -> Column:
        """The bracket's highest amount."""
        return constant(self.loan_amount_window, like=self._score(facts))

    def _score(self, facts: Facts) -> Column:
        score: Column = getattr(facts, f"cash_advance_score_to_{self.loan_amount_window // _MINOR_UNITS}")
        return score


class MlPaybackPrediction(Rule):
    """The model expects a user with few floats to pay back the next one."""

    factors_in: ClassVar[tuple[str, ...]] = FACTORS
    fails_as: ClassVar[str] = "payback_unlikely"
    unknown_as: ClassVar[str] = "payback_prediction_missing"

    min_prediction_score: Annotated[Score, Field(description="Probability that the next float is paid back")]
    max_float_count: Annotated[Count, Field(description="Above this number of floats repaid the rule always passes")]

    def claim(self, facts: Facts) -> Truth:
        """More floats were repaid, or the prediction reaches the minimum."""
        return (facts.float_count > self.max_float_count) | (facts.payback_prediction >= self.min_prediction_score)


class MlPaybackPredictionVariableThreshold(Rule):
    """The model expects the user to pay back the next float, by the threshold for that many floats repaid."""

    factors_in: ClassVar[tuple[str, ...]] = FACTORS
    fails_as: ClassVar[str] = "payback_below_threshold"
    unknown_as: ClassVar[str] = "payback_prediction_missing"

    low_float_threshold: Annotated[Score, Field(description="Required probability below the count")]
    high_float_threshold: Annotated[Score, Field(description="Required probability from the count on")]
    min_float_count_for_high_threshold: Annotated[Count, Field(description="Floats repaid")]

    def claim(self, facts: Facts) -> Truth:
        """The prediction reaches both thresholds, or the one for the number of floats repaid."""
        low = facts.payback_prediction >= self.low_float_threshold
        high = facts.payback_prediction >= self.high_float_threshold
        many = facts.float_count >= self.min_float_count_for_high_threshold
        # A prediction that reaches both passes even if the number of floats repaid is not known.
        return (low & high) | (~many & low) | (many & high)
