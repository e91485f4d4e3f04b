"""The sections of a limit policy other than its table and gates: business day, affordability, step, guard."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Annotated, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from rules.core.problems import wrong, wrong_at
from rules.core.wording import did_you_mean
from rules.core.yaml_source import Path
from rules.limits.gates import Gates
from underwriting.domain.money import MAX_MINOR

BASIS_POINTS = 10_000


def _no_boolean(value: object) -> object:
    """Refuse `true` and `false`, which Python takes for numbers."""
    if isinstance(value, bool):
        raise wrong(f"{str(value).lower()} is not a number; write one")
    return value


def _in_basis_points(share: Decimal) -> Decimal:
    if share * BASIS_POINTS % 1:
        raise wrong(f"{share} is finer than a basis point; four decimal places at most")
    # 0.3 and 0.30 are the same share.
    return share.normalize()


Share = Annotated[
    Decimal,
    Field(ge=0, le=1, allow_inf_nan=False, description="A share from 0 to 1, in steps of 0.0001"),
    BeforeValidator(_no_boolean),
    AfterValidator(_in_basis_points),
]
Times = Annotated[
    Decimal,
    Field(ge=1, le=100, allow_inf_nan=False, description="How many times as much as usual is still usual"),
    BeforeValidator(_no_boolean),
    AfterValidator(Decimal.normalize),
]
PayPeriods = Annotated[
    Decimal,
    Field(gt=0, le=12, decimal_places=2, allow_inf_nan=False, description="In steps of 0.01"),
    BeforeValidator(_no_boolean),
    AfterValidator(Decimal.normalize),
]
NonNegativeMinorUnits = Annotated[
    int, Field(strict=True, ge=0, le=MAX_MINOR, description="An amount in minor units of the policy's currency")
]


def basis_points(share: Decimal) -> int:
    """A share as whole basis points: 0.3 is 3,000."""
    return int(share * BASIS_POINTS)


class PolicySection(BaseModel):
    """A section of a policy: immutable, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# They are looked up in thousands of files.
_known_zones = cache(available_timezones)


def _known_zone(name: str) -> str:
    if name not in _known_zones():
        raise wrong(f"there is no time zone {name}; write one of the IANA database, such as America/New_York")
    return name


class BusinessDay(PolicySection):
    """The lender's own day, and when its limits are decided: on that day, after the evening's refreshes of feeds."""

    timezone: Annotated[str, AfterValidator(_known_zone), Field(description="Of the lender, as IANA names it")]
    decided_at: Annotated[time, Field(description="The time of day there, such as 23:59:59")]

    def moment(self, day: date) -> datetime:
        """The decision time of a business date, UTC."""
        return datetime.combine(day, self.decided_at, ZoneInfo(self.timezone)).astimezone(UTC)

    def day_of(self, moment: datetime) -> date:
        """The lender's day on which a moment falls."""
        return moment.astimezone(ZoneInfo(self.timezone)).date()

    def last(self, now: datetime) -> date:
        """The latest business date whose decision time has come."""
        today = self.day_of(now)
        return today if self.moment(today) <= now else today - timedelta(days=1)


class Confidence(PolicySection):
    """The share of the income that counts, from this number of recurring deposits on."""

    min_deposits: Annotated[int, Field(strict=True, ge=1, le=6, description="The fact counts the latest six at most")]
    share: Share

    @model_validator(mode="after")
    def _in_whole_percent(self) -> Self:
        if self.share * 100 % 1:
            raise wrong_at([(("share",), f"{self.share} is finer than a percent; two decimal places at most")])
        return self


class HealthWeights(PolicySection):
    """The weights of the parts of an account's health."""

    on_time: Annotated[Share, Field(description="Share of the last six repayments that came on time")]
    balance: Annotated[Share, Field(description="Share of days that ended at 50 or more")]
    overdraft: Annotated[Share, Field(description="Share of days that did not end below zero")]
    steadiness: Annotated[Share, Field(description="1 less the income's coefficient of variation, at least 0")]
    history: Annotated[Share, Field(description="Days of history over those that count in full, at most 1")]

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.on_time + self.balance + self.overdraft + self.steadiness + self.history
        if total != 1:
            raise ValueError(f"the weights sum to {total}; they have to sum to 1")
        return self


