"""Applicants are looked up in what the store holds at that moment."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from support.applicants import person

from underwriting.domain.documents import Company, CompanyStatus, ListScreening, Person
from underwriting.integrations.errors import SourceRefusal
from underwriting.screening import Screener, load_block_list, load_ofac
from underwriting.screening.entries import BirthDate, Entry, ScreeningList
from underwriting.screening.names import Kind
from underwriting.screening.screener import store_list
from underwriting.store import matches
from underwriting.store.models import ListRow
from underwriting.store.session import Store

BORN = date(1961, 3, 14)
DATA = Path(__file__).parent / "data"
NOBODY = person(given_name="Orla", family_name="Fennimore", birth_date=date(1988, 5, 5), residence_country="IE")
LISTED = person(given_name="Viggo", family_name="Hermansson", birth_date=date(1948, 10, 8), residence_country="SE")


def company(name: str) -> Company:
    return Company(name=name, status=CompanyStatus.ACTIVE, incorporated_on=date(2001, 1, 1), country="GB")


async def screened(screener: Screener, who: Person, of: Company | None) -> ListScreening:
    return (await screener.screen("acme", "ada", who, of)).document


@pytest.fixture
async def screener(store: Store) -> Screener:
    await store_list(store, load_ofac(DATA / "ofac"), "ann")
    return Screener(store)


async def test_without_any_list_nobody_is_cleared(store: Store) -> None:
    with pytest.raises(SourceRefusal, match="none are loaded; run `underwriting lists load ofac DIR`"):
        await screened(Screener(store), NOBODY, None)


async def test_a_person_without_a_name_is_not_cleared(screener: Screener) -> None:
    with pytest.raises(SourceRefusal, match="no name to look up"):
        await screened(screener, person(birth_date=date(1988, 5, 5)), None)


async def test_a_listed_person_is_found(screener: Screener) -> None:
    found = await screened(screener, LISTED, None)
    assert (found.match_score, found.list_entry) == (1.0, "ofac:9015")


async def test_an_ordinary_person_is_not(screener: Screener) -> None:
    assert (await screened(screener, NOBODY, None)).match_score < 0.75


async def test_a_listed_company_is_found_behind_an_ordinary_person(screener: Screener) -> None:
    found = await screened(screener, NOBODY, company("Hawthorn and Vale Investments Ltd"))
    assert (found.match_score, found.list_entry) == (pytest.approx(0.97), "ofac:9105")


async def test_a_listed_person_is_found_behind_an_ordinary_company(screener: Screener) -> None:
    assert (await screened(screener, LISTED, company("Fennimore Cheese Ltd"))).list_entry == "ofac:9015"


async def test_a_new_list_counts_at_once(store: Store, screener: Screener) -> None:
    krambeck = person(given_name="Ottilie", family_name="Krambeck")
    assert (await screened(screener, krambeck, None)).match_score < 0.75
    await store_list(store, load_block_list(DATA / "block_list.csv"), "ann")
    assert (await screened(screener, krambeck, None)).list_entry == "internal:B-1"


async def test_who_was_taken_off_a_list_is_not_found_any_more(store: Store, screener: Screener) -> None:
    assert (await screened(screener, LISTED, None)).match_score == 1
    shorter = ScreeningList("ofac", "0" * 64, (Entry(id="1", name="Ilinca Dragomir"),))
    assert await store_list(store, shorter, "ann")
    assert (await screened(screener, LISTED, None)).match_score < 0.75


async def test_the_same_version_again_is_not_loaded(store: Store, screener: Screener) -> None:
    assert not await store_list(store, load_ofac(DATA / "ofac"), "ann")


async def test_a_list_that_cannot_be_stored_whole_leaves_the_old_one(store: Store, screener: Screener) -> None:
    twice = Entry(id="1", name="Ilinca Dragomir")
    with pytest.raises(Exception, match=r"(?i)unique"):
        await store_list(store, ScreeningList("ofac", "0" * 64, (twice, twice)), "ann")
    assert (await screened(screener, LISTED, None)).match_score == 1


ALI = Entry(id="7", kind=Kind.INDIVIDUAL, name="Ali HASSAN", birth_dates=(BirthDate(earliest=BORN, latest=BORN),))
NAMESAKE = person(given_name="Ali", family_name="Hassan", birth_date=None, residence_country="US")


@pytest.fixture
async def listing_ali(store: Store) -> Screener:
    await store_list(store, ScreeningList("internal", "1" * 64, (ALI,)), "ann")
    return Screener(store)


async def test_a_name_alone_confirms_nothing(listing_ali: Screener) -> None:
    found = await screened(listing_ali, NAMESAKE, None)
    assert (found.match_score, found.confirmed_score, found.list_age_days) == (1.0, 0.0, 0)


async def test_the_listed_birth_date_confirms(listing_ali: Screener) -> None:
    found = await screened(listing_ali, NAMESAKE.model_copy(update={"birth_date": BORN}), None)
    assert (found.confirmed_score, found.match_evidence) == (1.0, "born on the same day")


async def cleared(store: Store, screener: Screener, who: Person) -> None:
    found = await screener.screen("acme", "ada", who, None)
    async with store.begin() as work:
        await matches.keep(work, "acme", "ada", found.found, found.kinds)
        await matches.clear(work, "acme", "ada", "ann", "another Ali Hassan")


async def test_whom_a_person_cleared_is_no_match_until_anything_changes(store: Store, listing_ali: Screener) -> None:
    await cleared(store, listing_ali, NAMESAKE)
    assert await screened(listing_ali, NAMESAKE, None) == ListScreening(
        match_score=0, confirmed_score=0, list_age_days=0
    )
    another = await listing_ali.screen("acme", "bob", NAMESAKE, None)
    assert another.document.match_score == 1, "a clearance is of one user"
    moved = NAMESAKE.model_copy(update={"residence_country": "CA"})
    assert (await screened(listing_ali, moved, None)).match_score == 1
    wanted = ALI.model_copy(update={"reason": "wanted"})
    await store_list(store, ScreeningList("internal", "2" * 64, (wanted,)), "ann")
    assert (await screened(listing_ali, NAMESAKE, None)).match_score == 1


async def test_a_clearance_outlives_a_new_list_that_leaves_the_entry_alone(store: Store, listing_ali: Screener) -> None:
    await cleared(store, listing_ali, NAMESAKE)
    await store_list(store, ScreeningList("internal", "2" * 64, (ALI, Entry(id="8", name="Ottilie Krambeck"))), "ann")
    assert (await screened(listing_ali, NAMESAKE, None)).match_score < 0.75


@pytest.mark.parametrize(("days", "age"), [(0, 0), (6.9, 6), (7, 7), (8.1, 8)])
async def test_the_age_is_that_of_the_list_that_was_longest_not_looked_for(
    store: Store, listing_ali: Screener, days: float, age: int
) -> None:
    await store_list(store, ScreeningList("ofac", "1" * 64, (ALI,)), "ann")
    async with store.begin() as work:
        checked = datetime.now(UTC) - timedelta(days=days)
        await work.execute(update(ListRow).where(ListRow.name == "ofac").values(checked_at=checked))
    assert (await screened(listing_ali, NAMESAKE, None)).list_age_days == age
    # The same file again counts as a look.
    await store_list(store, ScreeningList("ofac", "1" * 64, (ALI,)), "ann")
    assert (await screened(listing_ali, NAMESAKE, None)).list_age_days == 0
