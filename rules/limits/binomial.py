"""The exact quantiles of a binomial distribution: how many of so many users may move by chance alone."""

from math import exp, floor, lgamma, log, log1p

# A band of 99.9%: a tail of half a per mille on each side.
TAIL = 0.0005
# A term this much smaller than the largest one, and all that follow, add nothing to the sum.
_NEGLIGIBLE = 1e-18


def most_by_chance(users: int, share: float) -> int:
    """The smallest count that is exceeded with a chance of `TAIL` at most, if each user moves with chance `share`."""
    if users == 0 or share <= 0:
        return 0
    if share >= 1:
        return users
    # The likeliest count: about half of the probability is below it, so the tail never reaches it.
    middle = min(users, floor((users + 1) * share))
    odds = share / (1 - share)
    chances = [exp(_log_chance(users, share, middle))]
    count = middle
    while count < users and chances[-1] > _NEGLIGIBLE * chances[0]:
        chances.append(chances[-1] * (users - count) / (count + 1) * odds)
        count += 1
    # From the far end inwards, until the tail would be too heavy.
    tail = 0.0
    while count > middle and tail + chances[count - middle] <= TAIL:
        tail += chances[count - middle]
        count -= 1
    return count


def least_by_chance(users: int, share: float) -> int:
    """The largest count that is missed with a chance of `TAIL` at most."""
    return users - most_by_chance(users, 1 - share)


def _log_chance(users: int, share: float, count: int) -> float:
    """The logarithm of the chance of exactly this count."""
    ways = lgamma(users + 1) - lgamma(count + 1) - lgamma(users - count + 1)
    return ways + count * log(share) + (users - count) * log1p(-share)
