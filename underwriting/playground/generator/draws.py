"""Random numbers that depend on a seed, a user and a purpose only, so that draws are independent of each other.

Counter based: each number is a hash (the finaliser of SplitMix64: Steele, Lea and Flood, 2014) of its coordinates.
"""

from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from typing import Self

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_LANE = np.uint64(0xFFFF)


def _mixed(bits: Bits) -> Bits:
    """The finaliser of SplitMix64, in place."""
    bits ^= bits >> np.uint64(30)
    bits *= _FIRST
    bits ^= bits >> np.uint64(27)
    bits *= _SECOND
    bits ^= bits >> np.uint64(31)
    return bits


@cache
def _coordinate(purpose: str) -> np.uint64:
    return np.uint64(int.from_bytes(blake2b(purpose.encode(), digest_size=8).digest(), "big"))


class Draws:
    """A source of random numbers for each element of an array: users, or users by slots."""

    def __init__(self, base: Bits) -> None:
        self._base = base

    @classmethod
    def of_users(cls, seed: int, numbers: Ints) -> Self:
        """A source for each user, by the user's number."""
        base = numbers.astype(np.uint64) * _STEP
        return cls(_mixed(base ^ _coordinate(f"seed {seed}")))

    def slots(self, numbers: Ints, purpose: str) -> Self:
        """A source for each user and slot; `numbers` broadcasts against the users."""
        mine = self._base.reshape(self._base.shape + (1,) * (numbers.ndim - self._base.ndim))
        return type(self)(_mixed((mine ^ _coordinate(purpose)) + (numbers.astype(np.uint64) + np.uint64(1)) * _STEP))

    def take(self, rows: Ints | Flags) -> Self:
        """The sources of the users in `rows`, with repetitions."""
        return type(self)(self._base[rows])

    def __len__(self) -> int:
        return len(self._base)

    def flat(self) -> Self:
        """The same sources in one dimension."""
        return type(self)(self._base.ravel())

    def _bits(self, purpose: str) -> Bits:
        return _mixed(self._base ^ _coordinate(purpose))

    def uniform(self, purpose: str) -> Reals:
        """0 up to, not including, 1."""
        return (self._bits(purpose) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def normal(self, purpose: str) -> Reals:
        """Approximately standard normal: a sum of four uniform numbers, always within ±3.5."""
        bits = self._bits(purpose)
        total = bits >> np.uint64(48)
        for lane in (0, 16, 32):
            total = total + ((bits >> np.uint64(lane)) & _LANE)
        # Four lanes of 0 to 65535 have the mean 131070 and the variance (65536² − 1) / 3.
        return np.asarray((total.astype(np.float64) - 131070.0) * (3.0**0.5 / 65536.0))

    def chance(self, purpose: str, share: float | Reals) -> Flags:
        """True for that share."""
        return np.asarray(self.uniform(purpose) < share)

    def between(self, purpose: str, low: float, high: float) -> Ints:
        """Whole numbers from `low` to `high`, both included, each as often."""
        return (low + np.floor(self.uniform(purpose) * (high - low + 1))).astype(np.int64)

    def pick(self, purpose: str, shares: Sequence[float]) -> Ints:
        """Positions in `shares`, each as often as it says."""
        edges = np.cumsum(shares)
        found = np.searchsorted(edges[:-1] / edges[-1], self.uniform(purpose), side="right")
        return np.asarray(found, dtype=np.int64)
