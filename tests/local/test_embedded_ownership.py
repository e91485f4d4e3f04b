"""A set-up has its folder and its ports to itself, and ends in order."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from underwriting.local import AlreadyRunning, NotRunning, PortTaken, embedded, free_port, resolve_database_url
from underwriting.local.ownership import locked
from underwriting.settings import Settings


async def test_a_taken_port_is_named_with_the_setting_that_moves_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = Settings(state_dir=tmp_path, prefect_port=free_port(), api_port=port, sandbox_port=free_port())
        with pytest.raises(PortTaken, match=rf"api: 127\.0\.0\.1:{port} is taken .* set UNDERWRITING_API_PORT"):
            async with embedded(settings):
                pytest.fail("it must not start")
    assert not (tmp_path / "postgres").exists(), "nothing was begun"


def test_a_folder_belongs_to_one_set_up_at_a_time(tmp_path: Path) -> None:
    with (
        locked(tmp_path) as after_a_kill,
        pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"),
        locked(tmp_path),
    ):
        pytest.fail("it is mine")
    assert not after_a_kill
    with locked(tmp_path) as after_a_kill:
        assert not after_a_kill


def test_a_killed_owner_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("12345")
    with locked(tmp_path) as after_a_kill:
        assert after_a_kill


def test_without_a_running_database_a_command_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="name its state folder in UNDERWRITING_STATE_DIR"):
        resolve_database_url(Settings(state_dir=tmp_path))
    given = "sqlite+aiosqlite:///store.db"
    assert resolve_database_url(Settings(state_dir=tmp_path, database_url=given)) == given


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_block_after_its_clean_up(number: signal.Signals) -> None:
    code = """
        import asyncio
        from underwriting.process.signals import ending_on_signals

        async def main():
            with ending_on_signals():
                try:
                    print("ready", flush=True)
                    await asyncio.sleep(60)
                finally:
                    await asyncio.sleep(0)
                    print("cleaned up", flush=True)
            print("ended", flush=True)

        asyncio.run(main())
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as said:
        assert said.readline() == "ready\n"
        process.send_signal(number)
        assert said.read() == "cleaned up\nended\n"
    assert process.wait() == 0
