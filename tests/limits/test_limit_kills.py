"""A run that is killed as by a power cut goes on where it stopped, and ends as if nothing had happened."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select
from support.databases import sqlite_database
from support.limit_histories import in_a_loop, request

from underwriting.limits.desk import Desk
from underwriting.limits.order import Report
from underwriting.limits.run import recalculate
from underwriting.settings import Settings, settings
from underwriting.store.crypto import Keyring
from underwriting.store.models import LimitRecordRow, LimitShardRow, MessageRow, ProfileRow
from underwriting.store.session import Store

TESTS = Path(__file__).parents[1]
LEASE = 1.0
KILLED_RUN = """
import sys
from pathlib import Path
from test_limit_kills import go_on
go_on(sys.argv[1], Path(sys.argv[2]))
"""


def go_on(url: str, history: Path) -> Report:
    """Run, or go on with the run, one shard at a time."""

    async def work() -> Report:
        async with Store.open(url, Keyring.generate()) as store:
            return await recalculate(Desk(store, settings(), at_once=1), request(history, shards=3))

    report: Report = in_a_loop(work())
    return report


def what_is_stored(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Everything that does not carry the run's own id or a moment."""
    columns = {
        LimitRecordRow: [one for one in LimitRecordRow.__table__.columns if one.key != "run_id"],
        LimitShardRow: [LimitShardRow.number, LimitShardRow.state, LimitShardRow.digest, LimitShardRow.records_digest],
        ProfileRow: [ProfileRow.user_id, ProfileRow.version, ProfileRow.tiers, ProfileRow.reason],
        MessageRow: [MessageRow.subject_id, MessageRow.state],
    }

    async def work() -> dict[str, list[tuple[object, ...]]]:
        async with Store.open(url, Keyring.generate()) as store, store.read() as unit:
            return {
                table.__tablename__: sorted(map(tuple, (await unit.execute(select(*wanted))).all()), key=str)
                for table, wanted in columns.items()
            }

    found: dict[str, list[tuple[object, ...]]] = in_a_loop(work())
    return found


@pytest.mark.parametrize(
    "place", ["after-calculated-shard", "after-proposed-shard", "after-judged", "after-applied-shard"]
)
def test_a_killed_run_ends_as_if_nothing_had_happened(
    place: str, few_users: Path, migrated_sqlite: Path, config: Settings, tmp_path: Path
) -> None:
    urls = [
        sqlite_database(folder, migrated_sqlite)
        for folder in (tmp_path / "killed", tmp_path / "whole")
        if folder.mkdir() is None
    ]
    environment = {
        **os.environ,
        "UNDERWRITING_FAILPOINT": place,
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS / "limits"), str(TESTS.parent)]),
    }
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_RUN, urls[0], str(few_users)], env=environment, capture_output=True, check=False
    )
    assert killed.returncode == -9, killed.stderr.decode()
    # Nobody gives the lease back.
    time.sleep(LEASE + 0.1)
    assert go_on(urls[0], few_users).state == "applied"
    assert go_on(urls[1], few_users).state == "applied"
    assert what_is_stored(urls[0]) == what_is_stored(urls[1])
