"""Facts as columns: pandas' nullable arrays, in the types that the catalogue gives them."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Protocol, cast

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray
from pandas.arrays import BooleanArray

from rules.facts import CATALOGUE, Fact
from underwriting.domain.decision import FactValue

_TEXT = pd.StringDtype(na_value=pd.NA)

Mask = np.ndarray[Any, np.dtype[np.bool_]]


class Column(Protocol):
    """One value of all rows. A comparison is NA where the value is not known; and, or and not follow Kleene."""

    __hash__: None  # type: ignore[assignment]  # As pandas' arrays, which compare element by element.

    def __eq__(self, other: object, /) -> "Truth": ...  # type: ignore[override]  # Element by element.
    def __lt__(self, other: "float | Column", /) -> "Truth": ...
    def __le__(self, other: "float | Column", /) -> "Truth": ...
    def __gt__(self, other: "float | Column", /) -> "Truth": ...
    def __ge__(self, other: "float | Column", /) -> "Truth": ...
    def __sub__(self, other: "Column", /) -> "Column": ...
    def __truediv__(self, other: "Column", /) -> "Column": ...
    def __mul__(self, other: float, /) -> "Column": ...
    def __and__(self, other: "bool | Column", /) -> "Truth": ...
    def __or__(self, other: "bool | Column", /) -> "Truth": ...
    def __invert__(self) -> "Truth": ...
    def __abs__(self) -> "Column": ...
    def __getitem__(self, row: int, /) -> Any: ...
    def __len__(self) -> int: ...

    def isin(self, values: Collection[object]) -> Mask:
        """Membership; False where the value is not known, so see `is_one_of`."""

    def isna(self) -> Mask:
        """Where the value is not known."""

    def to_numpy(self, dtype: type[np.generic], na_value: object) -> np.ndarray[Any, Any]:
        """The values, with `na_value` where one is not known."""


# A column of the nullable type `boolean`.
Truth = Column


def is_one_of(column: Column, values: Collection[str]) -> Truth:
    """Whether each value is among `values`; NA where it is not known."""
    return cast("Truth", BooleanArray(column.isin(values), column.isna()))


def looked_up(column: Column, values: Mapping[str, str]) -> Column:
    """The value that `values` has for each text of the column; NA where it has none."""
    rows = column.isin(values)
    found = _unknown(len(column))
    if rows.any():
        found[rows] = [values[text] for text in _texts(column, rows)]
    return cast("Column", found)


def wherever_known(column: Column, other: Column, text_of: Callable[[str, str | None], str]) -> Column:
    """What `text_of` gives for the texts of both columns, None for an unknown one, wherever `column` is known."""
    rows, found = np.flatnonzero(~column.isna()), _unknown(len(column))
    if len(rows):
        others = (None if text is pd.NA else text for text in _texts(other, rows))
        found[rows] = [text_of(text, beside) for text, beside in zip(_texts(column, rows), others, strict=True)]
    return cast("Column", found)


def first_known(*columns: Column) -> Column:
    """For each row, the value of the first column that has one; NA where none has."""
    found = columns[0]
    for column in columns[1:]:
        if not column.isna().all():
            found = cast("Column", pd.Series(found).fillna(pd.Series(column)).array)
    return found


def _texts(column: Column, rows: Any) -> Any:
    """The texts in these rows."""
    return np.asarray(cast("Any", column)[rows])


def _unknown(count: int) -> ExtensionArray:
    """A column of texts that are not known."""
    return pd.array([pd.NA], dtype=_TEXT).repeat(count)


def constant(value: int, like: Column) -> Column:
    """A column of `value` in every row that `like` has."""
    return cast("Column", pd.array([value], dtype="Int64").repeat(len(like)))


class Columns(Mapping[str, Column]):
    """Every fact of the catalogue; all NA where the frame has no such column.

    NaN and infinite numbers are not known either.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self.index = frame.index
        self._frame = frame
        self._conformed: dict[str, Column] = {}
        # What `rules.core.rule.derived` computed of these facts, and the names of the facts that it read.
        self.derived: dict[object, tuple[Column, list[str]]] = {}

    def __getitem__(self, name: str) -> Column:
        if name not in self._conformed:
            self._conformed[name] = self._conform(CATALOGUE[name])
        return self._conformed[name]

    def __iter__(self) -> Iterator[str]:
        return iter(CATALOGUE)

    def __len__(self) -> int:
        return len(CATALOGUE)

    def value(self, name: str, row: int) -> FactValue:
        """One value, as a plain Python object; None where it is not known."""
        value = self[name][row]
        if value is pd.NA:
            return None
        plain: FactValue = value.item() if isinstance(value, np.generic) else value
        return plain

    def _conform(self, fact: Fact) -> Column:
        if fact.name not in self._frame:
            return cast("Column", pd.Series(pd.NA, index=self.index, dtype=fact.dtype).array)
        column = self._frame[fact.name].array
        if column.dtype != fact.dtype:
            try:
                column = column.astype(fact.dtype)
            except (TypeError, ValueError) as error:
                raise ValueError(f"the column of the fact {fact.name} is not of type {fact.type}: {error}") from None
        if fact.type == "number":
            finite = np.isfinite(column.to_numpy(np.float64, na_value=0.0))
            if not finite.all():
                column = column.copy()
                column[~finite] = pd.NA
        return cast("Column", column)