class AffordabilitySection(PolicySection):
    """The numbers of the affordability cap: see `rules.limits.affordability`."""

    confidence: Annotated[tuple[Confidence, ...], Field(min_length=1)]
    health: HealthWeights
    # The upper bound keeps the arithmetic within 64 bits.
    full_history_days: Annotated[int, Field(strict=True, ge=1, le=2_000)]
    base_share: Annotated[Share, Field(description="Share of the pay that is affordable without any health")]
    health_share: Annotated[Share, Field(description="Share of the pay that full health adds")]
    free_share: Annotated[Share, Field(description="Share of what a pay leaves after essentials, loans and advances")]

    @model_validator(mode="after")
    def _within_the_pay_and_rising(self) -> Self:
        problems = list(_falling_confidence(self.confidence))
        if self.base_share + self.health_share > 1:
            problems.append((("health_share",), "with base_share more than the pay; lower one of them"))
        if self.base_share + self.health_share == 0:
            problems.append((("health_share",), "0, as base_share is: nothing is ever affordable; raise one of them"))
        if self.free_share == 0:
            problems.append((("free_share",), "0: nothing is ever affordable; raise it"))
        if problems:
            raise wrong_at(problems)
        return self


def _falling_confidence(confidence: tuple[Confidence, ...]) -> Iterator[tuple[Path, str]]:
    deposits, share = 0, Decimal(0)
    for row, each in enumerate(confidence):
        if each.min_deposits <= deposits:
            hint = f"not above the {deposits} of the row before; put the rows in order, each number once"
            yield ("confidence", row, "min_deposits"), hint
        if each.share <= share:
            hint = f"not above {share}, which fewer deposits give: the row changes nothing; raise it or leave it out"
            yield ("confidence", row, "share"), hint
        deposits, share = each.min_deposits, each.share


class StepSection(PolicySection):
    """How fast a limit moves."""

    cool_down_days: Annotated[int, Field(strict=True, ge=1, le=3_650, description="Days between two raises")]
    min_on_time: Annotated[int, Field(strict=True, ge=0, le=100, description="Floats repaid on time since the last")]
    min_on_time_share: Annotated[Share, Field(description="Share of the last six repayments on time, for a raise")]
    rest_days: Annotated[int, Field(strict=True, ge=0, le=3_650, description="Days from a decrease to the next raise")]
    pay_within: Annotated[PayPeriods, Field(description="For a raise, the last pay is at most so many pay periods ago")]
    dead_band: Annotated[
        Share, Field(lt=1, description="Share by which balance and cap may be below what a tier requires")
    ]
    runs_below: Annotated[int, Field(strict=True, ge=1, le=100, description="Runs in a row below, to be lowered")]
    cycles_below: Annotated[int, Field(strict=True, ge=0, le=12, description="Pay cycles below, to be lowered")]
    days_below: Annotated[int, Field(strict=True, ge=0, le=366, description="Days below at least, to be lowered")]
    cycle_days: Annotated[int, Field(strict=True, ge=1, le=90, description="The pay cycle of a user who has none")]
    first_limit: Annotated[NonNegativeMinorUnits, Field(description="Up to it the cap lowers, never the table")]
    at_once: Annotated[tuple[str, ...], Field(description="Gates whose failure lowers to the lowest tier")]
    pauses: Annotated[tuple[str, ...], Field(description="Gates whose failure pauses the product")]

    @model_validator(mode="after")
    def _known_gates_once(self) -> Self:
        problems: list[tuple[Path, str]] = []
        seen: set[str] = set()
        named = [((key, row), name) for key in ("at_once", "pauses") for row, name in enumerate(getattr(self, key))]
        for path, name in named:
            if name not in Gates.model_fields:
                hint = did_you_mean(name, Gates.model_fields, f"the gates are {', '.join(Gates.model_fields)}")
                problems.append((path, f"no gate is called {name}; {hint}"))
            elif name in seen:
                problems.append((path, f"{name} appears twice in at_once and pauses; keep one"))
            seen.add(name)
        if problems:
            raise wrong_at(problems)
        return self


class ShareBand(PolicySection):
    """How far a share of the users may be from the median of the last runs, and the ceiling of every run."""

    ceiling: Share
    first_runs: Annotated[Share, Field(description="The most while there are too few earlier runs to compare with")]
    times: Times
    slack: Share


class MoneyBand(PolicySection):
    """How far an amount per user may be above the median of the last runs, and its ceiling."""

    ceiling: NonNegativeMinorUnits
    first_runs: NonNegativeMinorUnits
    times: Times
    slack: NonNegativeMinorUnits


class GuardSection(PolicySection):
    """When a run waits for a person: see `rules.limits.guard`."""

    last_runs: Annotated[int, Field(strict=True, ge=1, le=100, description="How many runs define what is usual")]
    min_runs: Annotated[int, Field(strict=True, ge=1, le=100, description="With fewer, the bounds of first_runs judge")]
    share_raised: ShareBand
    share_lowered: ShareBand
    share_paused: ShareBand
    share_unknown: ShareBand
    share_reason: Annotated[ShareBand, Field(description="Of each reason code")]
    money_up: MoneyBand
    money_down: MoneyBand

    @model_validator(mode="after")
    def _enough_runs_can_be_had(self) -> Self:
        if self.min_runs > self.last_runs:
            raise wrong_at([(("min_runs",), f"above last_runs ({self.last_runs}): no run would ever be compared")])
        return self
