"""The lists of the store, asked about one applicant."""

import asyncio
from collections.abc import Iterable

from underwriting.clients.errors import SourceOutage, SourceRefusal
from underwriting.domain.documents import Company, ListScreening, Person
from underwriting.screening.entries import Entry, ScreeningList, Subject
from underwriting.screening.index import ListIndex, Match
from underwriting.screening.names import Kind
from underwriting.store import lists
from underwriting.store.errors import StoreUnreachable
from underwriting.store.lists import ListEntry, ListVersion
from underwriting.store.session import Store

SOURCE = "screening lists"


async def store_list(store: Store, loaded: ScreeningList, by: str) -> bool:
    """Put a list in the place of its last version, whole or not at all; False where this version is loaded."""
    entries = (ListEntry(entry.id, entry.model_dump_json().encode()) for entry in loaded.entries)
    async with store.begin() as work:
        return await lists.replace(work, loaded.name, loaded.digest, entries, by)


class Screener:
    """Looks applicants up in every list of the store. The index is built once for each version of the lists."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._building = asyncio.Lock()
        self._digests: dict[str, str] = {}
        self._index = ListIndex({})

    async def screen(self, person: Person, company: Company | None) -> ListScreening:
        """The best match of the applicant: of the person, and of the company where one applies.

        SourceRefusal where no list is loaded or the person has no name, for then nobody was screened; SourceOutage
        where the store does not answer.
        """
        name = " ".join(filter(None, (person.given_name, person.family_name)))
        if not name:
            raise SourceRefusal(SOURCE, "the applicant has no name to look up")
        subjects = [Subject(name, Kind.INDIVIDUAL, person.birth_date, person.residence_country)]
        if company is not None:
            subjects.append(Subject(company.name, Kind.ENTITY, country=company.country))
        found = [match for subject in subjects for match in await self.search(subject, limit=1)]
        best = max(found, key=lambda match: match.score, default=None)
        if best is None:
            return ListScreening(match_score=0.0)
        return ListScreening(match_score=round(best.score, 4), list_entry=best.reference)

    async def search(self, subject: Subject, limit: int = 10) -> list[Match]:
        """The best entries of all lists for a subject, best first."""
        try:
            index = await self._current()
        except StoreUnreachable as error:
            raise SourceOutage(SOURCE, str(error)) from error
        return await asyncio.to_thread(index.search, subject, limit)

    async def _current(self) -> ListIndex:
        """The index of what is loaded now; asked at every look-up, since a new listing must count at once."""
        async with self._store.read() as work:
            loaded = _digests(await lists.versions(work))
        if not loaded:
            raise SourceRefusal(SOURCE, "none are loaded; run `underwriting lists load`")
        if loaded != self._digests:
            async with self._building:
                if loaded != self._digests:
                    await self._build()
        return self._index

    async def _build(self) -> None:
        async with self._store.read() as work:
            digests = _digests(await lists.versions(work))
            records = {name: await lists.entries(work, name) for name in digests}
        self._index = await asyncio.to_thread(_index, records)
        self._digests = digests


def _digests(versions: Iterable[ListVersion]) -> dict[str, str]:
    # A list without entries, which only an empty load could leave, is no list to be found on.
    return {version.name: version.digest for version in versions if version.entries}


def _index(records: dict[str, list[ListEntry]]) -> ListIndex:
    return ListIndex(
        {name: [Entry.model_validate_json(entry.record) for entry in entries] for name, entries in records.items()}
    )
