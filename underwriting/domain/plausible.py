"""Texts, numbers, dates and moments that can be true, and that the store can keep, whoever sends them.

Outside of these bounds a value is nonsense: a placeholder such as 0001-01-01, or a number that overflows a column.
"""

import re
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

# No control characters but tab and line breaks: PostgreSQL keeps no NUL, and others change what a terminal shows.
PLAIN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_PLAIN = re.compile(PLAIN)
PlainText = Annotated[str, Field(pattern=PLAIN)]

# More than anything that is counted, and small enough for sums in 64 bits.
Count = Annotated[int, Field(strict=True, ge=0, le=10**9)]
# A number that a source gives to its rows; JSON readers may round larger ones (RFC 7493).
RowNumber = Annotated[int, Field(strict=True, ge=0, le=2**53 - 1)]

# Days up to 1970-01-01, day 0 of many systems, stand for dates that are not known.
EARLIEST = date(1970, 1, 2)
# A day later than that, such as 9999-12-31, stands for one that is not known.
LATEST_YEARS = 100
# The oldest person ever lived for 122 years, and hardly a company was founded before 1500.
OLDEST_YEARS, EARLIEST_FOUNDED = 123, date(1500, 1, 1)
_FIRST_MOMENT = datetime(1970, 1, 2, tzinfo=UTC)
_LAST_MOMENT = datetime(9999, 12, 30, tzinfo=UTC)


def is_plain(text: str) -> bool:
    """Whether the store can keep a text: it has no control characters, and no half of a surrogate pair."""
    return bool(_PLAIN.match(text)) and not any("\ud800" <= character <= "\udfff" for character in text)


def _over(day: date, earliest: date = EARLIEST) -> date:
    if day < earliest:
        raise ValueError(f"{day} is too early; the earliest is {earliest}")
    if day > datetime.now(UTC).date():
        raise ValueError(f"{day} is in the future; the latest is today")
    return day


def _of_our_days(day: date) -> date:
    if day < EARLIEST or day.year > datetime.now(UTC).year + LATEST_YEARS:
        raise ValueError(
            f"{day} is too early or too late; write a day from {EARLIEST} to {LATEST_YEARS} years from now"
        )
    return day


def _of_somebody_alive(day: date) -> date:
    return _over(day, date(datetime.now(UTC).year - OLDEST_YEARS, 1, 1))


def _of_a_company(day: date) -> date:
    return _over(day, EARLIEST_FOUNDED)


def _of_our_time(moment: datetime) -> datetime:
    if not _FIRST_MOMENT <= moment <= _LAST_MOMENT:
        raise ValueError(f"is no moment of our time; write one from {EARLIEST} on")
    return moment


# A day of our time, and one that is over or today.
Day = Annotated[date, AfterValidator(_of_our_days)]
PastDate = Annotated[date, AfterValidator(_over)]
BirthDate = Annotated[date, AfterValidator(_of_somebody_alive)]
FoundingDate = Annotated[date, AfterValidator(_of_a_company)]
# A moment that has a day in every time zone.
Moment = Annotated[AwareDatetime, AfterValidator(_of_our_time)]


# A number, also as text: pydantic takes it for seconds since 1970, and 20260630 for a day of that year.
_NUMBER = re.compile(r"\s*[+-]?[0-9]*\.?[0-9]*\s*")


def _no_number(value: object) -> object:
    if isinstance(value, bool | int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        raise PydanticCustomError("date_written", "a number is no day and no moment")
    return value


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise PydanticCustomError("int_written", "true and false are no numbers")
    return value


# Of a day or a moment in a request: it is written as ISO 8601 has it. Sources' answers are read strictly anyway.
WRITTEN = BeforeValidator(_no_number)
# Of a whole number in a request: true is not 1.
NO_BOOLEAN = BeforeValidator(_no_boolean)
RequestedMoment = Annotated[Moment, WRITTEN]
