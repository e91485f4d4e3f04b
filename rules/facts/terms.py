"""The numbers in the facts about bank feeds: versioned data, which the queries read as macros."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache, cached_property
from hashlib import sha256
from importlib.resources import files
from typing import Annotated

import rfc8785
from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML

from underwriting.domain.decision import RulebookRef
from underwriting.domain.documents import NonNegativeAmount
from underwriting.domain.money import CurrencyCode

Days = Annotated[int, Field(strict=True, ge=1, le=366)]
Times = Annotated[int, Field(strict=True, ge=1, le=12)]


class _Terms(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cadence(_Terms):
    """How often people are paid: the days between two pays of one rhythm."""

    shortest: Days
    longest: Days


class Irregular(_Terms):
    """When income without a rhythm is recurring."""

    window_days: Days
    min_windows: Times


class IncomeTerms(_Terms):
    """Which deposits are one pay, and which pays a stream."""

    # The query keeps the age of a pay in nine bits.
    window_days: Annotated[Days, Field(le=360)]
    part_days: Days
    cadences: Annotated[tuple[Cadence, ...], Field(min_length=1)]
    max_periods: Times
    irregular: Irregular


class AdvanceTerms(_Terms):
    """How long an advance may be open, and what of a repayment is a fee."""

    term_days: Days
    max_fee_share: Annotated[Decimal, Field(ge=0, le=1, max_digits=3, decimal_places=2)]


class CurrencyTerms(_Terms):
    """Amounts in minor units of one currency."""

    min_deposit: NonNegativeAmount
    healthy_balance: NonNegativeAmount


class FactTerms(_Terms):
    """rules/policies/fact_terms.yaml."""

    name: str
    version: Annotated[int, Field(strict=True, ge=1)]
    valid_from: date
    feed_stands_days: Days
    # Windows of means end at 90 days.
    least_mean_days: Annotated[Days, Field(le=90)]
    income: IncomeTerms
    reversal_days: Days
    advances: AdvanceTerms
    cycle_days: Annotated[Days, Field(le=90)]
    currencies: Mapping[CurrencyCode, CurrencyTerms]

    @cached_property
    def ref(self) -> RulebookRef:
        """Name, version and digest: the very numbers that the facts rest on."""
        digest = sha256(rfc8785.dumps(self.model_dump(mode="json"))).hexdigest()
        return RulebookRef(name=self.name, version=self.version, digest=digest)

    @cached_property
    def sql(self) -> str:
        """The macros through which the queries read the numbers."""
        income = self.income
        numbers: dict[str, int | Decimal] = {
            "feed_stands_days": self.feed_stands_days,
            "least_mean_days": self.least_mean_days,
            "income_window_days": income.window_days,
            "part_days": income.part_days,
            "max_periods": income.max_periods,
            "irregular_window_days": income.irregular.window_days,
            "irregular_windows": income.irregular.min_windows,
            "reversal_days": self.reversal_days,
            "advance_term_days": self.advances.term_days,
            "max_fee_share": self.advances.max_fee_share,
            "cycle_days": self.cycle_days,
            "highest_healthy_balance": max(terms.healthy_balance for terms in self.currencies.values()),
            "longest_cycle": max(self.cycle_days, *(one.longest for one in income.cadences)),
        }
        cadences = ", ".join(f"{{'shortest': {one.shortest}, 'longest': {one.longest}}}" for one in income.cadences)
        # The values are validated numbers and currency codes.
        return "\n".join(
            [
                *(f"CREATE MACRO {name}() AS {number};" for name, number in numbers.items()),
                f"CREATE MACRO cadences() AS [{cadences}];",
                *(
                    f"CREATE MACRO {name}_of(currency) AS "
                    f"({[getattr(terms, name) for terms in self.currencies.values()]}::BIGINT[])"
                    f"[list_position({list(self.currencies)}, currency)];"
                    for name in ("min_deposit", "healthy_balance")
                ),
                "",
            ]
        )


@cache
def fact_terms() -> FactTerms:
    """The numbers in force."""
    text = files("rules").joinpath("policies", "fact_terms.yaml").read_text("utf-8")
    return FactTerms.model_validate(YAML(typ="safe").load(text))
