"""Our own block list: a CSV file with the header `entry_id,name,aliases,birth_date,country,reason`.

`aliases` are separated by semicolons; `birth_date` is YYYY-MM-DD, YYYY-MM or YYYY; `country` is ISO 3166-1 alpha-2. All
but the first two may be empty. A line is compared with persons and companies, unless it has a birth date,
which only persons have.
"""

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from underwriting.screening.entries import BirthDate, Entry, ScreeningList, digest_of
from underwriting.screening.files import Line, read_lines, read_text, refuse
from underwriting.screening.names import Kind

COLUMNS = ("entry_id", "name", "aliases", "birth_date", "country", "reason")
_DATE = re.compile("([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_COUNTRY = re.compile("[A-Z]{2}")


def load_block_list(path: Path, name: str = "internal") -> ScreeningList:
    """Read `path` as the list `name`; ListFileError names the line that is broken."""
    content, text = read_text(path)
    lines = read_lines(path, text, len(COLUMNS))
    header = next(lines)
    if tuple(header.fields) != COLUMNS:
        refuse(path, header, f"the header is {','.join(header.fields)}, not {','.join(COLUMNS)}")
    entries = tuple(_entries(path, lines))
    if not entries:
        refuse(path, header, "the list has no entries")
    return ScreeningList(name, digest_of(content), entries)


def _entries(path: Path, lines: Iterator[Line]) -> Iterator[Entry]:
    seen: dict[str, int] = {}
    for line in lines:
        id_, name, aliases, born, country, reason = line.fields
        if not id_ or not name:
            refuse(path, line, "entry_id and name are both needed")
        if (earlier := seen.setdefault(id_, line.number)) != line.number:
            refuse(path, line, f"entry {id_} appears on line {earlier} already")
        if country and not _COUNTRY.fullmatch(country):
            refuse(path, line, f"country {country!r} is not an ISO 3166-1 code such as DE")
        yield Entry(
            id=id_,
            kind=Kind.INDIVIDUAL if born else None,
            name=name,
            aliases=tuple(filter(None, map(str.strip, aliases.split(";")))),
            birth_dates=(_birth_date(path, line, born),) if born else (),
            countries=frozenset({country} if country else ()),
            reason=reason,
        )


def _birth_date(path: Path, line: Line, text: str) -> BirthDate:
    try:
        return _parse_birth_date(text)
    except ValueError:
        refuse(path, line, f"birth_date {text!r} is not a date such as 1961-05-14, 1961-05 or 1961")


def _parse_birth_date(text: str) -> BirthDate:
    parts = _DATE.fullmatch(text)
    if parts is None:
        raise ValueError(text)
    year, month, day = (int(part or 0) for part in parts.groups())
    first, last = date(year, month or 1, day or 1), month or 12
    return BirthDate(earliest=first, latest=date(year, last, day or monthrange(year, last)[1]))
