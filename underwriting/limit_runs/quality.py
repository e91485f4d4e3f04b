"""Which rows of a history are malformed, as SQL over a table of them. The bounds are those of the documents' models.

A row is malformed where a value cannot be read, or is one that no sound source sends: no key, an absurd day, an amount
beyond any account, an unknown category.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pyarrow as pa
from annotated_types import BaseMetadata, Ge, GroupedMetadata, Le, MaxLen
from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

from underwriting.domain.documents import Row, row_model
from underwriting.domain.money import currency_codes

SQL_TYPES = {"string": "VARCHAR", "int64": "BIGINT", "double": "DOUBLE", "bool": "BOOLEAN", "date32[day]": "DATE"}
# The column that is unique for each user, in tables with more than one row for a user.
KEYS: dict[str, str] = {
    "transactions": "line_no",
    "floats": "float_id",
    "renewals": "due_on",
    "bracket_scores": "bracket",
    "score_factors": "rank",
}
DUPLICATE = "duplicate"
UNKNOWN_USER = "unknown_user"


class Quality(BaseModel):
    """rules/policies/history_quality.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: int
    valid_from: date
    earliest_day: date
    latest_day: date
    max_malformed_share: float = Field(ge=0, le=1)


@cache
def shipped_quality() -> Quality:
    """The bounds that the project ships."""
    text = files("rules").joinpath("policies", "history_quality.yaml").read_text("utf-8")
    return Quality.model_validate(YAML(typ="safe").load(text))


def sql_type(kind: pa.DataType) -> str:
    """DuckDB's name of a column type of the input tables."""
    return "TIMESTAMP" if pa.types.is_timestamp(kind) else SQL_TYPES[str(kind)]


@dataclass(frozen=True)
class Defect:
    """One way for a row to be malformed: its name, and when a row is so. The condition is never unknown."""

    reason: str
    condition: str


def optional_columns(model: type[Row]) -> frozenset[str]:
    """The columns that a file may leave out, or leave empty: their values are not known then."""
    fields = {name: field for name, field in model.model_fields.items() if row_model(field.annotation) is None}
    return frozenset(name for name, field in fields.items() if type(None) in _unfolded(field.annotation, [])[0])


def defects(model: type[Row], quality: Quality) -> tuple[Defect, ...]:
    """Every defect that one row alone can show, by the model of its table; the first that applies is the reason."""
    found = [Defect("subject_id_missing", "subject_id IS NULL OR subject_id = ''")]
    for name, field in model.model_fields.items():
        if row_model(field.annotation) is None:
            found += _of_field(name, field, quality)
    if "collection_failures" in model.model_fields:
        found.append(Defect("collections_contradict", "coalesce(collection_failures > collection_attempts, false)"))
    if "taken_on" in model.model_fields:
        found.append(Defect("days_contradict", "coalesce(taken_on > least(due_on, repaid_on), false)"))
    if "currency" in model.model_fields:
        found.append(
            Defect("currency_unknown", f"coalesce(NOT list_contains({list(currency_codes())}, currency), false)")
        )
    return tuple(found)


def _of_field(name: str, field: FieldInfo, quality: Quality) -> Iterator[Defect]:
    kinds, bounds = _unfolded(field.annotation, field.metadata)
    if type(None) not in kinds and field.is_required():
        yield Defect(f"{name}_missing", f"{name} IS NULL")
    for bound in bounds:
        if isinstance(bound, Ge | Le):
            comparison = "<" if isinstance(bound, Ge) else ">"
            limit = bound.ge if isinstance(bound, Ge) else bound.le
            yield Defect(f"{name}_out_of_range", f"coalesce({name} {comparison} {limit}, false)")
        elif isinstance(bound, MaxLen):
            yield Defect(f"{name}_too_long", f"coalesce(length({name}) > {bound.max_length}, false)")
    for kind in kinds:
        if kind is date:
            days = f"{name} NOT BETWEEN DATE '{quality.earliest_day}' AND DATE '{quality.latest_day}'"
            yield Defect(f"{name}_absurd", f"coalesce({days}, false)")
        elif kind is float:
            yield Defect(f"{name}_not_finite", f"coalesce(NOT isfinite({name}), false)")
        elif isinstance(kind, type) and issubclass(kind, StrEnum):
            known = ", ".join(f"'{member.value}'" for member in kind)
            # A list, not IN: twenty times as fast, since each word of a file's dictionary is looked up once.
            yield Defect(f"{name}_unknown", f"coalesce(NOT list_contains([{known}], {name}), false)")


def _unfolded(annotation: Any, metadata: list[Any]) -> tuple[list[Any], list[Any]]:
    """The types inside `Annotated[...]` and `... | None`, and all their metadata."""
    if get_origin(annotation) is Annotated:
        inner, *others = get_args(annotation)
        return _unfolded(inner, [*metadata, *_flat(others)])
    if get_origin(annotation) in (Union, UnionType):
        parts = [_unfolded(part, []) for part in get_args(annotation)]
        return [kind for kinds, _ in parts for kind in kinds], [
            *metadata,
            *(one for _, found in parts for one in found),
        ]
    return [annotation], list(_flat(metadata))


def _flat(metadata: list[Any]) -> Iterator[BaseMetadata]:
    for one in metadata:
        if isinstance(one, FieldInfo):
            yield from _flat(one.metadata)
        elif isinstance(one, GroupedMetadata):
            yield from _flat(list(one))
        elif isinstance(one, BaseMetadata):
            yield one
