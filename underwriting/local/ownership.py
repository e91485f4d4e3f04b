"""Claims what a set-up needs for itself: its state directory and its ports."""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from underwriting.local.child import until
from underwriting.local.errors import AlreadyRunning, PortTaken, Unusable
from underwriting.settings import Settings

# The services of a supervisor that was killed end by themselves, but not at once.
ORPHAN_SECONDS = 15.0


@contextmanager
def locked(state_dir: Path) -> Iterator[bool]:
    """Lock the state directory, which is made where it is missing; AlreadyRunning where another process has locked it.

    Yields whether its last owner was killed.
    """
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unusable("STATE_DIR", f"{error.filename}: {error.strerror}; name a folder that can be written") from None
    with (state_dir / "lock").open("a+") as lock:
        lock.seek(0)
        owner = lock.read().strip()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(state_dir, owner) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield bool(owner)
        lock.truncate(0)


async def claim_port(settings: Settings, service: str, *, patient: bool) -> None:
    """PortTaken where another program listens on the port of a service; `patient` waits for it to end.

    Unusable where the host is no address of this machine, or the port is not for us.
    """
    port: int = getattr(settings, f"{service}_port")

    async def free() -> bool:
        try:
            return _is_free(settings.host, port)
        except PermissionError:
            what = f"port {port} is for the system's own programs; choose one from 1024"
            raise Unusable(f"{service.upper()}_PORT", what) from None
        except OSError as error:
            what = f"{settings.host} is no address of this machine ({error.strerror}); write one, such as 127.0.0.1"
            raise Unusable("HOST", what) from None

    if not await until(free, ORPHAN_SECONDS if patient else 0):
        raise PortTaken(service, settings.host, port, f"UNDERWRITING_{service.upper()}_PORT")


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on, for a set-up beside another one."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
        return True
