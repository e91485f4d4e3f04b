"""Who runs a command: what the store notes as who did it."""

import getpass
import os

# Who did what starting the embedded system does by itself.
SET_UP = "set-up"


def this_person() -> str:
    """The account that runs the command: its name or, where it has none, its number: "uid 10001" in a container."""
    try:
        name = getpass.getuser()
    # What Python raises depends on its version.
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
    # A system account, which reads as if there was no one.
    return "account nobody" if name == "nobody" else name
