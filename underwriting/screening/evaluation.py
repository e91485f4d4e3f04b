"""Evaluates the matching on labelled pairs of names: precision, recall and F1 by threshold."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from underwriting.screening.files import ListFileError, read_text
from underwriting.screening.match import compare
from underwriting.screening.names import Kind, parse_name

COLUMNS = ("schema", "name1", "name2", "is_match")
_LABELS = {"true": True, "false": False}


class Case(NamedTuple):
    """Two names, their kind, and whether they are the same person or organisation."""

    kind: Kind
    left: str
    right: str
    same: bool

    @property
    def held_out(self) -> bool:
        """Whether the case is in the half that the matcher was built without; decided by a hash of the names."""
        return sha256("\0".join(sorted((self.left, self.right))).encode()).digest()[0] % 2 == 1

    @property
    def score(self) -> float:
        """How alike the names are."""
        return compare(parse_name(self.left, self.kind), parse_name(self.right, self.kind)).score


@dataclass(frozen=True)
class Figures:
    """Matches found and missed at one threshold."""

    threshold: float
    found: int
    false_alarms: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of matches that are true."""
        return self.found / max(1, self.found + self.false_alarms)

    @property
    def recall(self) -> float:
        """Share of true matches that are found."""
        return self.found / max(1, self.found + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.found / max(1, 2 * self.found + self.false_alarms + self.missed)


def figures(scored: Iterable[tuple[float, bool]], thresholds: Sequence[float]) -> Iterator[Figures]:
    """Figures at each threshold for pairs of (score, same); a score at the threshold is a match."""
    pairs = list(scored)
    for threshold in thresholds:
        matched = [same for score, same in pairs if score >= threshold]
        missed = sum(same for score, same in pairs if score < threshold)
        yield Figures(threshold, sum(matched), len(matched) - sum(matched), missed)


def read_cases(path: Path) -> list[Case]:
    """Labelled pairs from a CSV file with the columns schema, name1, name2, is_match; others are not read."""
    _, text = read_text(path)
    rows = csv.DictReader(StringIO(text, newline=""), strict=True)
    if missing := set(COLUMNS).difference(rows.fieldnames or ()):
        raise ListFileError(path, 1, f"column {min(missing)} is missing")
    return [_case(path, rows.line_num, row) for row in rows]


def _case(path: Path, line: int, row: dict[str, str]) -> Case:
    schema, left, right, label = (row[column] or "" for column in COLUMNS)
    same = _LABELS.get(label.casefold())
    if same is None:
        raise ListFileError(path, line, f"is_match is {label!r}, not True or False")
    return Case(Kind.INDIVIDUAL if schema == "Person" else Kind.ENTITY, left, right, same)
