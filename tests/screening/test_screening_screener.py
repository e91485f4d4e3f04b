"""Applicants are looked up in what the store holds at that moment."""

from datetime import date
from pathlib import Path

import pytest
from support.applicants import person

from underwriting.clients.errors import SourceRefusal
from underwriting.domain.documents import Company, CompanyStatus
from underwriting.screening import Screener, load_block_list, load_ofac
from underwriting.screening.entries import Entry, ScreeningList
from underwriting.screening.screener import store_list
from underwriting.store.session import Store

DATA = Path(__file__).parent / "data"
NOBODY = person(given_name="Orla", family_name="Fennimore", birth_date=date(1988, 5, 5), residence_country="IE")
LISTED = person(given_name="Viggo", family_name="Hermansson", birth_date=date(1948, 10, 8), residence_country="SE")


def company(name: str) -> Company:
    return Company(name=name, status=CompanyStatus.ACTIVE, incorporated_on=date(2001, 1, 1), country="GB")


@pytest.fixture
async def screener(store: Store) -> Screener:
    await store_list(store, load_ofac(DATA / "ofac"), "ann")
    return Screener(store)


async def test_without_any_list_nobody_is_cleared(store: Store) -> None:
    with pytest.raises(SourceRefusal, match="none are loaded; run `underwriting lists load`"):
        await Screener(store).screen(NOBODY, None)


async def test_a_person_without_a_name_is_not_cleared(screener: Screener) -> None:
    with pytest.raises(SourceRefusal, match="no name to look up"):
        await screener.screen(person(birth_date=date(1988, 5, 5)), None)


async def test_a_listed_person_is_found(screener: Screener) -> None:
    found = await screener.screen(LISTED, None)
    assert (found.match_score, found.list_entry) == (1.0, "ofac:9015")


async def test_an_ordinary_person_is_not(screener: Screener) -> None:
    assert (await screener.screen(NOBODY, None)).match_score < 0.75


async def test_a_listed_company_is_found_behind_an_ordinary_person(screener: Screener) -> None:
    found = await screener.screen(NOBODY, company("Hawthorn and Vale Investments Ltd"))
    assert (found.match_score, found.list_entry) == (pytest.approx(0.97), "ofac:9105")


async def test_a_listed_person_is_found_behind_an_ordinary_company(screener: Screener) -> None:
    assert (await screener.screen(LISTED, company("Fennimore Cheese Ltd"))).list_entry == "ofac:9015"


async def test_a_new_list_counts_at_once(store: Store, screener: Screener) -> None:
    krambeck = person(given_name="Ottilie", family_name="Krambeck")
    assert (await screener.screen(krambeck, None)).match_score < 0.75
    await store_list(store, load_block_list(DATA / "block_list.csv"), "ann")
    assert (await screener.screen(krambeck, None)).list_entry == "internal:B-1"


async def test_who_was_taken_off_a_list_is_not_found_any_more(store: Store, screener: Screener) -> None:
    assert (await screener.screen(LISTED, None)).match_score == 1
    shorter = ScreeningList("ofac", "0" * 64, (Entry(id="1", name="Ilinca Dragomir"),))
    assert await store_list(store, shorter, "ann")
    assert (await screener.screen(LISTED, None)).match_score < 0.75


async def test_the_same_version_again_is_not_loaded(store: Store, screener: Screener) -> None:
    assert not await store_list(store, load_ofac(DATA / "ofac"), "ann")


async def test_a_list_that_cannot_be_stored_whole_leaves_the_old_one(store: Store, screener: Screener) -> None:
    twice = Entry(id="1", name="Ilinca Dragomir")
    with pytest.raises(Exception, match=r"(?i)unique"):
        await store_list(store, ScreeningList("ofac", "0" * 64, (twice, twice)), "ann")
    assert (await screener.screen(LISTED, None)).match_score == 1
