"""One process of the embedded services: started, waited for, ended; its output goes to a log file."""

import asyncio
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from underwriting.local.errors import ServiceFailed
from underwriting.process.logs import line_of

LAUNCH = Path(__file__).with_name("launch.py")
# Seconds between two looks at a process or a health endpoint.
POLL_SECONDS = 0.05
TAIL_LINES = 20
TAIL_BYTES = 16_384
# A log of this size is moved to its second file, which replaces the one before.
LOG_BYTES = 20_000_000


class Child:
    """A process that ends with its parent, in a session of its own: Ctrl-C reaches the parent only, which ends its
    children in their order. `owner` is the (user, group) it runs as where the parent is root; `started` is when it was
    started last.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        *,
        owner: tuple[int, int] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._environment = dict(environment) if environment is not None else None
        self._owner = owner or (0, 0)
        self._stop_signal = stop_signal
        self.started: datetime | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the latest start."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives. What an ended one left in its session ends with it."""
        if self._process is None or self._process.returncode is not None:
            return False
        try:
            if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return True
        except ChildProcessError:
            # Another thread has waited for it.
            return self._process.poll() is None
        # Not yet waited for, so no other process has its id.
        self._end_session(self._process)
        return False

    @property
    def exit_code(self) -> int | None:
        """How the process ended; None while it lives, or while nobody asked since."""
        return self._process.returncode if self._process is not None else None

    def start(self) -> None:
        """Start the process; it may not be ready yet. The calling thread must outlive it: the kernel watches that."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.rotate_log()
        self.started = datetime.now(UTC)
        uid, gid = self._owner
        launch = [sys.executable, "-S", "-E", str(LAUNCH), str(os.getpid()), str(int(self._stop_signal))]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - programs of ours, and no shell
                [*launch, str(uid), str(gid), *self._command],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    async def ready(self, probe: Callable[[], Awaitable[bool]], deadline: float) -> None:
        """Wait until `probe` returns True; ServiceFailed if the process ends first or `deadline` seconds pass."""

        async def settled() -> bool:
            return await probe() or not self.running

        if not await until(settled, deadline):
            raise self.failure(f"was not ready within {deadline:.0f} s")
        if not self.running:
            raise self.failure(f"ended with exit code {self.exit_code} before it was ready")

    async def succeed(self, deadline: float) -> None:
        """Wait for the end of a process that has an end; ServiceFailed where it fails or lasts too long."""
        if not await until(self._ended, deadline):
            self.kill()
            raise self.failure(f"did not finish within {deadline:.0f} s")
        if self.exit_code != 0:
            raise self.failure(f"ended with exit code {self.exit_code}")

    async def stop(self, grace: float) -> None:
        """Ask the process to end; kill it after `grace` seconds."""
        if self.running:
            self.send(self._stop_signal)
            await until(self._ended, grace)
        self.kill()

    def kill(self) -> None:
        """End the process at once (SIGKILL), and all that it started in its session."""
        if self._process is not None and self.running:
            self._end_session(self._process)

    def _end_session(self, process: "subprocess.Popen[bytes]") -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        if self._process is not None:
            self._process.send_signal(number)

    def failure(self, what: str) -> ServiceFailed:
        """The error that says `what` happened and shows the end of the log."""
        return ServiceFailed(self.name, what, self.log, self.log_tail())

    def note(self, what: str) -> None:
        """Write a warning about the process into its log, as a line like its own."""
        with self.log.open("a") as file:
            file.write(line_of(__name__, logging.WARNING, f"{self.name} {what}") + "\n")

    def rotate_log(self) -> None:
        """Begin the log anew where it is long: the process goes on writing at its beginning."""
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            shutil.copyfile(self.log, self.log.with_suffix(".1.log"))
            os.truncate(self.log, 0)

    def log_tail(self) -> str:
        """The last lines of the log."""
        with suppress(FileNotFoundError), self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
            return "\n".join(lines[-TAIL_LINES:])
        return ""

    async def _ended(self) -> bool:
        return not self.running


async def until(holds: Callable[[], Awaitable[bool]], seconds: float) -> bool:
    """Wait until a condition is true; False if it is not within `seconds`."""
    end = time.monotonic() + seconds
    while not await holds():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(POLL_SECONDS)
    return True
