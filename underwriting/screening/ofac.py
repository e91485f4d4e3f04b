"""OFAC's lists in their CSV layout: the Specially Designated Nationals and the consolidated list of all others.

Each consists of files of entries, other names and addresses, and an optional one that continues remarks after their
first 1,000 characters. File names may be in any case: OFAC writes capitals.
The layout has no header, writes `-0-` for nothing, and keeps birth dates, places, nationalities and the numbers of
documents inside the remarks.
Aliases that occur only in quotes in the remarks are OFAC's weak ones, too common for screening (its FAQ 122): they are
left out.

An error that would lose a name is refused. Other oddities (a number used for two entries, an address of a missing
entry) are loaded with a remark: a published list is screened as published.
"""

import re
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

from underwriting.screening.countries import country_code
from underwriting.screening.entries import BirthDate, Entry, ScreeningList, digest_of, document_number
from underwriting.screening.files import Line, ListFileError, read_lines, read_text, refuse
from underwriting.screening.names import Kind


class Layout(NamedTuple):
    """A list's name in the store, and its files: entries, other names, addresses, and continued remarks."""

    name: str
    entries: str
    aliases: str
    addresses: str
    comments: str


OFAC = Layout("ofac", "sdn.csv", "alt.csv", "add.csv", "sdn_comments.csv")
CONSOLIDATED = Layout("ofac-consolidated", "cons_prim.csv", "cons_alt.csv", "cons_add.csv", "cons_comments.csv")
# The years before and after that "circa" includes.
_CIRCA = 2
_NOTHING = "-0-"
_KINDS = {"": Kind.ENTITY, "individual": Kind.INDIVIDUAL, "vessel": Kind.VESSEL, "aircraft": Kind.AIRCRAFT}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BORN = re.compile("(?:alt. )?DOB (.+)")
_FROM = re.compile("(?:alt. )?(?:POB|nationality|citizen) (.+)")
_DAY = f"(?:(?:[0-9]{{1,2}} )?(?:{'|'.join(_MONTHS)}) )?[0-9]{{4}}"
_SPAN = re.compile(f"(circa )?({_DAY})(?:(?: to |-)(circa )?({_DAY}))?")
# Documents that identify one person or company; their names vary by country.
_DOCUMENT = re.compile(
    r"(?:alt\. )?(?:(?:Diplomatic )?Passport|National ID|Cedula|C\.U\.R\.P\.|R\.F\.C\.|RFC|Tax ID|D\.N\.I\.|C\.R\.|SSN|"
    r"V\.A\.T\. Number|Driver's License|Electoral Registry|Italian Fiscal Code|Trade License|D-U-N-S Number|"
    r"Registration ID|Identification Number|Company Number|(?:Business |Commercial )?(?:Registration|Registry) Number)"
    r"(?: No\.?)? ([^()]+?)(?: \(.*| issued .*| expires .*)?"
)


def load_ofac(folder: Path, layout: Layout = OFAC) -> ScreeningList:
    """Read the files of `folder`; ListFileError names the file and line that is broken."""
    main, alt, add = (_file(folder, name) for name in (layout.entries, layout.aliases, layout.addresses))
    contents, texts = zip(*map(read_text, (main, alt, add)), strict=True)
    odd: list[str] = []
    listed = dict(_listed(main, texts[0], odd))
    aliases = _aliases(alt, texts[1], listed, main.name)
    countries = _countries(add, texts[2], listed, main.name, odd)
    comments = _file(folder, layout.comments)
    more, rest = read_text(comments) if _has_content(comments) else (b"", "")
    remarks = _remarks(listed, main.name, comments, rest)
    entries = [
        Entry(
            id=id_,
            kind=_KINDS[line.fields[2].casefold()],
            name=line.fields[1],
            aliases=tuple(aliases[id_]),
            birth_dates=tuple(_birth_dates(main, line, remarks[id_], odd)),
            countries=frozenset(countries[id_].union(_origins(remarks[id_]))),
            documents=frozenset(_documents(remarks[id_])),
            reason=line.fields[3],
        )
        for id_, line in listed.items()
    ]
    return ScreeningList(layout.name, digest_of(*contents, more), tuple(entries), tuple(odd))


def _file(folder: Path, name: str) -> Path:
    """The file of this name in any case; ListFileError if there are two."""
    found = [path for path in sorted(folder.glob("*")) if path.name.casefold() == name]
    if len(found) > 1:
        raise ListFileError(folder, None, f"{found[0].name} and {found[1].name} are both there; take the old one away")
    return found[0] if found else folder / name


