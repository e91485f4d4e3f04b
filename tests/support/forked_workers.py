"""Warm workers forked from a parent that has imported everything: they start in milliseconds, so kills hit work.

The parent is this module as a program. It has no thread and no event loop, reads orders from its input, one JSON
object a line, and reports the births and the ends of its children on its output. A child is the real warm worker.
"""

import asyncio
import ctypes
import json
import os
import random
import select
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

PRELOADED = (
    "tests.support.unguarded",
    "flows.review_application",
    "asyncpg",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "underwriting.worker",
)
# What Prefect's engine logs of every run.
BEGINNING = b" - Beginning flow run "
PR_SET_PDEATHSIG = 1


class Worker:
    """One forked worker; `ended` becomes its exit code, negative for a signal."""

    def __init__(self, nursery: "Nursery", name: str, log: Path, pid: int) -> None:
        self._nursery = nursery
        self._log = log
        self.name = name
        self.pid = pid
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def works(self) -> bool:
        """Whether it has begun its first flow run, as its log says."""
        return self._log.exists() and BEGINNING in self._log.read_bytes()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless the worker has ended already."""
        self._nursery.order({"signal": int(number), "pid": self.pid})

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.send(signal.SIGKILL)
        await self.ended


class Nursery:
    """The parent process, seen from a test."""

    def __init__(self, process: asyncio.subprocess.Process, logs: Path) -> None:
        self._process = process
        self._logs = logs
        self._born: asyncio.Queue[int] = asyncio.Queue()
        self._workers: dict[int, Worker] = {}

    @classmethod
    @asynccontextmanager
    async def opened(cls, environment: Mapping[str, str], logs: Path) -> AsyncIterator["Nursery"]:
        """A parent whose children have `environment` and log to files in `logs`; all end with the block. It may still
        be importing.
        """
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, __file__, str(logs), str(os.getpid()), stdin=pipe, stdout=pipe, env=dict(environment)
        )
        nursery = cls(process, logs)
        listening = asyncio.create_task(nursery._listen())
        try:
            yield nursery
        finally:
            # Its children are told by the kernel.
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            await listening

    async def start(self, name: str, environment: Mapping[str, str], *, guarded: bool = True) -> Worker:
        """Fork a worker with changes of the environment; not `guarded`, it has no ledger and no fence."""
        self.order({"name": name, "environment": dict(environment), "guarded": guarded})
        pid = await self._born.get()
        worker = self._workers[pid] = Worker(self, name, self._logs / f"{name}.log", pid)
        return worker

    def order(self, what: Mapping[str, object]) -> None:
        """Write one order."""
        if self._process.stdin is None:
            raise RuntimeError("the parent has no input")
        self._process.stdin.write(json.dumps(what).encode() + b"\n")

    async def _listen(self) -> None:
        if self._process.stdout is None:
            raise RuntimeError("the parent has no output")
        async for line in self._process.stdout:
            news = json.loads(line)
            if "exit" not in news:
                self._born.put_nowait(news["pid"])
                continue
            # A worker may end before its birth was heard of.
            while news["pid"] not in self._workers:
                await asyncio.sleep(0)
            self._workers.pop(news["pid"]).ended.set_result(news["exit"])


def main(logs: Path, owner: int) -> NoReturn:
    """Import, then do what the orders say, until the input ends."""
    _die_with(owner)
    logs.mkdir(parents=True, exist_ok=True)
    for module in PRELOADED:
        import_module(module)
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker)
    children: set[int] = set()
    orders = b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _report_ends(children)
        if 0 in ready:
            read = os.read(0, 65536)
            if not read:
                sys.exit()
            *lines, orders = (orders + read).split(b"\n")
            for line in lines:
                _obey(json.loads(line), children, logs)


def _obey(order: dict[str, Any], children: set[int], logs: Path) -> None:
    if "signal" in order:
        # Not reported yet, so its process id is still its own.
        if order["pid"] in children:
            os.kill(order["pid"], order["signal"])
        return
    parent = os.getpid()
    if (pid := os.fork()) == 0:
        _become_worker(parent, logs / f"{order['name']}.log", **order)
    children.add(pid)
    _tell({"pid": pid})


def _report_ends(children: set[int]) -> None:
    for pid in list(children):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            children.remove(pid)
            _tell({"pid": pid, "exit": os.waitstatus_to_exitcode(status)})


def _tell(news: dict[str, object]) -> None:
    os.write(1, json.dumps(news).encode() + b"\n")


def _die_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _become_worker(parent: int, log: Path, name: str, environment: Mapping[str, str], guarded: bool) -> NoReturn:
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _die_with(parent)
        output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        random.seed()
        os.environ.update(environment)
        asyncio.run(_work(name, guarded=guarded))
        code = 0
    except BaseException:  # noqa: BLE001 - the outermost edge of a process
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


async def _work(name: str, *, guarded: bool) -> None:
    # Imported long since, by the parent; whoever only talks to the parent needs none of it.
    from underwriting.settings import settings  # noqa: PLC0415
    from underwriting.worker import WarmWorker  # noqa: PLC0415

    if not guarded:
        from tests.support.unguarded import drop_guards  # noqa: PLC0415

        drop_guards()
    settings.cache_clear()
    await WarmWorker(settings().work_pool, name=name).start()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main(Path(sys.argv[1]), int(sys.argv[2]))
