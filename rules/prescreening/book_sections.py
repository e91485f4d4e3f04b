"""What a rulebook may do instead of rejecting: wait for what is missing, or offer a lower amount or a longer term."""

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from rules.core.rule import Amount, Ratio, Rule
from rules.core.rule_syntax import rules_schema
from rules.prescreening.catalogue import RULES
from rules.prescreening.stages import BookRule
from underwriting.domain.decision import COUNTEROFFER_NOTICE

Rules = Annotated[tuple[BookRule, ...], Field(min_length=1), WithJsonSchema(rules_schema(RULES))]
Days = Annotated[int, Field(strict=True, ge=1, le=COUNTEROFFER_NOTICE.days)]
Months = Annotated[int, Field(strict=True, ge=1, le=120)]


class Incomplete(BaseModel):
    """Which failures make an application incomplete, because the customer or time can supply what is missing.

    A failure of a rule without properties always does. One of a rule with properties does if the rule passes with the
    properties given here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: Rules
    days: Annotated[Days, Field(description="Days that the application waits; then it is rejected for what is missing")]
    again_days: Annotated[Days, Field(description="Days after which it is reviewed again without an answer")]

    def rule(self, name: str) -> Rule | None:
        """The rule of this name; None where its failure rejects."""
        return next((rule for rule in self.rules if rule.name == name), None)

    @staticmethod
    def always(rule: Rule) -> bool:
        """Whether every failure of the rule can be resolved: the rule has no properties of its own."""
        return not type(rule).model_fields.keys() - Rule.model_fields.keys()


class Counteroffer(BaseModel):
    """What may be offered if only rules that depend on the amount or term of the request fail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amounts: Annotated[tuple[Annotated[Amount, Field(gt=0)], ...], Field(description="Minor units, ascending")]
    terms: Annotated[tuple[Months, ...], Field(description="Months, ascending")]
    min_share: Annotated[Ratio, Field(le=1, description="Least share of the requested amount that is worth an offer")]
    days: Annotated[Days, Field(description="Days for which the offer is open")]

    @model_validator(mode="after")
    def _offers_something_in_order(self) -> Self:
        for name in ("amounts", "terms"):
            values = getattr(self, name)
            if list(values) != sorted(set(values)):
                raise ValueError(f"{name} have to ascend, each once")
        if not self.amounts and not self.terms:
            raise ValueError("name amounts or terms; without any there is nothing to offer")
        return self

    def choices(self, amount: int, months: int) -> Iterator[tuple[int, int]]:
        """Amounts and terms that may be offered instead, best first: the highest amount, then the shortest term."""
        least = self.min_share * amount
        amounts = [amount, *(each for each in reversed(self.amounts) if least <= each < amount)]
        terms = [months, *(each for each in self.terms if each > months)]
        return ((each, term) for each in amounts for term in terms if (each, term) != (amount, months))
