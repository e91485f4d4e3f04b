"""Facts about transactions as a practised hand writes them in pandas and in Polars, from the same Parquet files.

Those that need a window, a balance of each day or a count; the streams of recurring income are left out, which spares
the peers the most laborious part. Each is checked against our SQL on a sample.
"""

import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from benchmarks.limits_rig import fact_database
from rules.facts import facts_sql
from underwriting.domain.histories import ESSENTIAL, INCOME

AS_OF = date(2025, 8, 31)
SAMPLE = 2_000
AGREED = (
    "history_days", "days_since_transaction", "transactions_per_month", "essential_transactions",
    "competitor_advances_30d", "competitor_advances_60d", "competitor_advances_90d", "competitor_repayments_30d",
    "competitor_repayments_60d", "competitor_repayments_90d", "competitor_borrowed_90d", "competitor_repaid_90d",
    "income_90d", "overdraft_fees_30d", "returned_debits_30d", "returned_debits_60d", "returned_debits_90d",
    "negative_days_30d", "overdraft_days_60d", "healthy_days_60d", "current_balance", "average_balance",
)  # fmt: skip
_FEEDS = ["subject_id", "currency", "covered_from", "opening_balance", "refreshed_at"]
_LINES = ["subject_id", "booked_on", "amount", "category"]
# The name of a fact, its window, the sign, the category, and whether it is a sum.
_WINDOWS = [
    *((f"competitor_advances_{days}d", days, 1, "advance", False) for days in (30, 60, 90)),
    *((f"competitor_repayments_{days}d", days, -1, "advance", False) for days in (30, 60, 90)),
    ("competitor_borrowed_90d", 90, 1, "advance", True),
    ("competitor_repaid_90d", 90, -1, "advance", True),
    ("overdraft_fees_30d", 30, -1, "overdraft_fee", False),
    *((f"returned_debits_{days}d", days, 1, "returned", False) for days in (30, 60, 90)),
]


def in_pandas(history: str, users: int) -> dict[str, Any]:
    """Seconds for the facts of the first users, and whether they agree with ours on the sample."""
    return _timed(_pandas_facts, history, users)


def in_polars(history: str, users: int) -> dict[str, Any]:
    """The same in Polars, lazily, on all cores."""
    return _timed(_polars_facts, history, users)


def _timed(facts: Callable[[str, int], pd.DataFrame], history: str, users: int) -> dict[str, Any]:
    began = time.perf_counter()
    found = facts(history, users)
    taken = time.perf_counter() - began
    return {"seconds": taken, "agree": _agrees(found, history, min(users, SAMPLE)), "users": len(found)}


def _agrees(found: pd.DataFrame, history: str, users: int) -> bool:
    with fact_database(history, users) as connection:
        ours = (
            connection.execute(f"SELECT subject_id, {', '.join(AGREED)} FROM ({facts_sql('transactions')}) ORDER BY 1")
            .df()
            .set_index("subject_id")
        )
    theirs = found.loc[ours.index, list(AGREED)]
    different = [
        name
        for name in AGREED
        if not np.allclose(
            pd.to_numeric(ours[name]).to_numpy(float, na_value=np.nan),
            pd.to_numeric(theirs[name]).to_numpy(float, na_value=np.nan),
            equal_nan=True,
        )
    ]
    if different:
        print(f"differ: {different}")
    return not different


