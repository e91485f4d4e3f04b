"""A rulebook of the pre-screening: its rules with their properties, in stages. Versioned data."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, cached_property, lru_cache
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from rules.core.edition import PARSED, Book, read_book, shipped
from rules.core.experiments import Experiment, InExperiment
from rules.core.problems import RulebookError, wrong, wrong_at
from rules.core.rule import Rule
from rules.prescreening.book_sections import Counteroffer, Incomplete
from rules.prescreening.stages import Stages
from underwriting.domain.application import Application
from underwriting.domain.decision import Decision, Offer, Verdict
from underwriting.domain.money import Money, annual_percentage_rate, instalment

__all__ = [
    "Rulebook",
    "RulebookError",
    "Terms",
    "parse_rulebook",
    "rulebook_schema",
    "shipped_rulebooks",
]


NEWER_KEYS = frozenset({"applies_to", "incomplete", "counteroffer"})


class Terms(BaseModel):
    """The costs of the product, from which the requested instalment follows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    annual_rate: Annotated[
        Decimal,
        Field(ge=0, le=10, allow_inf_nan=False, description="0.24 is 24% a year"),
        # 0.24 and 0.240 are the same terms.
        AfterValidator(Decimal.normalize),
    ]
    # Left out of the canonical form where it is not stated, so that books without it keep their digest.
    origination_fee: Annotated[
        Decimal | None,
        Field(
            ge=0,
            lt=1,
            allow_inf_nan=False,
            exclude_if=lambda fee: fee is None,
            description="All fees, as a share of the amount, taken when it is paid out; 0 where there are none",
        ),
    ] = None
    months: Annotated[int, Field(strict=True, ge=1, le=120, description="Term, where the application names none")]

    def mapr(self, months: int) -> float | None:
        """The military annual percentage rate of a loan over `months`; None where the fees are not stated."""
        if self.origination_fee is None:
            return None
        return float(annual_percentage_rate(self.annual_rate, months, self.origination_fee))


class Rulebook(Book):
    """Stages of checks with their rules, and what an unknown does."""

    kind: ClassVar[Literal["review", "eligibility"]] = "review"

    applies_to: InExperiment | None = None
    terms: Terms
    incomplete: Incomplete | None = None
    counteroffer: Counteroffer | None = None
    stages: Stages

    @property
    def experiment(self) -> Experiment | None:
        """The experiment that the book takes part in, with its arm; None for a book without one."""
        return self.applies_to.experiment if self.applies_to else None

    @field_validator("superseding")
    @classmethod
    def _stands_alone(cls, superseding: bool) -> bool:
        if superseding:
            raise wrong("one rulebook judges an application, and there are no others to supersede; leave it out")
        return superseding

    @model_validator(mode="after")
    def _waits_for_its_own_rules(self) -> Self:
        own = {rule.name for rule in self.rules}
        named = self.incomplete.rules if self.incomplete else ()
        strange = [(index, rule.name) for index, rule in enumerate(named) if rule.name not in own]
        if strange:
            message = "is in no stage; add it to one, or take it out here"
            raise wrong_at((("incomplete", "rules", index, name), message) for index, name in strange)
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_left_out(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A book that was published before these keys existed keeps its text, and so its digest."""
        text: dict[str, Any] = handler(self)
        return {key: value for key, value in text.items() if value is not None or key not in NEWER_KEYS}

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule in book order."""
        return tuple(rule for stage in self.stages for rules in stage.values() for rule in rules)

    @cached_property
    def checks(self) -> tuple[str, ...]:
        """Every check in book order."""
        return tuple(check for stage in self.stages for check in stage)

    def lends_like(self, other: "Rulebook") -> bool:
        """Whether both are about the same product in the same currency, so that one may decide in the other's place."""
        return (self.product, self.currency) == (other.product, other.currency)

    def offer(self, amount: Money, months: int) -> Offer:
        """An amount over a term, with the instalment by the book's rate."""
        return Offer(amount=amount, term_months=months, instalment=instalment(amount, self.terms.annual_rate, months))

    def requested(self, application: Application) -> Offer:
        """The requested amount and term; the term is the book's where the application names none."""
        return self.offer(application.requested, application.term_months or self.terms.months)

    def alternatives(self, application: Application) -> tuple[Offer, ...]:
        """The offers that may replace the request, best first; none where the book makes no counteroffers.

        Neither the amount nor the instalment of an alternative is higher than requested.
        """
        if self.counteroffer is None:
            return ()
        requested = self.requested(application)
        choices = self.counteroffer.choices(requested.amount.minor, requested.term_months)
        offers = (self.offer(Money(minor=minor, currency=self.currency), months) for minor, months in choices)
        return tuple(offer for offer in offers if offer.instalment.minor <= requested.instalment.minor)

    def wake_at(self, decision: Decision) -> datetime | None:
        """When a waiting application is reviewed again if its customer does not answer; None where it does not wait.

        An incomplete one is reviewed every few days, and a last time at its deadline.
        """
        if self.incomplete is None or decision.verdict is not Verdict.INCOMPLETE or decision.respond_by is None:
            return decision.respond_by
        return min(decision.decided_at + timedelta(days=self.incomplete.again_days), decision.respond_by)

    def rules_of(self, check: str) -> tuple[Rule, ...]:
        """The rules of `check`; KeyError where the book has no such check."""
        for stage in self.stages:
            if check in stage:
                return stage[check]
        raise KeyError(f"{self.name} v{self.version} has no check {check}")


@lru_cache(maxsize=PARSED)
def parse_rulebook(text: str, origin: str = "rulebook") -> Rulebook:
    """Read a rulebook from YAML or its canonical form; RulebookError names every problem with `origin` and line."""
    return read_book(Rulebook, text, origin)


@cache
def shipped_rulebooks() -> Mapping[str, Rulebook]:
    """The rulebooks of the pre-screening that come with the project, by name; read once."""
    return shipped(Rulebook, "rulebooks")


def rulebook_schema() -> dict[str, Any]:
    """The JSON Schema of a rulebook, with every rule and its properties."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Rulebook.model_json_schema()}
