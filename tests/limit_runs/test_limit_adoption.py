"""Limits that are taken over: all of a file or none, as they are, and only of users who are new."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import func, select

from rules.limits.tiers import CURRENCY, FIRST_LIMIT, TIERS
from underwriting.domain.application import Product
from underwriting.domain.limits import IdRange
from underwriting.limit_runs.adoption import AdoptionError, limits_in
from underwriting.store import profiles
from underwriting.store.limits.bases import bases
from underwriting.store.limits.profiles import adopt
from underwriting.store.models import AuditRow, LimitRunRow, MessageRow, ProfileRow
from underwriting.store.session import Store

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TODAY = NOW.date()
GOOD: dict[str, Any] = {"subject_id": "ada", "amount": 3_000, "raised_on": date(2026, 1, 15)}

Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    def write(*rows: dict[str, Any]) -> Path:
        pq.write_table(pa.Table.from_pylist(list(rows)), tmp_path / "limits.parquet")
        return tmp_path / "limits.parquet"

    return write


def read(file: Path) -> list[tuple[str, int, datetime]]:
    return limits_in(file, CURRENCY, TIERS, NOW)


def test_a_limit_is_of_the_day_of_its_last_raise_or_of_now(written: Written) -> None:
    never = GOOD | {"subject_id": "bob", "raised_on": None}
    raised = datetime(2026, 1, 15, tzinfo=UTC)
    assert read(written(GOOD, never)) == [("ada", 3_000, raised), ("bob", 3_000, NOW)]


@pytest.mark.parametrize("amount", [0, *(tier.amount for tier in TIERS)])
def test_no_limit_and_every_tiers_amount_can_be_taken_over(written: Written, amount: int) -> None:
    assert read(written(GOOD | {"amount": amount}))[0][1] == amount


def test_a_raise_of_today_has_been(written: Written) -> None:
    assert read(written(GOOD | {"raised_on": TODAY}))


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (GOOD | {"subject_id": "eve", "amount": None}, "row 1 .from 0.: amount: empty; write a whole number"),
        (GOOD | {"subject_id": "eve", "amount": -1}, "row 1 .from 0.: amount: -1 is too low; write 0 or more"),
        (GOOD | {"subject_id": "eve", "amount": 2_999}, "2999 is no tier's amount; give one of 0, 1000, 2000, 3000"),
        (GOOD | {"subject_id": "eve", "amount": 3_001}, "3001 is no tier's amount"),
        (GOOD | {"subject_id": None}, "row 1 .from 0.: subject_id: write text"),
        (
            GOOD | {"subject_id": "a b"},
            "row 1 .from 0.: subject_id: a b is not possible here; write an id",
        ),
        (GOOD, "row 0 .from 0.: ada appears 2 times; keep one row"),
        (GOOD | {"subject_id": "eve", "raised_on": TODAY + timedelta(days=1)}, "raised on 2026-03-03, which is still"),
        (GOOD | {"subject_id": "eve", "currency": "GBP"}, "the limit is in GBP; limits are in USD here"),
    ],
    ids=str,
)
def test_one_bad_row_is_named_and_nothing_is_taken_over(written: Written, row: dict[str, Any], why: str) -> None:
    with pytest.raises(AdoptionError, match=f"limits.parquet, .*{why}.*nothing was taken over"):
        read(written(GOOD | {"currency": None}, row) if "currency" in row else written(GOOD, row))


def test_days_that_are_numbers_are_not_guessed_at(written: Written) -> None:
    with pytest.raises(AdoptionError, match="raised_on: 20000 is not a day; write one such as"):
        read(written(GOOD | {"raised_on": 20_000}))


def test_a_column_that_is_missing_is_named(written: Written) -> None:
    with pytest.raises(AdoptionError, match="amount: missing; it has to be there"):
        read(written({"subject_id": "ada", "raised_on": None}))


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "cannot be read: "), (b"subject_id,amount\n", "is no Parquet file")],
    ids=["missing", "csv"],
)
def test_what_is_no_parquet_file_is_refused_in_a_sentence(tmp_path: Path, content: bytes | None, why: str) -> None:
    file = tmp_path / "limits.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(AdoptionError, match=rf"limits\.csv {why}"):
        read(file)


async def taken_over(store: Store, file: Path, tenant: str = "sandbox") -> int:
    async with store.begin() as work:
        return await adopt(work, tenant, read(file), CURRENCY, TIERS, "tester")


async def test_everybody_has_the_limit_and_a_limit_run_starts_from_it(store: Store, history: Path) -> None:
    file = history / "current_limits.parquet"
    rows = pq.read_table(file).to_pylist()
    assert await taken_over(store, file) == len(rows)
    run = LimitRunRow(id="run", tenant="sandbox", product=Product.FLOAT, business_date=TODAY, judged_at=NOW)
    async with store.read() as work:
        found = {
            base["subject_id"]: base
            for base in (await bases(work, run, IdRange(None, None), NOW, FIRST_LIMIT)).to_pylist()
        }
        assert found.keys() == {row["subject_id"] for row in rows}
        for row in rows:
            base, profile = found[row["subject_id"]], await profiles.current(work, "sandbox", row["subject_id"], NOW)
            assert profile is not None
            assert (profile.version, profile.limit, profile.currency) == (1, row["amount"], "USD")
            assert [tier.amount for tier in profile.tiers] == [tier.amount for tier in TIERS]
            # Whoever has more than the first limit was raised, if nobody knows when then today.
            raised_on = row["raised_on"] or (TODAY if row["amount"] > FIRST_LIMIT else None)
            assert (base["amount"], base["raised_on"], base["runs_below"]) == (row["amount"], raised_on, 0)


async def test_nobody_is_told_and_the_audit_log_has_one_entry(store: Store, written: Written) -> None:
    await taken_over(store, written(GOOD))
    async with store.read() as work:
        assert await work.scalar(select(func.count()).select_from(MessageRow)) == 0
        (entry,) = await work.scalars(select(AuditRow).where(AuditRow.action == "profiles.adopted"))
        assert (entry.actor, entry.subject) == ("tester", "sandbox")


async def test_users_who_have_a_profile_keep_it(store: Store, written: Written) -> None:
    assert await taken_over(store, written(GOOD)) == 1
    assert await taken_over(store, written(GOOD | {"amount": 10_000}, GOOD | {"subject_id": "bob"})) == 1
    assert await taken_over(store, written(GOOD), "another") == 1
    async with store.read() as work:
        limits = await work.execute(select(ProfileRow.tenant, ProfileRow.user_id, ProfileRow.amount))
        assert set(limits.tuples()) == {
            ("sandbox", "ada", 3_000),
            ("sandbox", "bob", 3_000),
            ("another", "ada", 3_000),
        }
