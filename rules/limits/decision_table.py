"""The decision table of a policy: what each tier requires. Only tables in which every row can decide are accepted."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from rules.core.problems import wrong_at
from rules.core.rule import MinorUnits
from rules.core.yaml_source import Path
from rules.limits.policy_sections import NonNegativeMinorUnits, PolicySection
from rules.limits.tiers import TIERS

# Every amount that a limit may have, minor units, the lowest first. Everybody keeps the lowest.
AMOUNTS = tuple(tier.amount for tier in TIERS)

# Facts cap ranks at 8: rules/facts/histories.yaml.
Rank = Annotated[int, Field(strict=True, ge=0, le=8)]


class TierRow(PolicySection):
    """What one tier requires, all of it. Amounts are minor units of the policy's currency."""

    tier: Annotated[int, Field(strict=True, description="The tier's amount")]
    min_float_rank: Rank
    min_subscription_rank: Rank
    min_available: Annotated[MinorUnits, Field(strict=True)]
    min_repaid: NonNegativeMinorUnits = 0

    @property
    def thresholds(self) -> dict[str, int]:
        """The thresholds, by property."""
        return self.model_dump(exclude={"tier"})


def _sound(rows: tuple[TierRow, ...]) -> tuple[TierRow, ...]:
    """The rows as they are; an error for each that is no tier, out of order, missing, unreachable or too lenient."""
    problems = [problem for row in range(len(rows)) for problem in _problems(rows, row)]
    if problems:
        raise wrong_at(problems)
    return rows


def _problems(rows: tuple[TierRow, ...], index: int) -> Iterator[tuple[Path, str]]:
    row = rows[index]
    if row.tier not in AMOUNTS:
        yield (index, "tier"), f"there is no tier of {row.tier}; there are {_listed(AMOUNTS)}"
        return
    if row.tier == AMOUNTS[0]:
        yield (index, "tier"), f"{row.tier} is the lowest tier, which everybody keeps; leave the row out"
        return
    if index == 0:
        yield from _missing(index, AMOUNTS[0], row.tier)
    elif rows[index - 1].tier in AMOUNTS:
        yield from _against(rows[index - 1], row, index)
    if row.min_repaid > (reached := max(amount for amount in AMOUNTS if amount < row.tier)):
        yield (
            (index, "min_repaid"),
            f"nobody can have repaid {row.min_repaid} at {reached}, the tier before: the row is unreachable; lower it",
        )


def _against(before: TierRow, row: TierRow, index: int) -> Iterator[tuple[Path, str]]:
    """The problems of a row next to the one before it."""
    if row.tier == before.tier:
        yield (index, "tier"), f"{row.tier} overlaps with the row before, which is of the same tier; keep one"
        return
    if row.tier < before.tier:
        yield (index, "tier"), f"{row.tier} comes after {before.tier}; put the rows in the order of their tiers"
        return
    yield from _missing(index, before.tier, row.tier)
    if row.thresholds == before.thresholds:
        yield (
            (index - 1,),
            f"unreachable: whoever meets it meets the row of {row.tier} as well, which asks the same; "
            "ask more there or less here",
        )
    for name, value in row.thresholds.items():
        if value < before.thresholds[name]:
            yield (
                (index, name),
                f"{value} is less than the {before.thresholds[name]} of {before.tier}; a higher tier never asks less",
            )


def _missing(index: int, lower: int, upper: int) -> Iterator[tuple[Path, str]]:
    if gap := [amount for amount in AMOUNTS if lower < amount < upper]:
        yield (
            (index, "tier"),
            f"a gap: {_listed(gap)} is between {lower} and {upper} and has no row; limits rise one tier at a time",
        )


def _listed(amounts: Any) -> str:
    return ", ".join(map(str, amounts))


Table = Annotated[tuple[TierRow, ...], Field(min_length=1), AfterValidator(_sound)]
