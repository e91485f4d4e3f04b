"""Facts as integers in numpy, with a mask of the known ones, for exact arithmetic without floats."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from pandas.arrays import IntegerArray
from pandas.core.arrays.masked import BaseMaskedArray

from rules.core.columns import Column, Columns, Mask
from underwriting.domain.money import MAX_MINOR

Numbers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Integers:
    """One integer for each row, 0 where it is not known."""

    values: Numbers
    known: Mask

    def within(self, lowest: int, highest: int) -> Numbers:
        """The numbers clipped to these bounds. Sources send none outside, but the arithmetic must not overflow."""
        return np.clip(self.values, lowest, highest)


def to_integers(column: Column) -> Integers:
    """The numbers of an integer column, clipped to what an amount of money may be."""
    array = cast("BaseMaskedArray", column)
    values = array.to_numpy(np.int64, na_value=0)
    return Integers(np.clip(values, -MAX_MINOR, MAX_MINOR), ~array.isna())


def integer_facts(facts: Columns, *names: str) -> tuple[Integers, ...]:
    """The numbers of several facts."""
    return tuple(to_integers(facts[name]) for name in names)


def series(values: Numbers, known: Mask, index: "pd.Index[Any]") -> "pd.Series[Any]":
    """A nullable series of the numbers; NA where they are not known."""
    return pd.Series(IntegerArray(np.where(known, values, 0).astype(np.int64), ~known), index=index)
