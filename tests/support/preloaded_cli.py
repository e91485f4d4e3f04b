"""The command line, forked from a process that has imported everything: commands start at once instead of in seconds.

A program `underwriting` in a folder of `PATH` hands its arguments, folder, environment and open files to that process,
whose fork does what the installed program does. This module as a program is that process.
"""

import gc
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from underwriting.cli import application, main

# What commands import only when they run.
PRELOADED = ("tasks.again", "tasks.screening", "underwriting.local", "underwriting.runtime", "aiosqlite", "asyncpg")
MOST_BYTES = 1_000_000
SOCKET_NAME = "s"
PROGRAM = f"""#!{sys.executable} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as parent:
    parent.connect(os.path.join(os.path.dirname(__file__), {SOCKET_NAME!r}))
    order = {{"arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
    socket.send_fds(parent, [json.dumps(order).encode()], [0, 1, 2])
    sys.exit(parent.recv(1)[0])
"""


@contextmanager
def preloaded(folder: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """Make `folder` with the program in it. Prefect reads its settings at import: they are those of `environment`."""
    folder.mkdir()
    program = folder / "underwriting"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / SOCKET_NAME))
        listener.listen()
        command = [sys.executable, "-P", __file__, str(listener.fileno())]
        parent = subprocess.Popen(command, env=environment, pass_fds=[listener.fileno()], start_new_session=True)
    try:
        yield folder
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        parent.wait()


def serve(listener: socket.socket) -> NoReturn:
    """Import, then fork for each caller, until killed."""
    application()
    for module in PRELOADED:
        import_module(module)
    gc.freeze()
    # Forks that wait for their command are not waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        caller, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _answer(caller)
            os._exit(0)
        caller.close()


def _answer(caller: socket.socket) -> None:
    """Run one command and say how it ended."""
    order, files, _, _ = socket.recv_fds(caller, MOST_BYTES, 3)
    # It ends without the destructors of libraries whose threads are in the parent only.
    command = multiprocessing.get_context("fork").Process(target=_run, args=(json.loads(order), files))
    command.start()
    command.join()
    caller.sendall(bytes([command.exitcode % 256]))


def _run(order: dict[str, Any], files: list[int]) -> None:
    """Become the caller, as far as a command can tell, and run the command line."""
    for number, file in enumerate(files):
        os.dup2(file, number)
    sys.stdin = os.fdopen(0, closefd=False)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = ["underwriting", *order["arguments"]]
    main()


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
