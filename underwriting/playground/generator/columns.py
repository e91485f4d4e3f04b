"""Arrow tables of a chunk of users, in the layout that the facts read; text is dictionary-encoded."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from underwriting.playground.generator.draws import Flags, Ints

# A column of the generator.
Column: TypeAlias = "pa.Array | np.ndarray"


def subject_ids(numbers: Ints) -> list[str]:
    """The opaque ids of users by number; they sort like the numbers."""
    return [f"u{number:09d}" for number in numbers.tolist()]


def text(codes: Ints, words: Sequence[str]) -> pa.DictionaryArray:
    """Text by index in `words`; a negative code is NULL."""
    known = codes >= 0
    indices = pa.array(codes.astype(np.int32), mask=None if known.all() else ~known)
    return pa.DictionaryArray.from_arrays(indices, pa.array(words, pa.string()))


def optional(values: np.ndarray, unknown: Flags, kind: pa.DataType | None = None) -> pa.Array:
    """Values, with NULL where `unknown`."""
    return pa.array(values, kind, mask=unknown)


def days(since_epoch: Ints, unknown: Flags | None = None) -> pa.Array:
    """Dates from days since 1970."""
    if unknown is not None:
        since_epoch = np.where(unknown, 0, since_epoch)
    return pa.array(since_epoch.astype(np.int32), pa.int32(), mask=unknown).view(pa.date32())


def table(schema: pa.Schema, ids: Sequence[str], user: Ints, columns: Mapping[str, Column]) -> pa.Table:
    """A table of the layout; columns that are not given are NULL. KeyError for a column that it does not have."""
    arrays = {"subject_id": text(user, ids)}
    for name, column in columns.items():
        arrays[schema.field(name).name] = column if isinstance(column, pa.Array) else pa.array(column)
    filled = [arrays[field.name] if field.name in arrays else pa.nulls(len(user), field.type) for field in schema]
    return pa.Table.from_arrays(filled, names=schema.names)
