"""Named points where a kill test ends the process, like a power failure. In production none is set."""

import os
import signal

from underwriting.settings import settings


def failpoint(name: str) -> None:
    """Die here, at once and without any clean-up, if the settings name this failpoint."""
    if settings().failpoint == name:
        os.kill(os.getpid(), signal.SIGKILL)
