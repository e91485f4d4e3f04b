"""Current limits become profiles in force in a fresh store, on both databases, and a run reads them back."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from rules.tiers import FIRST_LIMIT, TIERS
from underwriting.cli.histories import app
from underwriting.domain.application import Product
from underwriting.domain.limits import IdRange
from underwriting.generator.calendar import Window
from underwriting.generator.seed import seed_profiles
from underwriting.generator.world import shipped_world
from underwriting.generator.write import GeneratorError, Plan, write
from underwriting.settings import settings
from underwriting.store import profiles
from underwriting.store.limit_bases import bases
from underwriting.store.models import AuditRow, LimitRunRow, MessageRow, ProfileRow
from underwriting.store.session import Store

USERS = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("seed") / "h"
    plan = Plan(users=USERS, seed=1, window=Window(date(2025, 8, 31), 3), personas=0.3, chunk=200)
    assert list(write(shipped_world(), plan, place))[-1] == USERS
    return place


async def test_every_user_has_the_limit_and_the_day_of_the_raise(store: Store, folder: Path) -> None:
    assert await seed_profiles(store, folder, "sandbox", "tester") == USERS
    now = datetime.now(UTC)
    async with store.read() as work:
        for row in pq.read_table(folder / "current_limits.parquet").to_pylist():
            profile = await profiles.current(work, "sandbox", row["subject_id"], now)
            assert profile is not None
            assert (profile.version, profile.limit, profile.currency) == (1, row["amount"], "USD")
            assert [tier.amount for tier in profile.tiers] == [tier.amount for tier in TIERS]
            made = profile.created_on.date()
            assert made == row["raised_on"] if row["raised_on"] else now - profile.created_on < timedelta(minutes=5)


async def test_a_limit_run_starts_from_them(store: Store, folder: Path) -> None:
    await seed_profiles(store, folder, "sandbox", "tester")
    run = LimitRunRow(id="run", tenant="sandbox", product=Product.FLOAT, business_date=date(2025, 8, 31))
    async with store.read() as work:
        found = {
            each["subject_id"]: each
            for each in (await bases(work, run, IdRange(None, None), datetime.now(UTC), FIRST_LIMIT)).to_pylist()
        }
    for row in pq.read_table(folder / "current_limits.parquet").to_pylist():
        base = found.pop(row["subject_id"])
        assert (base["amount"], base["raised_on"], base["runs_below"]) == (row["amount"], row["raised_on"], 0)
    assert found == {}


async def test_nobody_is_told_and_the_audit_log_has_one_entry(store: Store, folder: Path) -> None:
    await seed_profiles(store, folder, "sandbox", "tester")
    async with store.read() as work:
        assert await work.scalar(select(func.count()).select_from(MessageRow)) == 0
        (entry,) = await work.scalars(select(AuditRow).where(AuditRow.action == "profiles.seeded"))
        assert (entry.actor, entry.subject) == ("tester", "sandbox")


async def test_a_store_with_profiles_is_left_alone(store: Store, folder: Path) -> None:
    await seed_profiles(store, folder, "sandbox", "tester")
    with pytest.raises(GeneratorError, match="sandbox has profiles in the store already"):
        await seed_profiles(store, folder, "sandbox", "tester")
    assert await seed_profiles(store, folder, "another", "tester") == USERS
    async with store.read() as work:
        assert await work.scalar(select(func.count()).select_from(ProfileRow)) == 2 * USERS


async def test_a_folder_without_limits_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(GeneratorError, match="is not there: give a folder that `generate` wrote"):
        await seed_profiles(store, tmp_path, "sandbox", "tester")


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_sqlite: Path) -> Iterator[Path]:
    (tmp_path / "store.db").write_bytes(migrated_sqlite.read_bytes())
    monkeypatch.setenv("UNDERWRITING_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("UNDERWRITING_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'store.db'}")
    settings.cache_clear()
    yield tmp_path
    settings.cache_clear()


@pytest.mark.usefixtures("state_dir")
def test_the_command_line_seeds_once(folder: Path) -> None:
    done = CliRunner().invoke(app, ["seed-profiles", str(folder)])
    assert done.exit_code == 0, done.output
    assert f"{USERS} profiles are in force for the users of sandbox." in done.output
    again = CliRunner().invoke(app, ["seed-profiles", str(folder)])
    assert again.exit_code == 2
    assert "has profiles in the store already" in again.stderr
