"""Children are waited for, ended, and never left behind."""

import asyncio
import json
import signal
import sys
import textwrap
from datetime import datetime
from pathlib import Path

import psutil
import pytest

from underwriting.local import Child, ServiceFailed

DEATH_SECONDS = 5


async def never() -> bool:
    return False


def python(tmp_path: Path, code: str) -> Child:
    return Child("child", [sys.executable, "-c", textwrap.dedent(code)], tmp_path / "logs" / "child.log")


async def test_a_child_that_ends_too_early_shows_the_end_of_its_log(tmp_path: Path) -> None:
    child = python(tmp_path, "import sys; [print('line', n) for n in range(30)]; sys.exit('out of luck')")
    child.start()
    with pytest.raises(
        ServiceFailed, match=r"child ended with exit code 1 before it was ready;[^$]*line 29\nout of luck"
    ):
        await child.ready(never, deadline=20)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_note_about_a_child_is_a_line_like_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log_format: str
) -> None:
    monkeypatch.setenv("UNDERWRITING_LOG_FORMAT", log_format)
    child = python(tmp_path, "")
    child.log.parent.mkdir()
    child.note("ended with exit code -9 and is started again")
    (line,) = child.log.read_text().splitlines()
    if log_format == "json":
        told = json.loads(line)
        level, logger, message = told["level"], told["logger"], told["message"]
        assert datetime.fromisoformat(told["time"]).tzinfo
    else:
        moment, level, rest = line.split(" | ")
        logger, _, message = rest.partition(" - ")
        assert datetime.fromisoformat(moment)
    assert (level.strip(), logger) == ("WARNING", "underwriting.local.child")
    assert message == "child ended with exit code -9 and is started again"


async def test_a_long_log_is_begun_anew_while_the_process_goes_on_writing(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("underwriting.local.child.LOG_BYTES", 10)
    child = python(tmp_path, "import time\nwhile True: print('a line', flush=True); time.sleep(0.01)")
    child.start()

    async def written() -> bool:
        return child.log.stat().st_size > 20

    try:
        await child.ready(written, deadline=20)
        child.rotate_log()
        assert child.log.with_suffix(".1.log").stat().st_size > 20
        await child.ready(written, deadline=20)
        # Nothing but lines: it did not go on where it was.
        assert set(child.log.read_text().splitlines()) == {"a line"}
    finally:
        child.kill()


async def test_a_child_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    child = python(tmp_path, "import time; time.sleep(60)")
    child.start()
    with pytest.raises(ServiceFailed, match=r"child was not ready within 0 s; .* is empty"):
        await child.ready(never, deadline=0.2)
    await child.stop(grace=5)
    assert not child.running


async def test_a_child_that_does_not_listen_is_killed_with_its_own_children(tmp_path: Path) -> None:
    child = python(
        tmp_path,
        """
        import signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid, flush=True)
        time.sleep(60)
        """,
    )
    child.start()

    async def has_a_child() -> bool:
        return child.log_tail().isdigit()

    await child.ready(has_a_child, deadline=20)
    grandchild = psutil.Process(int(child.log_tail()))
    await child.stop(grace=0.2)
    assert not child.running
    assert gone(grandchild)


async def test_children_die_with_a_killed_parent_and_hear_signals_it_ignored(tmp_path: Path) -> None:
    parent = python(
        tmp_path,
        f"""
        import signal, time
        from pathlib import Path
        from underwriting.local.child import Child
        # As a shell does with its background jobs.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        first, second = (Child("sleep", ["sleep", "60"], Path({str(tmp_path)!r}) / "log") for _ in range(2))
        first.start()
        second.start()
        print(first.pid, second.pid, flush=True)
        time.sleep(60)
        """,
    )
    parent.start()

    async def has_children() -> bool:
        return len(parent.log_tail().split()) == 2

    await parent.ready(has_children, deadline=60)
    first, second = (psutil.Process(int(pid)) for pid in parent.log_tail().split())
    while first.name() != "sleep":
        await asyncio.sleep(0.02)
    first.send_signal(signal.SIGINT)
    assert gone(first)
    parent.send(signal.SIGKILL)
    assert gone(second)
    parent.kill()


def gone(process: psutil.Process) -> bool:
    """Whether a process ends soon; what nobody has waited for yet is gone, too."""
    for _ in range(DEATH_SECONDS * 50):
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        psutil.wait_procs([process], timeout=0.02)
    return False
