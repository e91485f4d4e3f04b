"""`underwriting person`: a private export, and an erasure that says what is kept."""

import json
import stat
from pathlib import Path

import pytest
from support.databases import run, sqlite_url
from support.evaluated import meet
from support.reviews import claimed, finish
from support.shell import Shell
from typer.testing import CliRunner

from underwriting.cli import application
from underwriting.domain.decision import Verdict
from underwriting.settings import settings
from underwriting.store.keyfile import keyring
from underwriting.store.session import Store


@pytest.fixture
def with_ada(migrated: Shell) -> Shell:
    async def fill() -> None:
        async with Store.open(sqlite_url(migrated.database), keyring(settings())) as store:
            await finish(store, await claimed(store, "sandbox"), Verdict.APPROVED)
            await meet(store, "ada", "sandbox")

    run(fill())
    return migrated


def test_the_export_is_json_and_a_file_is_private_and_new(with_ada: Shell, tmp_path: Path) -> None:
    code, out, _ = with_ada.run("person", "export", "ada")
    exported = json.loads(out)
    assert (code, exported["person"], len(exported["tables"]["applications"])) == (0, "ada", 1)
    file = tmp_path / "ada.json"
    assert with_ada.run("person", "export", "ada", "--into", str(file))[0] == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    tables = json.loads(file.read_text())["tables"]
    assert [entry["action"] for entry in tables["audit"]].count("person.exported") == 1, "the one before this"
    again = with_ada.run("person", "export", "ada", "--into", str(file))
    assert (again[0], again[2]) == (2, f"underwriting: {file} exists; name a new file\n")
    assert with_ada.run("person", "export", "ada", "--into", str(tmp_path / "no" / "file"))[0] == 2


def test_erasing_shows_first_and_asks(with_ada: Shell) -> None:
    code, out, _ = with_ada.run("person", "erase", "ada", "--json")
    look = json.loads(out)
    assert (code, look["erasure"], look["erased"]["messages"]) == (0, None, 1)
    [kept] = [each for each in look["kept"] if each["kind"] == "applications"]
    assert kept["why"] == "12 CFR 1002.12(b), 25 months"
    answered = CliRunner().invoke(application("person"), ["person", "erase", "ada"], input="n\n")
    assert (answered.exit_code, "nothing is erased; --yes does not ask" in answered.stderr) == (2, True)
    code, out, _ = with_ada.run("person", "erase", "ada", "--yes")
    assert code == 0
    assert "in the audit log: era_" in out
    assert "Delete by hand" in out
    assert with_ada.run("audit", "verify")[0] == 0
    assert json.loads(with_ada.run("person", "erase", "ada", "--json")[1])["erased"] == {}


@pytest.mark.parametrize("command", ["export", "erase"])
def test_an_unknown_or_impossible_person_is_a_sentence(with_ada: Shell, command: str) -> None:
    unknown = with_ada.run("person", command, "bob")
    sentence = "underwriting: nothing is stored about bob of sandbox; --tenant names another tenant\n"
    assert unknown == (2, "", sentence)
    assert "--tenant names another tenant" in with_ada.run("person", command, "ada", "--tenant", "acme")[2]
    assert "is no customer's id" in with_ada.run("person", command, "a b")[2]


def test_a_hold_is_a_sentence(with_ada: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERWRITING_RETENTION", '{"sandbox": {"holds": ["ada"]}}')
    settings.cache_clear()
    code, _, error = with_ada.run("person", "erase", "ada", "--yes")
    assert code == 2
    assert error == "underwriting: ada of sandbox is on hold in UNDERWRITING_RETENTION; nothing is erased\n"
