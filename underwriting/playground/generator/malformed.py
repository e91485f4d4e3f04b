"""Adds malformed transactions on purpose, next to the sound ones."""

from collections.abc import Callable
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from underwriting.domain.money import MAX_MINOR
from underwriting.playground.generator.draws import Draws
from underwriting.playground.generator.layout import MALFORMED, schema

Chunk = dict[str, pa.Table]
Defect = Callable[[pa.Table], pa.Table]
_TABLE = "transactions"
# Malformed rows have line numbers from here on, so that they differ from those of sound rows.
_FIRST_LINE = 1_000_000
_ABSURD_DAY = date(1066, 10, 14)


def _instead(column: str, value: object) -> Defect:
    """Rows with one value in a column."""

    def spoil(rows: pa.Table) -> pa.Table:
        place = rows.schema.get_field_index(column)
        kind = rows.schema.field(place).type
        text = kind.value_type if pa.types.is_dictionary(kind) else kind
        same = pa.repeat(pa.scalar(value, text), len(rows))
        return rows.set_column(place, column, same.dictionary_encode() if text is not kind else same)

    return spoil


def _of_nobody(rows: pa.Table) -> pa.Table:
    ids = pc.binary_join_element_wise(rows.column("subject_id").cast(pa.string()), "-gone", "")
    return rows.set_column(0, "subject_id", ids.combine_chunks().dictionary_encode())


def _twice(rows: pa.Table) -> pa.Table:
    place = rows.schema.get_field_index("line_no")
    return rows.set_column(place, "line_no", pc.subtract(rows.column("line_no"), _FIRST_LINE))


# The defects, by the names that the limit run's intake uses.
DEFECTS: dict[str, Defect] = {
    "subject_id_missing": _instead("subject_id", None),
    "unknown_user": _of_nobody,
    "booked_on_missing": _instead("booked_on", None),
    "booked_on_absurd": _instead("booked_on", _ABSURD_DAY),
    "amount_missing": _instead("amount", None),
    "amount_out_of_range": _instead("amount", MAX_MINOR + 1),
    "category_unknown": _instead("category", "gambling-ish"),
    "line_no_out_of_range": _instead("line_no", -1),
    "duplicate": _twice,
}


def with_malformed(chunk: Chunk, draws: Draws, share: float) -> Chunk:
    """The chunk with malformed copies of a share of its transactions after each user's own, and a list of them.

    The sound rows stay unchanged; `draws` are of the chunk's users.
    """
    rows = chunk[_TABLE]
    user = rows.column("subject_id").combine_chunks().indices.to_numpy().astype(np.int64)
    each = draws.take(user).slots(rows.column("line_no").to_numpy(), "malformed")
    chosen = np.flatnonzero(each.chance("is malformed", share))
    kinds = each.take(chosen).between("defect", 0, len(DEFECTS) - 1)
    parts, owners, notes = [rows], [user], []
    for number, (reason, spoil) in enumerate(DEFECTS.items()):
        mine = chosen[kinds == number]
        bad = spoil(_renumbered(rows.take(mine)))
        parts.append(bad)
        owners.append(user[mine])
        notes.append(_listed(bad, reason))
    together = pa.concat_tables([part.unify_dictionaries() for part in parts]).unify_dictionaries().combine_chunks()
    order = np.argsort(np.concatenate(owners), kind="stable")
    listed = pa.concat_tables(notes).take(np.argsort(np.concatenate(owners[1:]), kind="stable"))
    return {**chunk, _TABLE: together.take(order), MALFORMED: listed}


def _renumbered(rows: pa.Table) -> pa.Table:
    place = rows.schema.get_field_index("line_no")
    return rows.set_column(place, "line_no", pc.add(rows.column("line_no"), _FIRST_LINE))


def _listed(rows: pa.Table, reason: str) -> pa.Table:
    columns = {
        "subject_id": rows.column("subject_id").cast(pa.string()),
        "table": pa.repeat(_TABLE, len(rows)),
        "line_no": rows.column("line_no"),
        "reason": pa.repeat(reason, len(rows)),
    }
    return pa.table(columns, schema=schema(MALFORMED))
