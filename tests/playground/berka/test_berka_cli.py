"""The command line of the bank: what it prints, and that bad files end it with exit code 2 and nothing written."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.berka import Bank
from typer.testing import CliRunner

from underwriting.cli.berka import app
from underwriting.settings import settings


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(tmp_path / "bank")


@pytest.fixture(autouse=True)
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("UNDERWRITING_STATE_DIR", str(tmp_path / "state"))
    settings.cache_clear()
    yield tmp_path / "state"
    settings.cache_clear()


def test_load_writes_the_documents_and_says_how_to_review_them(bank: Bank, state_dir: Path) -> None:
    done = CliRunner().invoke(app, ["load", str(bank.folder)])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (state_dir / "sandbox" / "users").iterdir()) == [
        "berka-11.json",
        "berka-12.json",
    ]
    command = "underwriting review berka-11 --amount 24000.00 --currency CZK --term-months 24 --as-of 1997-01-10"
    assert command in done.output


def test_review_counts_decisions_against_how_the_loans_went(bank: Bank) -> None:
    bank.open_account("101", 14, 12_000, saved=4_000, instalment=3_000)
    done = CliRunner().invoke(app, ["review", str(bank.folder)])
    assert done.exit_code == 0, done.output
    assert "3 loans, of which 1 went bad (33.3%), pre-screened by berka v2." in done.output
    assert "burden and reserve" in done.output


@pytest.mark.parametrize("command", ["load", "review"])
def test_a_broken_file_is_refused_with_its_place_and_nothing_is_written(
    bank: Bank, state_dir: Path, command: str
) -> None:
    bank.change("trans.csv", 6, "5;11;960131;credit;;20.0;99.0;;;")
    done = CliRunner().invoke(app, [command, str(bank.folder)])
    assert done.exit_code == 2
    assert f"{bank.folder}/trans.csv:6: the balances of 1996-01-31 do not follow" in done.stderr
    assert not state_dir.exists()


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["load", str(tmp_path / "nowhere")])
    assert done.exit_code == 2
    assert "account.csv: No such file or directory" in done.stderr