def _has_content(path: Path) -> bool:
    return path.exists() and path.read_bytes().strip(b"\x1a \r\n") != b""


def _cells(path: Path, text: str, columns: int) -> Iterator[Line]:
    for line in read_lines(path, text, columns):
        fields = ["" if field == _NOTHING else field for field in line.fields]
        if not fields[0].isdigit():
            refuse(path, line, f"{fields[0]!r} is not an entry's number")
        yield line._replace(fields=fields)


def _listed(path: Path, text: str, odd: list[str]) -> Iterator[tuple[str, Line]]:
    """The lines of sdn.csv, each with a unique id."""
    seen: dict[str, list[Line]] = defaultdict(list)
    for line in _cells(path, text, 12):
        number, name, kind = line.fields[:3]
        if not name:
            refuse(path, line, f"entry {number} has no name")
        if kind.casefold() not in _KINDS:
            refuse(path, line, f"entry {number} is a {kind!r}, not an individual, vessel, aircraft or {_NOTHING}")
        for earlier in seen[number]:
            if earlier.fields[1] == name:
                refuse(path, line, f"entry {number} appears on line {earlier.number} already")
            odd.append(f"{path}:{line.number}: entry {number} is another one on line {earlier.number}; both are kept")
        yield f"{number}.{len(seen[number]) + 1}" if seen[number] else number, line
        seen[number].append(line)


def _aliases(path: Path, text: str, listed: dict[str, Line], file: str) -> dict[str, list[str]]:
    aliases = defaultdict(list)
    for line in _cells(path, text, 5):
        number, name = line.fields[0], line.fields[3]
        if number not in listed:
            refuse(path, line, f"a name of entry {number}, which is not in {file}; is that file cut off?")
        if not name:
            refuse(path, line, f"a name of entry {number} is empty")
        aliases[number].append(name)
    return aliases


def _countries(path: Path, text: str, listed: dict[str, Line], file: str, odd: list[str]) -> dict[str, set[str]]:
    countries = defaultdict(set)
    for line in _cells(path, text, 6):
        if line.fields[0] not in listed:
            odd.append(f"{path}:{line.number}: an address of entry {line.fields[0]}, which is not in {file}")
        if code := country_code(line.fields[4]):
            countries[line.fields[0]].add(code)
    return countries


def _remarks(listed: dict[str, Line], file: str, path: Path, comments: str) -> dict[str, str]:
    """The remarks of each entry, continued by the file of comments, also in the middle of a word."""
    remarks = {id_: line.fields[11] and line.written[11] for id_, line in listed.items()}
    for line in _cells(path, comments, 2):
        if line.fields[0] not in remarks:
            refuse(path, line, f"remarks of entry {line.fields[0]}, which is not in {file}")
        remarks[line.fields[0]] += line.written[1]
    return remarks


def _statements(remarks: str) -> list[str]:
    return [statement.strip(" .") for statement in remarks.split(";")]


def _documents(remarks: str) -> Iterator[str]:
    for statement in _statements(remarks):
        if (found := _DOCUMENT.fullmatch(statement)) and (number := document_number(found[1])):
            yield number


def _origins(remarks: str) -> Iterator[str]:
    for statement in _statements(remarks):
        if place := _FROM.fullmatch(statement):
            parts = place[1].split(", ")
            # "Korea, North" is a country with a comma, "Giza, Egypt" a town in one.
            if code := country_code(", ".join(parts[-2:])) or country_code(parts[-1]):
                yield code


def _birth_dates(path: Path, line: Line, remarks: str, odd: list[str]) -> Iterator[BirthDate]:
    for statement in _statements(remarks):
        if born := _BORN.fullmatch(statement):
            try:
                yield parse_birth_date(born[1])
            except ValueError as error:
                odd.append(f"{path}:{line.number}: birth date not understood: {error}")


def parse_birth_date(text: str) -> BirthDate:
    """Read "19 Jun 1951", "Jun 1951", "1951", "circa 1951", "1951 to 1953", "circa 1951 to circa 1953".

    ValueError where it is none of these.
    """
    span = _SPAN.fullmatch(text)
    if span is None:
        raise ValueError(f"{text!r} is no date that OFAC's layout knows")
    circa, first, circa_last, last = span.groups()
    earliest, latest = _days(first)[0], _days(last or first)[1]
    if circa:
        earliest = date(earliest.year - _CIRCA, 1, 1)
    if circa or circa_last:
        latest = date(latest.year + _CIRCA, 12, 31)
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
