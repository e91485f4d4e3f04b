"""The first scheduled run of a new set-up: the guard lets it pass with the shipped policy, and it is applied."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.databases import sqlite_url

from rules.limits.policy import policy_for
from underwriting.cli.setup import prepare_sandbox
from underwriting.domain.application import Product
from underwriting.domain.limits import LimitRunState
from underwriting.lender import open_store
from underwriting.limit_runs.request import Request
from underwriting.limit_runs.run import recalculate
from underwriting.limit_runs.run_context import RunContext
from underwriting.local.environment import embedded_settings
from underwriting.playground.generator.sandbox_history import USERS, ensure_history
from underwriting.settings import Settings


@pytest.mark.parametrize("days", [0, 1], ids=["for the day of the set-up", "on the night after it"])
async def test_it_is_applied(config: Settings, tmp_path: Path, days: int) -> None:
    config = embedded_settings(config.model_copy(update={"database_url": sqlite_url(tmp_path / "store.db")}))
    policy = policy_for(config.limit_policy)
    date = policy.business_day.last(datetime.now(UTC))
    ensure_history(Path(config.limits_history), date - timedelta(days=days))
    await prepare_sandbox(config)
    await prepare_sandbox(config)
    request = Request(config.limits_tenant, Product.FLOAT, date, config.limits_history, policy)
    async with open_store(config) as store:
        report = await recalculate(RunContext(store, config), request)
    assert (report.state, report.totals.users, report.guard.reasons) == (LimitRunState.APPLIED, USERS, ())
    assert report.totals.raised > 0
    assert report.totals.lowered > 0
