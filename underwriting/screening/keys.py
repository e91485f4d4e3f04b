"""Finds the names that have a word, or joined words, similar to a given one."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import OSA

from underwriting.screening.match import MOST_JOINED
from underwriting.screening.names import Name, Role

Shares = NDArray[np.float32]
# Names, by number, and a word's weight in each.
Weights = tuple[NDArray[np.intp], Shares]

# One edit in four letters, as comparing words forgives; one in a word of three.
_LEAST_LIKENESS = 0.74
_SHORT = 3
_LEAST_LIKENESS_SHORT = 0.66


class Run(NamedTuple):
    """Consecutive words of a name: their key, weight and positions."""

    key: str
    weight: float
    words: range


def runs(name: Name, key_of: Callable[[str], str], least: int = 1, most: int = MOST_JOINED) -> Iterator[Run]:
    """Every run of `least` to `most` words; legal forms are left out."""
    words = [(key_of(word.text), word.weight) for word in name.words if word.role is not Role.LEGAL]
    for start in range(len(words)):
        for end in range(start + least, min(start + most, len(words)) + 1):
            keys, weights = zip(*words[start:end], strict=True)
            yield Run("".join(keys), sum(weights), range(start, end))


def weight_of(name: Name) -> float:
    """The weight of all words of a name except legal forms."""
    return sum(word.weight for word in name.words if word.role is not Role.LEGAL)


def initial(word: str) -> str:
    """The key of a row of initials."""
    return word[:1]


def weights_of(weights: Mapping[int, float]) -> Weights:
    """The weights as arrays."""
    return np.fromiter(weights, dtype=np.intp), np.fromiter(weights.values(), dtype=np.float32)


class Keys:
    """Keys in order of length, and for each the names (by number) that it occurs in, with its weight there."""

    def __init__(self, occurrences: Mapping[str, Mapping[int, float]], names: int) -> None:
        self._names = names
        self._keys = sorted(filter(None, occurrences), key=len)
        self._lengths = np.array([len(key) for key in self._keys])
        self._found = [weights_of(occurrences[key]) for key in self._keys]

    def shares(self, run: Run) -> Shares:
        """For each name, what it has in common with `run`: the lesser weight, by how alike the best key is."""
        key, shares = run.key, np.zeros(self._names, dtype=np.float32)
        if not key:
            return shares
        least = _LEAST_LIKENESS if len(key) > _SHORT else _LEAST_LIKENESS_SHORT
        first, last = np.searchsorted(self._lengths, [len(key) * least, len(key) / least + 1])
        near = self._keys[first:last]
        alike = process.cdist([key], near, scorer=OSA.normalized_similarity, score_cutoff=least, dtype=np.float32)[0]
        for hit in np.flatnonzero(alike):
            where, weights = self._found[first + hit]
            shares[where] = np.maximum(shares[where], alike[hit] * np.minimum(weights, run.weight))
        return shares
