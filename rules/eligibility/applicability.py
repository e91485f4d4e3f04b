"""Whom a book applies to: segments of users, a feature flag, an arm of an experiment."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

# Users fall into this many buckets of an experiment, so that a share has four decimals.
BUCKETS = 10_000

Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_-]{0,63}$", description="Lower-case letters, digits, - and _")]


def _in_buckets(share: Decimal) -> Decimal:
    if share * BUCKETS % 1:
        raise ValueError(f"{share} is finer than one in {BUCKETS}; round it to four decimals")
    return share.normalize()


Share = Annotated[
    Decimal,
    Field(gt=0, le=1, allow_inf_nan=False, description="0.2 is a fifth of all users"),
    AfterValidator(_in_buckets),
]


class Experiment(BaseModel):
    """One arm of an experiment. Every book of the experiment repeats all arms with their shares.

    Where the shares leave somebody over, those users are in no arm, and under no book of the experiment.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    arm: Name
    shares: Annotated[dict[Name, Share], Field(min_length=1, description="Every arm's share of the users")]

    @model_validator(mode="after")
    def _is_an_arm_of_at_most_everybody(self) -> Self:
        if self.arm not in self.shares:
            raise ValueError(f"the arm {self.arm} has no share; the arms are {', '.join(self.shares)}")
        if (total := sum(self.shares.values())) > 1:
            raise ValueError(f"the shares add up to {total}, more than everybody; lower them to at most 1")
        return self


class InExperiment(BaseModel):
    """Whom a book of the pre-screening applies to, where not to everybody: the customers of one arm."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    experiment: Experiment


class AppliesTo(BaseModel):
    """Whom a book applies to; everybody, where nothing is said. All that is said has to hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    segments: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] | None,
        Field(min_length=1, description="Segments of the user service, any of which will do"),
    ] = None
    flag: Annotated[
        str | None, Field(min_length=1, max_length=100, description="A feature flag that has to be on for the user")
    ] = None
    experiment: Experiment | None = None
