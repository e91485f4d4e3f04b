"""Limits of another system from a Parquet file: all rows are checked before any limit is taken over."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, NoReturn

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from rules.core.wording import wording
from underwriting.domain.application import CustomerId
from underwriting.domain.profile import Tier

ID = {"description": "an id of 1 to 64 letters, digits, hyphens and underscores"}


class AdoptionError(ValueError):
    """The limits cannot be taken over. Says which row, why, and what to do."""


class _Row(BaseModel):
    subject_id: CustomerId
    amount: Annotated[int, Field(strict=True, ge=0)]
    # None where the limit was never raised, or the day is unknown.
    raised_on: Annotated[date | None, Field(strict=True)]
    # A file without the column is of our own currency.
    currency: str | None = None


_ROWS = TypeAdapter(list[_Row])


def limits_in(file: Path, currency: str, tiers: Sequence[Tier], now: datetime) -> list[tuple[str, int, datetime]]:
    """User, limit (minor units of `currency`) and the moment since when, of each row of the file; `now` where unknown.

    AdoptionError where the file cannot be read, a value is missing or of the wrong type, a user has two rows, a day is
    in the future, or a limit is no tier's amount, so that it could not be kept.
    """
    rows = _rows(file)
    amounts = {0, *(tier.amount for tier in tiers)}
    times = Counter(row.subject_id for row in rows)
    for number, row in enumerate(rows):
        if row.amount not in amounts:
            known = ", ".join(map(str, sorted(amounts)))
            _refuse(file, number, f"{row.amount} is no tier's amount; give one of {known} (minor units)")
        if times[row.subject_id] > 1:
            _refuse(file, number, f"{row.subject_id} appears {times[row.subject_id]} times; keep one row")
        if row.currency not in (None, currency):
            _refuse(file, number, f"the limit is in {row.currency}; limits are in {currency} here")
        if row.raised_on is not None and row.raised_on > now.date():
            _refuse(file, number, f"it is raised on {row.raised_on}, which is still to come")
    # A limit run reads the day of the last raise from the profile.
    return [
        (row.subject_id, row.amount, now if row.raised_on is None else datetime.combine(row.raised_on, time(), UTC))
        for row in rows
    ]


def _rows(file: Path) -> list[_Row]:
    try:
        columns = pq.read_schema(file).names
        rows = pq.read_table(file, columns=[name for name in _Row.model_fields if name in columns]).to_pylist()
        return _ROWS.validate_python(rows)
    except OSError as error:
        raise AdoptionError(f"{file} cannot be read: {error.strerror or error}") from None
    except pa.ArrowInvalid:
        raise AdoptionError(f"{file} is no Parquet file, or a damaged one") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        number, column = first["loc"]
        _refuse(file, int(number), f"{column}: {wording(first, ID if column == 'subject_id' else None)}")


def _refuse(file: Path, number: int, why: str) -> NoReturn:
    raise AdoptionError(f"{file}, row {number} (from 0): {why}; nothing was taken over")
