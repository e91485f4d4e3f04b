"""The history of the sandbox: some thousand made-up users, whose limits the scheduled run recalculates."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

from underwriting.playground.generator.calendar import Window
from underwriting.playground.generator.world import shipped_world
from underwriting.playground.generator.write import Plan, write

USERS, SEED, MONTHS = 3_000, 1, 6


def ensure_history(folder: Path, end: date) -> None:
    """Write a history up to the day `end`, unless one was written today.

    A history of an earlier day is replaced: after a few days without news most facts would be unknown.
    """
    if folder.exists() and datetime.fromtimestamp(folder.stat().st_mtime, UTC).date() == datetime.now(UTC).date():
        return
    # Written beside it and renamed: a folder of this name is always complete.
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for _ in write(shipped_world(), Plan(USERS, SEED, Window(end, MONTHS)), unfinished):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
