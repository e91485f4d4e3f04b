"""Experiments: a book's arm, which users are in it, and what books that share an experiment have to agree on."""

from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

# Users fall into this many buckets of an experiment, so that a share has four decimals.
BUCKETS = 10_000

Name = Annotated[str, Field(pattern="^[a-z][a-z0-9_-]{0,63}$", description="lower-case letters, digits, - and _")]


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

    If the shares sum to less than 1, the other users are in no arm, and no book of the experiment applies to them.
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
    """The customers whom a book of the pre-screening applies to: those in one arm of an experiment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    experiment: Experiment


def arm_of(experiment: Experiment, user_id: str) -> str | None:
    """The arm that the user is in; None where the user is in none."""
    return arms_of(experiment)[bucket_of(experiment.name, user_id)]


def bucket_of(experiment: str, user_id: str) -> int:
    """The bucket, 0 to 9,999, of the user in the experiment.

    The first eight bytes of SHA-256 of "experiment:user id" in UTF-8, big-endian, modulo 10,000: uniform to one in
    10¹⁵, and independent between experiments. A user stays in the bucket when shares change.
    """
    digest = sha256(f"{experiment}:{user_id}".encode()).digest()
    return int.from_bytes(digest[:8]) % BUCKETS


Arms = tuple[str | None, ...]


def arms_of(experiment: Experiment) -> Arms:
    """The arm of each bucket; None where it belongs to no arm.

    The arms are evenly spaced along the buckets, in the order of their names: the first at the lowest, the last at the
    highest. Each arm gets as many buckets as its share, those nearest to it; a bucket near to two arms goes to the
    nearer one. So an arm that grows gets more buckets and loses none, until two arms meet. Two arms start at opposite
    ends, so neither ever gets a bucket of the other.
    """
    return _arms_of(tuple(sorted(experiment.shares.items())))


@lru_cache(maxsize=256)
def _arms_of(shares: tuple[tuple[str, Decimal], ...]) -> Arms:
    step = (BUCKETS - 1) / max(len(shares) - 1, 1)
    left = {arm: int(share * BUCKETS) for arm, share in shares}
    wishes = (
        (abs(bucket - place * step), arm, bucket) for place, (arm, _) in enumerate(shares) for bucket in range(BUCKETS)
    )
    arms: list[str | None] = [None] * BUCKETS
    for _, arm, bucket in sorted(wishes):
        if left[arm] and arms[bucket] is None:
            arms[bucket] = arm
            left[arm] -= 1
    return tuple(arms)


def moved(before: Experiment, after: Experiment) -> Decimal:
    """The share of users who were in an arm before, and are in another one or in none after."""
    pairs = zip(arms_of(before), arms_of(after), strict=True)
    return Decimal(sum(old is not None and new != old for old, new in pairs)) / BUCKETS
