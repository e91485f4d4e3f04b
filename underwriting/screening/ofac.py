"""OFAC's list of Specially Designated Nationals in its CSV layout: sdn.csv, alt.csv (other names), add.csv (addresses).

The layout has no header, writes `-0-` for nothing, and keeps birth dates, places and nationalities inside the remarks.
Aliases that stand in quotes in the remarks alone are OFAC's weak ones, too common to screen by (its FAQ 122): they
are left out.

What would lose a name is refused. What is odd but loses none (a number used for two entries, an address of an entry
that is not there) is loaded and remarked on: a published list is screened as it was published.
"""

import re
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from underwriting.screening.countries import country_code
from underwriting.screening.entries import BirthDate, Entry, ScreeningList, digest_of
from underwriting.screening.files import Line, read_lines, read_text, refuse
from underwriting.screening.names import Kind

# The list's name in the store.
OFAC = "ofac"
# Years either way that "circa" leaves open.
_CIRCA = 2
_NOTHING = "-0-"
_KINDS = {"": Kind.ENTITY, "individual": Kind.INDIVIDUAL, "vessel": Kind.VESSEL, "aircraft": Kind.AIRCRAFT}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BORN = re.compile("(?:alt. )?DOB (.+)")
_FROM = re.compile("(?:alt. )?(?:POB|nationality|citizen) (.+)")
_DAY = f"(?:(?:[0-9]{{1,2}} )?(?:{'|'.join(_MONTHS)}) )?[0-9]{{4}}"
_SPAN = re.compile(f"(circa )?({_DAY})(?: to |-)?({_DAY})?")


def load_ofac(folder: Path) -> ScreeningList:
    """Read the three files of `folder`; ListFileError names the file and line that is broken."""
    sdn, alt, add = (folder / name for name in ("sdn.csv", "alt.csv", "add.csv"))
    contents, texts = zip(*map(read_text, (sdn, alt, add)), strict=True)
    remarks: list[str] = []
    listed = dict(_listed(sdn, texts[0], remarks))
    aliases = _aliases(alt, texts[1], listed)
    countries = _countries(add, texts[2], listed, remarks)
    entries = [
        Entry(
            id=id_,
            kind=_KINDS[line.fields[2]],
            name=line.fields[1],
            aliases=tuple(aliases[id_]),
            birth_dates=tuple(_birth_dates(sdn, line, remarks)),
            countries=frozenset(countries[id_].union(_origins(line.fields[11]))),
            reason=line.fields[3],
        )
        for id_, line in listed.items()
    ]
    return ScreeningList(OFAC, digest_of(*contents), tuple(entries), tuple(remarks))


def _cells(path: Path, text: str, columns: int) -> Iterator[Line]:
    for line in read_lines(path, text, columns):
        fields = ["" if field == _NOTHING else field for field in line.fields]
        if not fields[0].isdigit():
            refuse(path, line, f"{fields[0]!r} is not an entry's number")
        yield Line(line.number, fields)


def _listed(path: Path, text: str, remarks: list[str]) -> Iterator[tuple[str, Line]]:
    """The lines of sdn.csv, each with an id of its own."""
    seen: dict[str, list[Line]] = defaultdict(list)
    for line in _cells(path, text, 12):
        number, name, kind = line.fields[:3]
        if not name:
            refuse(path, line, f"entry {number} has no name")
        if kind not in _KINDS:
            refuse(path, line, f"entry {number} is a {kind!r}, not an individual, vessel, aircraft or {_NOTHING}")
        for earlier in seen[number]:
            if earlier.fields[1] == name:
                refuse(path, line, f"entry {number} stands on line {earlier.number} already")
            remarks.append(
                f"{path}:{line.number}: entry {number} is another one on line {earlier.number}; both are kept"
            )
        yield f"{number}.{len(seen[number]) + 1}" if seen[number] else number, line
        seen[number].append(line)


def _aliases(path: Path, text: str, listed: dict[str, Line]) -> dict[str, list[str]]:
    aliases = defaultdict(list)
    for line in _cells(path, text, 5):
        number, name = line.fields[0], line.fields[3]
        if number not in listed:
            refuse(path, line, f"a name of entry {number}, which is not in sdn.csv; is that file cut off?")
        if not name:
            refuse(path, line, f"a name of entry {number} is empty")
        aliases[number].append(name)
    return aliases


def _countries(path: Path, text: str, listed: dict[str, Line], remarks: list[str]) -> dict[str, set[str]]:
    countries = defaultdict(set)
    for line in _cells(path, text, 6):
        if line.fields[0] not in listed:
            remarks.append(f"{path}:{line.number}: an address of entry {line.fields[0]}, which is not in sdn.csv")
        if code := country_code(line.fields[4]):
            countries[line.fields[0]].add(code)
    return countries


def _statements(remarks: str) -> list[str]:
    return [statement.strip(" .") for statement in remarks.split(";")]


def _origins(remarks: str) -> Iterator[str]:
    for statement in _statements(remarks):
        if place := _FROM.fullmatch(statement):
            parts = place[1].split(", ")
            # "Korea, North" is a country with a comma, "Giza, Egypt" a town in one.
            if code := country_code(", ".join(parts[-2:])) or country_code(parts[-1]):
                yield code


def _birth_dates(path: Path, line: Line, remarks: list[str]) -> Iterator[BirthDate]:
    for statement in _statements(line.fields[11]):
        if born := _BORN.fullmatch(statement):
            try:
                yield parse_birth_date(born[1])
            except ValueError as error:
                remarks.append(f"{path}:{line.number}: birth date not understood: {error}")


def parse_birth_date(text: str) -> BirthDate:
    """Read "19 Jun 1951", "Jun 1951", "1951", "circa 1951", "1951 to 1953"; ValueError where it is none of these."""
    span = _SPAN.fullmatch(text)
    if span is None:
        raise ValueError(f"{text!r} is no date that OFAC's layout knows")
    circa, first, last = span.groups()
    earliest, latest = _days(first)[0], _days(last or first)[1]
    if circa:
        earliest, latest = date(earliest.year - _CIRCA, 1, 1), date(latest.year + _CIRCA, 12, 31)
    return BirthDate(earliest=earliest, latest=latest)


def _days(text: str) -> tuple[date, date]:
    """The first and the last day that "19 Jun 1951", "Jun 1951" or "1951" may mean."""
    *day_and_month, year = text.split()
    month = _MONTHS.index(day_and_month[-1]) + 1 if day_and_month else 0
    if not month:
        return date(int(year), 1, 1), date(int(year), 12, 31)
    if len(day_and_month) > 1:
        day = date(int(year), month, int(day_and_month[0]))
        return day, day
    return date(int(year), month, 1), date(int(year), month, monthrange(int(year), month)[1])
