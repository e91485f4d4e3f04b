"""Looks an applicant up in the lists of the store."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from underwriting.domain.documents import Company, ListScreening, Person
from underwriting.integrations.errors import SourceOutage, SourceRefusal
from underwriting.screening.entries import Entry, ScreeningList, Subject
from underwriting.screening.index import ListIndex, Match
from underwriting.screening.names import Kind
from underwriting.store import lists, matches
from underwriting.store.errors import StoreUnreachable, Undecipherable
from underwriting.store.lists import ListEntry, ListVersion
from underwriting.store.matches import Found
from underwriting.store.session import Store

SOURCE = "screening lists"
# Matches from this score on are stored, so that a person can clear them; all shipped grey bands are above it.
LEAST_SCORE = 0.65
# The most entries found for a subject, besides those that a person cleared.
MOST = 10


@dataclass(frozen=True)
class Screened:
    """The result of a screening; all matches found, also cleared ones; and the kinds of the subjects."""

    document: ListScreening
    found: tuple[Found, ...]
    kinds: frozenset[str]


async def store_list(store: Store, loaded: ScreeningList, by: str) -> bool:
    """Replace the last version of a list, completely or not at all; False if this version is already loaded."""
    entries = (ListEntry(entry.id, entry.record) for entry in loaded.entries)
    async with store.begin() as work:
        return await lists.replace(work, loaded.name, loaded.digest, entries, by)


class Screener:
    """Looks applicants up in every list of the store. The index is built once for each version of the lists."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._building = asyncio.Lock()
        self._digests: dict[str, str] = {}
        self._index = ListIndex({})

    async def screen(self, tenant: str, user_id: str, person: Person, company: Company | None) -> Screened:
        """The best match of the applicant: of the person, and of the company where one applies.

        Cleared matches do not count as long as all compared details are the same. SourceRefusal if no list is loaded or
        the person has no name, since nobody is screened then; SourceOutage if the store does not answer.
        """
        subjects = subjects_of(person, company)
        try:
            async with self._store.read() as work:
                versions = _loaded(await lists.versions(work))
                known = await matches.of_user(work, tenant, user_id)
            index = await self._current(versions)
        except StoreUnreachable as error:
            raise SourceOutage(SOURCE, str(error)) from error
        except Undecipherable as error:
            raise SourceRefusal(SOURCE, f"a list does not open, so load all of them again: {error}") from error
        cleared = {(match.found.key, match.found.compared) for match in known if match.cleared_at is not None}
        found = await asyncio.to_thread(look_up, index, subjects, MOST + len(cleared))
        still_open = [each for each in found if (each.key, each.compared) not in cleared]
        oldest = min(version.checked_at for version in versions)
        kept = tuple(each for each in found if each.score >= LEAST_SCORE)
        return Screened(screening_of(still_open, oldest), kept, frozenset(subject.kind for subject in subjects))

    async def search(self, subject: Subject, limit: int = 10) -> list[Match]:
        """The best entries of all lists for a subject, best first."""
        try:
            async with self._store.read() as work:
                versions = _loaded(await lists.versions(work))
            index = await self._current(versions)
        except StoreUnreachable as error:
            raise SourceOutage(SOURCE, str(error)) from error
        return await asyncio.to_thread(index.search, subject, limit)

    async def _current(self, versions: Sequence[ListVersion]) -> ListIndex:
        """The index of the lists loaded now; checked at every look-up, since a new entry must count at once."""
        loaded = _digests(versions)
        if loaded != self._digests:
            async with self._building:
                if loaded != self._digests:
                    await self._build()
        return self._index

    async def _build(self) -> None:
        async with self._store.read() as work:
            digests = _digests(_loaded(await lists.versions(work)))
            records = {name: await lists.entries(work, name) for name in digests}
        self._index = await asyncio.to_thread(index_of, records)
        self._digests = digests


def subjects_of(person: Person, company: Company | None) -> list[Subject]:
    """The subjects to look up; SourceRefusal if the person has no name."""
    name = " ".join(filter(None, (person.given_name, person.family_name)))
    if not name:
        raise SourceRefusal(SOURCE, "the applicant has no name to look up")
    born, country, document = person.birth_date, person.residence_country, person.identity_document
    subjects = [Subject(name, Kind.INDIVIDUAL, born, country, document)]
    if company is not None:
        subjects.append(Subject(company.name, Kind.ENTITY, country=company.country, document=person.company_number))
    return subjects


def look_up(index: ListIndex, subjects: Iterable[Subject], limit: int) -> list[Found]:
    """The best entries for each of the subjects."""
    return [_found(subject, match) for subject in subjects for match in index.search(subject, limit)]


def index_of(records: dict[str, list[ListEntry]]) -> ListIndex:
    """The index of stored entries, by list."""
    return ListIndex(
        {name: [Entry.model_validate_json(entry.record) for entry in entries] for name, entries in records.items()}
    )


def _found(subject: Subject, match: Match) -> Found:
    evidence, compared = ", ".join(match.findings), subject.compared_with(match.entry)
    score = round(match.score, 4)
    return Found(match.list_name, match.entry.id, subject.kind, score, match.confirmed, evidence, compared)


def screening_of(found: Sequence[Found], oldest: datetime) -> ListScreening:
    """The result from the open matches; `oldest` is when the list that was checked longest ago was last loaded."""
    best = max(found, key=lambda each: each.score, default=None)
    return ListScreening(
        match_score=best.score if best else 0.0,
        list_entry=best.reference if best else None,
        confirmed_score=max((each.score for each in found if each.confirmed), default=0.0),
        match_evidence=best.evidence if best else None,
        list_age_days=max(0, (datetime.now(UTC) - oldest).days),
    )


def _loaded(versions: Iterable[ListVersion]) -> list[ListVersion]:
    # A list without entries, which only an empty load could leave, is no list to be found on.
    loaded = [version for version in versions if version.entries]
    if not loaded:
        raise SourceRefusal(SOURCE, "none are loaded; run `underwriting lists load ofac DIR`")
    return loaded


def _digests(versions: Iterable[ListVersion]) -> dict[str, str]:
    return {version.name: version.digest for version in versions}
