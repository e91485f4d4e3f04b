"""A run that is killed as by a power cut goes on where it stopped, and ends as if nothing had happened.

On either database, and with the same in it as one that was never killed has on the other.
"""

import signal
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from support.databases import sqlite_database
from support.limit_histories import in_a_loop, request
from support.processes import exit_code
from support.reviews import let_time_pass

from underwriting.limit_runs.report import Report
from underwriting.limit_runs.run import recalculate
from underwriting.limit_runs.run_context import RunContext
from underwriting.settings import settings
from underwriting.store.crypto import Keyring
from underwriting.store.models import LimitRecordRow, LimitShardRow, MessageRow, ProfileRow
from underwriting.store.session import Store

Stored = dict[str, list[tuple[object, ...]]]


def go_on(url: str, history: Path) -> Report:
    """Run, or go on with the run, one shard at a time."""

    async def work() -> Report:
        async with Store.open(url, Keyring.generate()) as store:
            return await recalculate(RunContext(store, settings(), concurrent_shards=1), request(history, shards=3))

    report: Report = in_a_loop(work())
    return report


def lease_expires(url: str) -> None:
    """Nobody gives the lease of a killed run back."""

    async def work() -> None:
        async with Store.open(url, Keyring.generate()) as store:
            await let_time_pass(store, "limit_runs", "lease_until", timedelta(hours=1))

    in_a_loop(work())


def what_is_stored(url: str) -> Stored:
    """Everything that does not carry the run's own id or a moment."""
    columns = {
        LimitRecordRow: [one for one in LimitRecordRow.__table__.columns if one.key != "run_id"],
        LimitShardRow: [LimitShardRow.number, LimitShardRow.state, LimitShardRow.digest, LimitShardRow.records_digest],
        ProfileRow: [ProfileRow.user_id, ProfileRow.version, ProfileRow.tiers, ProfileRow.reason],
        MessageRow: [MessageRow.subject_id, MessageRow.state],
    }

    async def work() -> Stored:
        async with Store.open(url, Keyring.generate()) as store, store.read() as unit:
            return {
                table.__tablename__: sorted(map(tuple, (await unit.execute(select(*wanted))).all()), key=str)
                for table, wanted in columns.items()
            }

    found: Stored = in_a_loop(work())
    return found


@pytest.fixture(scope="module")
def whole(few_users: Path, migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """What a run leaves that nobody kills."""
    folder = tmp_path_factory.mktemp("whole")
    url = sqlite_database(folder, migrated_sqlite)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("UNDERWRITING_STATE_DIR", str(folder))
        settings.cache_clear()
        assert go_on(url, few_users).state == "applied"
    settings.cache_clear()
    return what_is_stored(url)


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    "place", ["after-calculated-shard", "after-proposed-shard", "after-judged", "after-applied-shard"]
)
def test_a_killed_run_ends_as_if_nothing_had_happened(
    place: str, few_users: Path, database_url: str, whole: Stored
) -> None:
    assert exit_code(go_on, database_url, few_users, failpoint=place) == -signal.SIGKILL
    assert what_is_stored(database_url) != whole
    lease_expires(database_url)
    assert go_on(database_url, few_users).state == "applied"
    assert what_is_stored(database_url) == whole
