"""What the embedded processes are told, and the keys they are given."""

import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from underwriting.api.auth import Verifier
from underwriting.api.keys import PublicKeys
from underwriting.cli import application
from underwriting.local import SANDBOX_TENANT, embedded_environment, embedded_settings, issue_token
from underwriting.settings import Settings
from underwriting.settings import settings as settings_of_process

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.model_validate(
        {
            "state_dir": tmp_path,
            "partners": {"acme": {"results_url": "https://acme.example/results", "signing_secret": SECRET}},
            "source_tokens": {"bureau": "s3cret"},
            "retry_delays": [0.5, 1],
            "encryption_keys": {"k1": "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY="},
        }
    )


def test_children_read_the_settings_that_were_meant(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in embedded_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings() == embedded_settings(settings)


def test_what_is_left_empty_is_embedded_and_what_is_set_stays(settings: Settings, tmp_path: Path) -> None:
    filled = embedded_settings(settings)
    assert filled.database_url.startswith("postgresql+asyncpg://postgres@/underwriting?host=")
    assert filled.partners["acme"] == settings.partners["acme"]
    assert str(filled.partners[SANDBOX_TENANT].results_url) == f"{settings.sandbox_url}/results/sandbox"
    given = settings.model_copy(update={"database_url": "sqlite+aiosqlite:///x", "jwks_file": tmp_path / "theirs"})
    assert embedded_settings(given).database_url == "sqlite+aiosqlite:///x"
    assert embedded_settings(given).jwks_file == tmp_path / "theirs"


def test_processes_that_share_a_machine_do_not_fight_for_a_port(settings: Settings) -> None:
    given = embedded_environment(settings.model_copy(update={"health_port": 8402}))
    assert given.get("UNDERWRITING_HEALTH_PORT", "0") == "0"


def test_keys_are_made_once_and_are_their_owners_alone(settings: Settings) -> None:
    first, second = embedded_settings(settings), embedded_settings(settings)
    assert first == second
    keys = settings.state_dir / "keys"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in keys.iterdir()} == {0o600}


async def test_the_api_takes_the_embedded_issuers_tokens(settings: Settings) -> None:
    complete = embedded_settings(settings)
    assert complete.jwks_file is not None
    assert '"d"' not in complete.jwks_file.read_text(), "the private part stays at home"
    verifier = Verifier(PublicKeys(complete), settings.token_issuer, settings.token_audience)
    caller = await verifier.caller(issue_token(settings, "acme", "ann", "applications:read"))
    assert (caller.tenant, caller.subject, caller.scopes) == ("acme", "ann", frozenset({"applications:read"}))


@pytest.mark.parametrize("command", [["token"], ["review", "good", "--amount", "10.00"], ["eligibility", "steady-pay"]])
def test_a_command_in_another_folder_makes_no_keys_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("UNDERWRITING_STATE_DIR", "UNDERWRITING_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    settings_of_process.cache_clear()
    result = CliRunner().invoke(application(command[0]), command)
    settings_of_process.cache_clear()
    assert result.exit_code == 2
    assert "there are no keys in" in result.stderr
    assert "UNDERWRITING_STATE_DIR" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_scheduled_limit_run_has_a_history(settings: Settings) -> None:
    assert embedded_settings(settings).limits_history == str(settings.state_dir.absolute() / "history")
    other = settings.model_copy(update={"limits_history": "database"})
    assert embedded_settings(other).limits_history == "database"


def test_nothing_leaves_the_machine_unasked(settings: Settings) -> None:
    environment = embedded_environment(settings)
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert environment["DO_NOT_TRACK"] == "1"
    assert environment["PREFECT_API_URL"].startswith("http://127.0.0.1:")
