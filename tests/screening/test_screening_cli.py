"""`underwriting lists`: what it prints, and that a broken file ends it with exit code 2 and nothing stored."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.databases import sqlite_database
from typer.testing import CliRunner, Result

from underwriting.cli.lists import app
from underwriting.settings import settings
from underwriting.store import matches
from underwriting.store.keyfile import keyring
from underwriting.store.matches import Found
from underwriting.store.session import Store

DATA = Path(__file__).parent / "data"


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("UNDERWRITING_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("UNDERWRITING_DATABASE_URL", sqlite_database(tmp_path, migrated_sqlite))
    # Wide enough for a table to stay on its line.
    monkeypatch.setenv("COLUMNS", "200")
    settings.cache_clear()
    yield
    settings.cache_clear()


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_list_is_loaded_once() -> None:
    first, again = (run("load", "ofac", DATA / "ofac") for _ in range(2))
    assert (first.exit_code, first.stdout) == (0, "ofac: 27 entries loaded\n")
    assert (again.exit_code, again.stdout) == (0, "ofac: 27 entries are loaded already\n")


def test_what_is_odd_in_a_list_is_said(ofac_folder: Path) -> None:
    add = ofac_folder / "add.csv"
    add.write_text(add.read_text("utf-8").replace("9107,109", "9999,109"), "utf-8")
    done = run("load", "ofac", ofac_folder)
    assert done.exit_code == 0
    assert done.stderr == f"{add}:9: an address of entry 9999, which is not in sdn.csv\n"


def test_a_broken_list_is_refused_and_the_old_one_stays(ofac_folder: Path) -> None:
    assert run("load", "ofac", ofac_folder).exit_code == 0
    (ofac_folder / "alt.csv").write_text("9001,1,aka\n", "utf-8")
    done = run("load", "ofac", ofac_folder)
    assert done.exit_code == 2
    assert f"{ofac_folder}/alt.csv:1: 3 fields instead of 5" in done.stderr
    assert "Hermansson" in run("search", "Viggo Hermansson").stdout.title()


def test_search_shows_score_entry_and_reason() -> None:
    run("load", "ofac", DATA / "ofac")
    run("load", "internal", DATA / "block_list.csv")
    done = run("search", "Viggo Hermanson", "--birth-date", "1948-10-08", "--country", "us")
    assert done.exit_code == 0, done.output
    (line,) = (line for line in done.stdout.splitlines() if "9015" in line)
    assert "HERMANSSON, Viggo" in line
    assert "hermanson = hermansson (0.97); born on the same day" in line
    assert "B-2" in run("search", "Brightwell Recoveries", "--company").stdout


def test_search_shows_nobody_who_is_hardly_like_the_name() -> None:
    run("load", "ofac", DATA / "ofac")
    done = run("search", "Orla Fennimore")
    assert (done.exit_code, done.stdout) == (0, "Nobody has a score of 0.5 or more.\n")
    assert "9011" in run("search", "Ilinca Fennimore", "--least", "0.1").stdout


def test_search_without_lists_says_what_to_do() -> None:
    done = run("search", "Viggo Hermansson")
    assert done.exit_code == 2
    assert "none are loaded; run `underwriting lists load ofac DIR`" in done.stderr


def test_show_lists_versions() -> None:
    run("load", "internal", DATA / "block_list.csv", "--name", "staff")
    (line,) = (line for line in run("show").stdout.splitlines() if "staff" in line)
    assert "3" in line.split()


def test_our_own_list_cannot_take_the_place_of_the_published_one() -> None:
    done = run("load", "internal", DATA / "block_list.csv", "--name", "ofac")
    assert done.exit_code == 2
    assert "ofac is the name of OFAC's list" in done.stderr


def test_evaluate_prints_figures_by_threshold(tmp_path: Path) -> None:
    cases = tmp_path / "cases.csv"
    cases.write_text(
        "schema,name1,name2,is_match\n"
        "Person,Viggo Hermansson,Hermansson Viggo,True\n"
        "Company,Vardan Holding AG,Hawthorn Holding AG,False\n",
        "utf-8",
    )
    done = run("evaluate", cases)
    assert done.exit_code == 0, done.output
    assert "2 pairs. At 0.75, which was fixed beforehand: F1 1.000." in done.stdout


def found(*users: str, confirmed: bool = False) -> None:
    """Have a screening find the users."""
    match = Found("ofac", "9015", "individual", 0.97, confirmed=confirmed, evidence="same country", compared="a" * 64)

    async def keep() -> None:
        async with Store.open(settings().database_url, keyring(settings())) as store, store.begin() as work:
            for user in users:
                await matches.keep(work, "acme", user, [match], {"individual"})

    asyncio.run(keep())


def test_open_matches_are_shown_until_they_are_cleared() -> None:
    found("ada", "bob")
    shown = run("matches").stdout
    assert ("ada" in shown, "bob" in shown, "ofac:9015" in shown, "same country" in shown) == (True,) * 4
    done = run("clear", "acme", "ada", "--note", "born elsewhere")
    assert (done.exit_code, done.stdout) == (0, "ofac:9015 cleared for ada\n")
    shown = run("matches").stdout
    assert ("ada" in shown, "bob" in shown) == (False, True)


def test_a_confirmed_match_is_cleared_only_by_whoever_says_so() -> None:
    found("ada", confirmed=True)
    clear = ("clear", "acme", "ada", "--note", "another person, passport seen")
    refused = run(*clear)
    assert refused.exit_code == 2
    assert "ada matches ofac:9015 with a score of 0.97: same country. Clear it? [y/N]" in refused.stderr
    assert "nothing is cleared; with --yes it is, without the question" in refused.stderr
    assert "ada" in run("matches").stdout
    assert run(*clear, "--yes").exit_code == 0
    assert "ada" not in run("matches").stdout


def test_what_is_not_open_cannot_be_cleared() -> None:
    done = run("clear", "acme", "nobody", "--note", "born elsewhere")
    assert done.exit_code == 2
    assert "user nobody has no open match with a list" in done.stderr
    assert run("matches").stdout == "No customer has an open match with a list.\n"
    assert run("show").stdout.startswith("No list is loaded.")


def test_the_consolidated_list_is_loaded_beside_the_other(ofac_folder: Path) -> None:
    assert run("load", "ofac", ofac_folder).exit_code == 0
    for old, new in (("sdn", "CONS_PRIM"), ("alt", "CONS_ALT"), ("add", "CONS_ADD")):
        (ofac_folder / f"{old}.csv").rename(ofac_folder / f"{new}.CSV")
    assert run("load", "consolidated", ofac_folder).stdout == "ofac-consolidated: 27 entries loaded\n"


def test_hundreds_of_matches_are_listed_in_pages_with_whole_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    users = [f"a-customer-whose-id-is-rather-long-{number:04}" for number in range(300)]

    async def keep() -> None:
        config = settings()
        async with Store.open(config.database_url, keyring(config)) as store, store.begin() as work:
            for user in users:
                hit = Found("our-own-list", f"entry-{user[-4:]}", "individual", 0.8, False, "born on the same day", "x")
                await matches.keep(work, "sandbox", user, [hit], ["individual"])

    asyncio.run(keep())
    told = run("matches", "--limit", 5)
    assert "These are the first 5. There are more: --limit 50 lists up to so many." in told.stderr
    for user in users[:5]:
        assert f"sandbox/{user}:" in told.stdout
        assert f"our-own-list:entry-{user[-4:]}" in told.stdout
    assert users[5] not in told.stdout
    assert told.stdout.count("born on the same day") == 5
    assert max(map(len, told.stdout.splitlines())) <= 80
    everybody = run("matches", "--limit", 300, "--json")
    assert (everybody.stderr, [each["user_id"] for each in json.loads(everybody.stdout)]) == ("", users)


def test_a_search_among_thousands_shows_the_best_within_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    names = (f"{number:04},Carla Middle{number} Ashdown-Brightwater,,,,fraud" for number in range(5_000))
    (tmp_path / "big.csv").write_text(
        "\n".join(["entry_id,name,aliases,birth_date,country,reason", *names, ""]), "utf-8"
    )
    loaded = run("load", "internal", tmp_path / "big.csv")
    assert loaded.exit_code == 0, loaded.output
    told = run("search", "Carla Ashdown", "--limit", 3)
    assert told.stdout.count("internal:") == 3
    assert max(map(len, told.stdout.splitlines())) <= 80
