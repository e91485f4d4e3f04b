"""The screening list of the sandbox: its listed personas are found even if no public list is loaded."""

from datetime import date

from underwriting.screening.entries import BirthDate, Entry, ScreeningList, digest_of
from underwriting.screening.names import Kind

BORN = date(1967, 1, 13)
# As on the list of the US Treasury's Office of Foreign Assets Control (SDN), entry 8279.
LISTED = Entry(
    id="8279",
    kind=Kind.INDIVIDUAL,
    name="BOUT, Viktor Anatolijevitch",
    aliases=("BUTT, Viktor", "BOUTOV, Viktor"),
    birth_dates=(BirthDate(earliest=BORN, latest=BORN),),
    countries=frozenset({"TJ"}),
    reason="DRCONGO",
)


def sandbox_lists() -> tuple[ScreeningList, ...]:
    """One list with one person, who is the persona `listed` and resembles the persona `possible-match`."""
    return (ScreeningList("sandbox", digest_of(LISTED.model_dump_json().encode()), (LISTED,)),)