def _pandas_facts(history: str, users: int) -> pd.DataFrame:
    limit = [("subject_id", "<", f"u{users:09}")]
    feeds = pd.read_parquet(f"{history}/feeds", columns=_FEEDS, filters=limit)
    feeds = feeds[feeds["currency"].eq("USD")].set_index("subject_id")
    as_of = pd.Timestamp(AS_OF)
    feeds["covered_from"] = pd.to_datetime(feeds["covered_from"])
    feeds["covered_to"] = feeds["refreshed_at"].dt.normalize().clip(upper=as_of)
    feeds = feeds[(feeds["covered_from"] <= as_of) & (feeds["covered_from"] <= feeds["refreshed_at"].dt.normalize())]
    lines = pd.read_parquet(f"{history}/transactions", columns=_LINES, filters=limit)
    lines["booked_on"] = pd.to_datetime(lines["booked_on"])
    lines = lines.merge(feeds[["covered_from", "covered_to"]], left_on="subject_id", right_index=True)
    lines = lines[lines["booked_on"].between(lines["covered_from"], lines["covered_to"])]
    lines["age"] = (as_of - lines["booked_on"]).dt.days
    facts = pd.DataFrame(index=feeds.index)
    fresh = feeds["covered_to"] >= as_of - pd.Timedelta(days=3)
    known = {days: fresh & (feeds["covered_from"] <= as_of - pd.Timedelta(days=days - 1)) for days in (30, 60, 90)}

    def counted(rows: pd.DataFrame, days: int) -> "pd.Series[Any]":
        return rows.groupby("subject_id").size().reindex(facts.index).fillna(0).where(known[days])

    ages = lines.groupby("subject_id")["age"]
    facts["history_days"] = ages.max().reindex(facts.index).fillna(0)
    facts["days_since_transaction"] = ages.min().reindex(facts.index)
    recent = lines[lines["age"] < 90]
    facts["transactions_per_month"] = counted(recent, 90) / 3
    essential = recent["category"].isin(ESSENTIAL) & (recent["amount"] < 0) & (recent["age"] < 30)
    facts["essential_transactions"] = counted(recent[essential], 30)
    income = recent[recent["category"].isin(INCOME)].groupby("subject_id")["amount"].sum()
    facts["income_90d"] = income.reindex(facts.index).fillna(0).where(known[90])
    vague = {sign: lines[lines["category"].isna() & (lines["amount"] * sign > 0)] for sign in (1, -1)}
    nameless = {sign: rows.groupby("subject_id")["age"].min().reindex(facts.index) for sign, rows in vague.items()}
    for name, days, sign, category, total in _WINDOWS:
        rows = recent[(recent["age"] < days) & (recent["amount"] * sign > 0) & recent["category"].eq(category)]
        if total:
            sums = rows.groupby("subject_id")["amount"].sum() * sign
            facts[name] = sums.reindex(facts.index).fillna(0).where(known[days])
            continue
        facts[name] = counted(rows, days)
        if category != "advance":
            facts[name] = facts[name].where(nameless[sign].isna() | (nameless[sign] >= days))
    booked = lines.groupby("subject_id")["amount"].sum().reindex(facts.index).fillna(0)
    facts["current_balance"] = (feeds["opening_balance"] + booked).where(fresh)
    return _pandas_balances(facts, feeds, lines, fresh, known)


def _pandas_balances(
    facts: pd.DataFrame,
    feeds: pd.DataFrame,
    lines: pd.DataFrame,
    fresh: "pd.Series[bool]",
    known: dict[int, "pd.Series[bool]"],
) -> pd.DataFrame:
    """The balance at the end of each of the last 60 days, as a table of users and days."""
    place = facts.index.get_indexer(pd.Index(lines["subject_id"]))
    column = np.clip(60 - lines["age"].to_numpy(), 0, 60)
    daily = np.bincount(place * 61 + column, lines["amount"], len(facts) * 61).reshape(-1, 61)
    balance = np.cumsum(daily, axis=1)[:, 1:] + feeds["opening_balance"].to_numpy()[:, None]
    day = pd.Timestamp(AS_OF) - pd.to_timedelta(np.arange(59, -1, -1), "D")
    covered = day.to_numpy()[None, :] >= feeds["covered_from"].to_numpy()[:, None]
    last = np.where(fresh.to_numpy(), np.datetime64(AS_OF), feeds["covered_to"].to_numpy().astype("datetime64[D]"))
    covered &= day.to_numpy().astype("datetime64[D]")[None, :] <= last[:, None]
    negative = covered & (balance < 0)
    facts["negative_days_30d"] = pd.Series(negative[:, 30:].sum(1), facts.index).where(known[30])
    facts["overdraft_days_60d"] = pd.Series(negative.sum(1), facts.index).where(known[60])
    facts["healthy_days_60d"] = pd.Series((covered & (balance >= 5_000)).sum(1), facts.index).where(known[60])
    days = covered.sum(1)
    mean = np.floor_divide((balance * covered).sum(1), np.maximum(days, 1))
    facts["average_balance"] = pd.Series(mean, facts.index).where(days > 0)
    return facts


