"""The bank's files as rows: `;`-separated, dates as YYMMDD, amounts in CZK. An error names file, line and column."""

import csv
from collections.abc import Hashable, Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from rules.core.wording import wording
from underwriting.domain.money import Money

CURRENCY = "CZK"
# All dates are in the twentieth century.
CENTURY = 1900
# The Czech birth number adds this to the month of a woman's birth.
WOMAN = 50


class BerkaError(ValueError):
    """The bank's files are malformed; the message names file, line and column."""


def _day(text: str) -> date:
    if len(text) != len("YYMMDD") or not text.isdecimal():
        raise ValueError(f"{text!r} is not a date as YYMMDD")
    try:
        return date(CENTURY + int(text[:2]), int(text[2:4]), int(text[4:]))
    except ValueError:
        raise ValueError(f"{text} is no day of the calendar") from None


def _birthday(number: str) -> date:
    woman = number[2:4].isdecimal() and int(number[2:4]) > WOMAN
    return _day(f"{number[:2]}{int(number[2:4]) - WOMAN:02}{number[4:]}" if woman else number)


def _minor_units(text: str) -> int:
    return Money.parse(text, CURRENCY).minor


Day = Annotated[date, BeforeValidator(_day)]
Amount = Annotated[int, BeforeValidator(_minor_units)]
Key = Annotated[str, StringConstraints(pattern="^[0-9]{1,10}$")]
Word = Annotated[str, StringConstraints(strip_whitespace=True)]


class Row(BaseModel):
    """One line of the file that the class names, with its line number. Amounts are minor units."""

    model_config = ConfigDict(frozen=True)
    file: ClassVar[str]

    place: str


class Account(Row):
    """An account, empty on the day it was opened."""

    file: ClassVar[str] = "account.csv"

    account_id: Key
    opened_on: Day = Field(alias="date")


class Client(Row):
    """A person."""

    file: ClassVar[str] = "client.csv"

    client_id: Key
    birth_date: Annotated[date, BeforeValidator(_birthday)] = Field(alias="birth_number")


class Disposition(Row):
    """Who may use an account; one of them owns it."""

    file: ClassVar[str] = "disp.csv"

    account_id: Key
    client_id: Key
    role: Word = Field(alias="type")


class Loan(Row):
    """A loan that was granted, and how it went."""

    file: ClassVar[str] = "loan.csv"

    account_id: Key
    granted_on: Day = Field(alias="date")
    amount: Annotated[Amount, Field(gt=0)]
    months: int = Field(alias="duration", ge=1, le=120)
    instalment: Amount = Field(alias="payments")
    # A finished and paid, B finished and not paid, C running and fine, D running and in debt.
    status: Literal["A", "B", "C", "D"]

    @property
    def bad(self) -> bool:
        """Not paid, or in debt."""
        return self.status in "BD"


class Transaction(Row):
    """One booking, and the balance after it."""

    file: ClassVar[str] = "trans.csv"

    account_id: Key
    booked_on: Day = Field(alias="date")
    type: Word
    amount: Annotated[Amount, Field(ge=0)]
    balance: Amount
    purpose: Word = Field(alias="k_symbol")
    operation: Word
    # The counterparty, if it has an account at another bank.
    bank: Word
    account: Word


R = TypeVar("R", bound=Row)
K = TypeVar("K", bound=Hashable)


def read_rows(folder: Path, model: type[R]) -> list[R]:
    """Every row of the model's file; BerkaError if the file or a row is malformed."""
    path = folder / model.file
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, delimiter=";", strict=True)
            header = _header(path, next(reader, []), model)
            return [_row(f"{path}:{reader.line_num}", header, fields, model) for fields in reader if fields]
    except OSError as error:
        raise BerkaError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BerkaError(f"{path}: is not a text file in UTF-8") from None
    except csv.Error as error:
        raise BerkaError(f"{path}:{reader.line_num}: {error}") from None


def by_key(rows: Iterable[R], key: str) -> dict[str, R]:
    """The rows by a unique column; BerkaError if a value occurs twice."""
    found: dict[str, R] = {}
    for row in rows:
        if (first := found.setdefault(getattr(row, key), row)) is not row:
            raise BerkaError(f"{row.place}: {key} {getattr(row, key)} appears already in {first.place}")
    return found


def _header(path: Path, header: list[str], model: type[Row]) -> list[str]:
    needed = {field.alias or name for name, field in model.model_fields.items()} - {"place"}
    if missing := needed - set(header):
        raise BerkaError(f"{path}:1: lacks the column {', '.join(sorted(missing))}")
    return header


def _row(place: str, header: list[str], fields: list[str], model: type[R]) -> R:
    if len(fields) != len(header):
        raise BerkaError(f"{place}: has {len(fields)} fields where the header has {len(header)}")
    try:
        return model.model_validate({**dict(zip(header, fields, strict=True)), "place": place})
    except ValidationError as error:
        first = error.errors()[0]
        raise BerkaError(f"{place}: {first['loc'][0]}: {wording(first, None)}") from None
