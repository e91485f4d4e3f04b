"""What `make up` prints: commands for another shell, and why it does not start."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support.databases import sqlite_url
from typer.testing import CliRunner

from underwriting.cli import application
from underwriting.cli.demo import commands_to_paste
from underwriting.local.services import Prepare
from underwriting.settings import Settings, settings


def test_printed_commands_can_be_pasted_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(Path(sys.executable).with_name("underwriting")), "up"])
    monkeypatch.setenv("UNDERWRITING_STATE_DIR", "a folder")
    folder, setting, *commands = commands_to_paste().splitlines()
    assert (folder, setting) == (f"cd {Path.cwd()}", "export UNDERWRITING_STATE_DIR='a folder'")
    for command in commands:
        pasted = "\n".join(("set -e", folder, setting, f"{command} --help"))
        environment = {"PATH": "/usr/bin:/bin", "COLUMNS": "80"}
        # No shell of ours: this is what a person's shell does with it.
        done = subprocess.run(["bash", "-c", pasted], cwd=tmp_path, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        (
            "LIMIT_POLICY",
            "nope",
            "comes with the program is called nope; there are cfi and cfi-cautious",
        ),
        ("REQUIRED_RULES", '{"*": ["NotLited"]}', "no rule is called NotLited; did you mean NotListed?"),
        ("ENCRYPTION_KEYS", '{"a": "xx"}', "the key a is no base64 of 32 bytes; `openssl rand -base64 32` prints one"),
    ],
)
def test_a_setting_that_cannot_be_used_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, says: str
) -> None:
    @asynccontextmanager
    async def without_servers(config: Settings, *, prepare: Prepare, **_: object) -> AsyncIterator[None]:
        await prepare(config)
        yield

    (tmp_path / "store.db").touch()
    monkeypatch.setenv("UNDERWRITING_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("UNDERWRITING_DATABASE_URL", sqlite_url(tmp_path / "store.db"))
    monkeypatch.setenv(f"UNDERWRITING_{setting}", value)
    monkeypatch.setattr("underwriting.cli.demo.embedded", without_servers)
    settings.cache_clear()
    result = CliRunner().invoke(application("up"), ["up"])
    settings.cache_clear()
    assert result.exit_code == 2, result.output
    assert says in result.stderr
    assert "Traceback" not in result.stderr
