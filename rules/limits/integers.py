"""Facts as whole numbers in numpy, with a mask of what is known: exact arithmetic without a float in between."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from pandas.arrays import BooleanArray, IntegerArray
from pandas.core.arrays.masked import BaseMaskedArray

from rules.core.columns import Column, Mask, Truth
from underwriting.domain.money import MAX_MINOR

Numbers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Integers:
    """One whole number of every row, 0 where it is not known."""

    values: Numbers
    known: Mask

    def within(self, lowest: int, highest: int) -> Numbers:
        """The numbers, those outside at the bound: sources cannot send such, but arithmetic must not overflow."""
        return np.clip(self.values, lowest, highest)


def to_integers(column: Column) -> Integers:
    """The numbers of an integer column, no larger than an amount of money may be."""
    array = cast("BaseMaskedArray", column)
    values = array.to_numpy(np.int64, na_value=0)
    return Integers(np.clip(values, -MAX_MINOR, MAX_MINOR), ~array.isna())


def certain(truth: Truth) -> Mask:
    """Where it is known to hold."""
    mask: Mask = cast("BooleanArray", truth).to_numpy(np.bool_, na_value=False)
    return mask


def integers(values: Numbers, known: Mask) -> IntegerArray:
    """A nullable column of the numbers that are known."""
    return IntegerArray(np.where(known, values, 0).astype(np.int64), ~known)


def series(values: Numbers, known: Mask, index: "pd.Index[Any]") -> "pd.Series[Any]":
    """The same with the rows' ids."""
    return pd.Series(integers(values, known), index=index)
