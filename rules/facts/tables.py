"""The input tables of the facts, derived from the documents that the sources answer."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

import pyarrow as pa
from pydantic import AwareDatetime

from underwriting.domain.documents import DOCUMENTS, Document, Row, row_model
from underwriting.domain.histories import HISTORIES
from underwriting.domain.money import Money

SUBJECTS = "subjects"
_SUBJECT_ID = pa.field("subject_id", pa.string())
# UTC, without a time zone: DuckDB would convert a zoned column to the session's zone, by an extension.
_MOMENT = pa.timestamp("us")
_ARROW = {
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    str: pa.string(),
    date: pa.date32(),
    AwareDatetime: _MOMENT,
}


def _rows_of(document: type[Document]) -> Iterable[type[Row]]:
    nested = (row_model(field.annotation) for field in document.model_fields.values())
    return [document, *filter(None, nested)]


_MODELS: dict[str, type[Row]] = {row.table: row for document in (*DOCUMENTS, *HISTORIES) for row in _rows_of(document)}
TABLES: tuple[str, ...] = (SUBJECTS, *_MODELS)


def _arrow_type(annotation: object) -> pa.DataType:
    """The column type of a model's field: the first type inside `Annotated[...]` and `... | None`."""
    while get_origin(annotation) in (Annotated, Union, UnionType):
        annotation = get_args(annotation)[0]
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return pa.string()
    return _ARROW[annotation]  # type: ignore[index]  # A field of another type has no column: a KeyError at import.


@cache
def input_schema(table: str) -> pa.Schema:
    """The columns of an input table, `subject_id` first; moments are UTC. KeyError where there is no such table."""
    if table == SUBJECTS:
        return pa.schema(
            [
                _SUBJECT_ID,
                ("as_of", pa.date32()),
                ("currency", pa.string()),
                ("requested_amount", pa.int64()),
                ("requested_instalment", pa.int64()),
                ("judged_at", _MOMENT),
            ]
        )
    fields = _MODELS[table].model_fields.items()
    columns = [(name, _arrow_type(field.annotation)) for name, field in fields if not row_model(field.annotation)]
    return pa.schema([_SUBJECT_ID, *columns])


def subjects(subject_id: str, as_of: date, requested: Money, instalment: Money) -> dict[str, pa.Table]:
    """The table of the subject, the date and the request; one row."""
    row = {
        "subject_id": subject_id,
        "as_of": as_of,
        "currency": requested.currency,
        "requested_amount": requested.minor,
        "requested_instalment": instalment.minor,
    }
    return {SUBJECTS: pa.Table.from_pylist([row], schema=input_schema(SUBJECTS))}


def users_as_of(ids: Sequence[str], as_of: date, judged_at: datetime | None, currency: str) -> dict[str, pa.Table]:
    """The table of users without a request, with the date and the decision time.

    Facts in hours are not known where `judged_at` is None.
    """
    return {
        SUBJECTS: pa.table(
            {
                "subject_id": pa.array(ids, pa.string()),
                "as_of": pa.repeat(pa.scalar(as_of, pa.date32()), len(ids)),
                "currency": pa.repeat(currency, len(ids)),
                "requested_amount": pa.nulls(len(ids), pa.int64()),
                "requested_instalment": pa.nulls(len(ids), pa.int64()),
                "judged_at": pa.repeat(pa.scalar(judged_at, _MOMENT), len(ids)),
            }
        )
    }


def tables_of(subject_id: str, documents: Iterable[Document]) -> dict[str, pa.Table]:
    """The rows of one subject's documents, as input tables; tables without rows are left out."""
    rows: dict[str, list[dict[str, object]]] = defaultdict(list)
    for document in documents:
        for table, row in document.rows():
            rows[table].append({"subject_id": subject_id, **row})
    return {table: pa.Table.from_pylist(found, schema=input_schema(table)) for table, found in rows.items()}
