"""Which arm of an experiment has which buckets of users: when a share grows, users join its arm and nobody moves."""

from decimal import Decimal
from functools import lru_cache

from rules.eligibility.applicability import BUCKETS, Experiment

Arms = tuple[str | None, ...]


def arms_of(experiment: Experiment) -> Arms:
    """The arm of each bucket; None where the shares leave it over.

    The arms stand evenly spaced along the buckets, in the order of their names: the first at the lowest, the last at
    the highest. Each takes the buckets that are nearest to it, as many as its share; one that two want goes to the
    nearer. So an arm that grows takes further buckets and gives none away, until two arms meet. Of two arms, which
    stand at both ends, neither ever takes a bucket of the other.
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
