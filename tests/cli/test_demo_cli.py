"""What `make up` prints to be pasted into another shell."""

import subprocess
import sys
from pathlib import Path

import pytest

from underwriting.cli.demo import commands_to_paste


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