def _polars_facts(history: str, users: int) -> pd.DataFrame:
    limit = pl.col("subject_id") < f"u{users:09}"
    as_of = pl.lit(AS_OF)
    refreshed = pl.col("refreshed_at").dt.date()
    feeds = (
        pl.scan_parquet(f"{history}/feeds/*.parquet")
        .select(_FEEDS)
        .filter(limit, pl.col("currency") == "USD", pl.col("covered_from") <= AS_OF)
        .filter(pl.col("covered_from") <= refreshed)
        .with_columns(covered_to=pl.min_horizontal(refreshed, as_of))
        .with_columns(fresh=pl.col("covered_to") >= AS_OF - timedelta(days=3))
    )
    lines = (
        pl.scan_parquet(f"{history}/transactions/*.parquet")
        .select(_LINES)
        .filter(limit)
        .join(feeds.select("subject_id", "covered_from", "covered_to", "fresh"), on="subject_id")
        .filter(pl.col("booked_on").is_between("covered_from", "covered_to"))
        .with_columns(age=(as_of - pl.col("booked_on")).dt.total_days())
    )
    age, amount, category = pl.col("age"), pl.col("amount"), pl.col("category")
    windows = []
    for name, days, sign, wanted, total in _WINDOWS:
        chosen = (age < days) & (amount * sign > 0) & (category == wanted)
        windows.append(((amount * sign).filter(chosen).sum() if total else chosen.sum()).alias(name))
    totals = lines.group_by("subject_id").agg(
        age.max().alias("history_days"),
        age.min().alias("days_since_transaction"),
        ((age < 90).sum() / 3).alias("transactions_per_month"),
        ((age < 30) & (amount < 0) & category.is_in(sorted(ESSENTIAL))).sum().alias("essential_transactions"),
        amount.filter((age < 90) & category.is_in(sorted(INCOME))).sum().alias("income_90d"),
        amount.sum().alias("booked"),
        age.filter(category.is_null() & (amount > 0)).min().alias("vague_in"),
        age.filter(category.is_null() & (amount < 0)).min().alias("vague_out"),
        *windows,
    )
    facts = (
        feeds.join(totals, on="subject_id", how="left")
        .join(_polars_balances(feeds, lines), on="subject_id", how="left")
        .with_columns(*_polars_known())
        .with_columns(
            history_days=pl.col("history_days").fill_null(0),
            current_balance=pl.when("fresh").then(pl.col("opening_balance") + pl.col("booked").fill_null(0)),
        )
    )
    frame = facts.select("subject_id", *AGREED).collect()
    return frame.to_pandas().set_index("subject_id")


def _polars_known() -> list[pl.Expr]:
    """Each windowed fact where its window is known, 0 where nothing was booked."""
    known = {
        days: pl.col("fresh") & (pl.col("covered_from") <= AS_OF - timedelta(days=days - 1)) for days in (30, 60, 90)
    }
    plain = {
        "transactions_per_month": 90, "essential_transactions": 30, "income_90d": 90,
        "negative_days_30d": 30, "overdraft_days_60d": 60, "healthy_days_60d": 60,
    }  # fmt: skip
    found = [pl.when(known[days]).then(pl.col(name).fill_null(0)).alias(name) for name, days in plain.items()]
    for name, days, sign, category, _ in _WINDOWS:
        told = known[days]
        if category != "advance":
            vague = pl.col("vague_in" if sign > 0 else "vague_out")
            told = told & (vague.is_null() | (vague >= days))
        found.append(pl.when(told).then(pl.col(name).fill_null(0)).alias(name))
    return found


def _polars_balances(feeds: pl.LazyFrame, lines: pl.LazyFrame) -> pl.LazyFrame:
    """A balance stands from its day to the next one that has an entry."""
    start = pl.max_horizontal("covered_from", pl.lit(AS_OF - timedelta(days=59)))
    last = pl.when("fresh").then(pl.lit(AS_OF)).otherwise(pl.col("covered_to"))
    feeds = feeds.with_columns(start=start, last=last)
    daily = (
        lines.join(feeds.select("subject_id", "start"), on="subject_id")
        .group_by("subject_id", day=pl.max_horizontal("booked_on", pl.col("start") - timedelta(days=1)))
        .agg(pl.col("amount").sum())
    )
    opening = feeds.select("subject_id", day=pl.col("start") - timedelta(days=1), amount=pl.col("opening_balance"))
    entries = (
        pl.concat([daily, opening])
        .group_by("subject_id", "day")
        .agg(pl.col("amount").sum())
        .sort("subject_id", "day")
        .with_columns(
            balance=pl.col("amount").cum_sum().over("subject_id"),
            following=pl.col("day").shift(-1).over("subject_id"),
        )
        .join(feeds.select("subject_id", "start", "last"), on="subject_id")
        .with_columns(
            until=pl.coalesce("following", pl.col("last") + timedelta(days=1)),
            since=pl.max_horizontal("day", "start"),
        )
        .with_columns(days=(pl.col("until") - pl.col("since")).dt.total_days().clip(lower_bound=0))
    )
    month = pl.max_horizontal("since", pl.lit(AS_OF - timedelta(days=29)))
    lately = (pl.col("until") - month).dt.total_days().clip(lower_bound=0)
    balance, days = pl.col("balance"), pl.col("days")
    return entries.group_by("subject_id").agg(
        lately.filter(balance < 0).sum().alias("negative_days_30d"),
        days.filter(balance < 0).sum().alias("overdraft_days_60d"),
        days.filter(balance >= 5_000).sum().alias("healthy_days_60d"),
        ((balance * days).sum() // days.sum()).alias("average_balance"),
    )
