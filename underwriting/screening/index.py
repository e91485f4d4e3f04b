"""Finds the entries whose names may be a subject's, without comparing it with every listed name.

Every word of a listed name, and every run of words written together, is a key: by its letters, by its loosest sound,
and by its consonants for scripts that leave vowels out. A lookup adds up what each name shares with the subject's,
and compares in full only the names that share most.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from heapq import nlargest
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from underwriting.screening.entries import Entry, Subject
from underwriting.screening.evidence import Finding, weigh
from underwriting.screening.keys import Keys, Shares, Weights, initial, runs, weight_of, weights_of
from underwriting.screening.match import MOST_JOINED, OMITTED, SHORT_FORM, Likeness, compare
from underwriting.screening.names import Kind, Name, Role, Script, parse_name
from underwriting.screening.spelling import consonants, loose_sound

# The number of names compared in full, plus all that share as much as the last of them.
_COMPARED = 60
# The least share: below it no other evidence makes a match.
_LEAST_SHARED = 0.4


class Match(NamedTuple):
    """An entry that may be the subject: the matched name, and the parts of the score."""

    score: float
    findings: tuple[Finding, ...]
    confirmed: bool
    list_name: str
    entry: Entry
    subject: Name
    matched: Name
    likeness: Likeness

    @property
    def reference(self) -> str:
        """The list and the entry's id, which may be stored and shown, since they are not personal data."""
        return f"{self.list_name}:{self.entry.id}"

    def why(self) -> str:
        """The words that agree, their likeness if below 1, and the other findings."""
        words = (
            f"{_text(self.subject, pair.left)} = {_text(self.matched, pair.right)}"
            + ("" if pair.likeness == 1 else f" ({pair.likeness:.2f})")
            for pair in self.likeness.pairs
        )
        return "; ".join((", ".join(words), *self.findings))


class ListIndex:
    """All names of some lists, by kind; thread-safe."""

    def __init__(self, lists: Mapping[str, Iterable[Entry]]) -> None:
        listed = defaultdict[Kind, list[tuple[str, Entry]]](list)
        for list_name, entries in lists.items():
            for entry in entries:
                # An entry of unknown kind may be a person or a company.
                for kind in (entry.kind,) if entry.kind else (Kind.INDIVIDUAL, Kind.ENTITY):
                    listed[kind].append((list_name, entry))
        self._listed = listed
        self._kinds: dict[Kind, _KindIndex] = {}
        self._building = Lock()

    def search(self, subject: Subject, limit: int = 10) -> list[Match]:
        """The `limit` best entries for a subject, best first; entries of another kind are never among them."""
        return nlargest(limit, self._of(subject.kind).matches(subject), key=lambda match: match.score)

    def _of(self, kind: Kind) -> "_KindIndex":
        """The index of one kind, built at its first use: most processes look up persons only."""
        with self._building:
            if kind not in self._kinds:
                self._kinds[kind] = _KindIndex(kind, self._listed[kind])
            return self._kinds[kind]


class _KindIndex:
    def __init__(self, kind: Kind, listed: Sequence[tuple[str, Entry]]) -> None:
        self._owners = [owner for owner in listed for _ in (owner[1].name, *owner[1].aliases)]
        self._names = [parse_name(written, kind) for _, entry in listed for written in (entry.name, *entry.aliases)]
        self._weights = np.array([weight_of(name) for name in self._names], dtype=np.float32)
        self._spelled = self._keys(str, most=1)
        self._words = self._keys(loose_sound, most=1)
        self._joined = self._keys(loose_sound, least=2)
        self._initials = self._keys(initial, least=MOST_JOINED)
        self._abjad = self._keys(consonants, script=Script.ABJAD)
        self._full = self._full_names()

    @cached_property
    def _consonants(self) -> Keys:
        """For subjects in a script without vowels; built lazily, since they are rare."""
        return self._keys(consonants)

    def _keys(
        self, key_of: Callable[[str], str], least: int = 1, most: int = MOST_JOINED, script: Script | None = None
    ) -> Keys:
        occurrences = defaultdict[str, dict[int, float]](dict)
        for index, name in enumerate(self._names):
            if script is None or any(word.script is script for word in name.words):
                for run in runs(name, key_of, least, most):
                    occurrences[run.key][index] = run.weight
        return Keys(occurrences, len(self._names))

    def _full_names(self) -> dict[str, Weights]:
        """For each full name, the listed names that have it or a short form of it, with the word's weight there."""
        found = defaultdict[str, dict[int, float]](dict)
        for index, name in enumerate(self._names):
            for word in name.words:
                for full in word.full:
                    found[full][index] = max(word.weight, found[full].get(index, 0))
        return {full: weights_of(weights) for full, weights in found.items()}

    def matches(self, subject: Subject) -> Iterator[Match]:
        """The best name of every entry that may be the subject."""
        name = parse_name(subject.name, subject.kind)
        best: dict[tuple[str, str], Match] = {}
        for index in self._candidates(name):
            list_name, entry = self._owners[index]
            if (likeness := compare(name, self._names[index], listed=True)).pairs:
                weighed = weigh(likeness.score, subject, entry)
                match = Match(*weighed, weighed.confirmed, list_name, entry, name, self._names[index], likeness)
                best[list_name, entry.id] = max(match, best.get((list_name, entry.id), match), key=lambda m: m.score)
        yield from best.values()

    def _candidates(self, name: Name) -> NDArray[np.intp]:
        """The names with the highest possible scores, assuming that nothing contradicts."""
        total = weight_of(name)
        agreed = np.minimum(self._shared(name), np.minimum(self._weights, total))
        ours, theirs = total - agreed, self._weights - agreed
        possible = agreed / np.maximum(agreed + np.minimum(ours, theirs) + OMITTED * np.abs(ours - theirs), 1e-6)
        enough = max(_LEAST_SHARED, np.partition(possible, -_COMPARED)[-_COMPARED] if len(possible) > _COMPARED else 0)
        return np.flatnonzero(possible >= enough)

    def _shared(self, name: Name) -> Shares:
        """For each listed name, the weight that it has in common with `name`; rarely an underestimate."""
        unvoweled = self._consonants if any(word.script is Script.ABJAD for word in name.words) else self._abjad
        readings = (runs(name, key_of, most=1) for key_of in (str, loose_sound, consonants))
        alone = [
            np.maximum.reduce(
                [
                    self._spelled.shares(text),
                    self._initials.shares(text),
                    self._words.shares(sound),
                    self._joined.shares(sound),
                    unvoweled.shares(bare),
                ]
            )
            for text, sound, bare in zip(*readings, strict=True)
        ]
        words = [word for word in name.words if word.role is not Role.LEGAL]
        for word, shares in zip(words, alone, strict=True):
            for where, weights in filter(None, map(self._full.get, word.full)):
                shares[where] = np.maximum(shares[where], SHORT_FORM * np.minimum(weights, word.weight))
        shared: Shares = np.sum(alone, axis=0)
        for table, key_of in ((self._words, loose_sound), (self._spelled, initial), (unvoweled, consonants)):
            for run in runs(name, key_of, least=2):
                shared += np.maximum(table.shares(run) - sum(alone[word] for word in run.words), 0)
        return shared


def _text(name: Name, span: range) -> str:
    return " ".join(name.words[index].text for index in span)
