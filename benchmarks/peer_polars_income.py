"""Recurring income for the Polars peer: pays, streams, and irregular income."""

import polars as pl

from benchmarks.peer_facts import CADENCES, DEPOSIT, IRREGULAR, TERMS
from benchmarks.peer_polars_columns import AGE, AMOUNT, FIRST, FRESH, IS_INCOME, PAYER, UNCLASSIFIED, taken


def _incoming(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Lines that may belong to a stream of income."""
    kinds = IS_INCOME | (UNCLASSIFIED & (AMOUNT > 0))
    return lines.filter(FRESH, AMOUNT != 0, TERMS.income.window_days > AGE, kinds).with_columns(PAYER.replace("", None))


def doubts(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The last deposit of an unknown payer that may belong to a stream."""
    nobodys = _incoming(lines).filter(AMOUNT >= DEPOSIT, UNCLASSIFIED | PAYER.is_null())
    return nobodys.group_by("account").agg(doubtful=AGE.min())


def parts(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Pays of named payers, with a number for each payer, and the age and the number of the pay."""
    changed = ((pl.col("account") != pl.col("account").shift()) | (PAYER.shift() != PAYER)).fill_null(value=True)
    begins = pl.col("changed") | (AGE - AGE.shift() >= TERMS.income.part_days).fill_null(value=True)
    last = pl.when("begins").then(AGE).forward_fill()
    return (
        _incoming(lines)
        .filter(~UNCLASSIFIED, PAYER.is_not_null())
        .select("account", "counterparty", "age", "amount", "first")
        .sort("account", "counterparty", "age")
        .with_columns(changed=changed)
        .with_columns(begins=begins, stream=pl.col("changed").cum_sum())
        .with_columns(pay_age=last + (AGE - last) // 7 * 7)
        .with_columns(pay=(pl.col("begins") | (pl.col("pay_age") != pl.col("pay_age").shift())).cum_sum())
        .select("account", "stream", "pay", "pay_age", "age", "amount", "first")
    )


def _payers(parts: pl.LazyFrame) -> pl.LazyFrame:
    """The payers, with the ages and amounts of their latest six pays, latest first."""
    return (
        parts.group_by("pay", maintain_order=True)
        .agg(pl.col("account", "stream", "pay_age").first(), AMOUNT.sum())
        .filter(AMOUNT >= DEPOSIT)
        .group_by("stream", maintain_order=True)
        .agg(pl.col("account").first(), ages=pl.col("pay_age").head(6), amounts=AMOUNT.head(6))
    )


def _rhythmic(payers: pl.LazyFrame) -> pl.LazyFrame:
    """Figures of each payer's regular pays, up to the first gap that ends the stream."""
    gaps, amounts, longest, deposits = (pl.col(name) for name in ("gaps", "amounts", "longest", "recurring_deposits"))
    inside = [(high, gaps.list.filter(pl.element().is_between(low, high))) for low, high in CADENCES]
    of_cadence = [(high, same, 2 * same.list.len() > gaps.list.len()) for high, same in inside]
    limit = TERMS.income.max_periods * longest
    ended = (pl.when(gaps.list.get(place, null_on_oob=True) > limit).then(place + 1) for place in range(5))
    return (
        payers.with_columns(gaps=pl.col("ages").list.diff().list.slice(1))
        .with_columns(
            longest=pl.coalesce(pl.when(most).then(pl.lit(high)) for high, _, most in of_cadence),
            regular=pl.coalesce(pl.when(most).then(same) for _, same, most in of_cadence),
        )
        .filter(longest.is_not_null())
        .with_columns(recurring_deposits=pl.coalesce(*ended, pl.col("ages").list.len()))
        .with_columns(amounts.list.head(deposits))
        .select(
            "account",
            "stream",
            "recurring_deposits",
            "amounts",
            pay_period_days=pl.col("regular").list.median().floor().cast(pl.Int32),
            days_since=pl.col("ages").list.first(),
        )
    )


def _windows(parts: pl.LazyFrame) -> pl.LazyFrame:
    """Income by windows of days back from the date; only windows with at least the minimum deposit."""
    return (
        parts.with_columns(window=AGE // IRREGULAR.window_days)
        .group_by("account", "window")
        .agg(AMOUNT.sum(), latest=AGE.min(), days=AGE.n_unique(), first=pl.col("first").first())
        .filter(AMOUNT >= DEPOSIT)
        .sort("account", "window")
    )


def _irregular(parts: pl.LazyFrame) -> pl.LazyFrame:
    """Streams of consecutive windows that the feed covers, up to the latest."""
    window = pl.col("window")
    return (
        _windows(parts)
        .filter((window + 1) * IRREGULAR.window_days - 1 <= FIRST)
        .filter(pl.int_range(pl.len()).over("account") == window)
        .group_by("account", maintain_order=True)
        .agg(deposits=pl.len(), amounts=AMOUNT.head(6), days_since=pl.col("latest").min().cast(pl.Int32))
        .filter(pl.col("deposits") >= IRREGULAR.min_windows)
        .select(
            "account",
            pl.lit(0, pl.get_index_type()).alias("stream"),
            pl.col("deposits").clip(upper_bound=6).alias("recurring_deposits"),
            "amounts",
            pl.lit(IRREGULAR.window_days, pl.Int32).alias("pay_period_days"),
            "days_since",
        )
    )


def main_streams(parts: pl.LazyFrame) -> pl.LazyFrame:
    """The main stream of each account, with the number of its streams."""
    rate = pl.col("recurring_deposit_amount") / pl.col("pay_period_days")
    amounts, deposits = pl.col("amounts"), pl.col("recurring_deposits")
    rhythmic = taken(_rhythmic(_payers(parts)))
    in_time = pl.col("days_since") <= TERMS.income.max_periods * pl.col("pay_period_days")
    running = rhythmic.filter(deposits > 1, in_time)
    rest = parts.join(rhythmic, on="stream", how="anti").join(running, on="account", how="anti")
    return (
        pl.concat([running, _irregular(rest)], how="vertical_relaxed")
        .with_columns(
            recurring_deposit_amount=amounts.list.sort().list.get((deposits - 1) // 4),
            recurring_income_cv=amounts.list.std() / amounts.list.mean(),
        )
        .sort("account", -rate, "days_since", "stream")
        .group_by("account", maintain_order=True)
        .agg(pl.all().first(), income_streams=pl.len())
    )


def irregular_days(parts: pl.LazyFrame, main: pl.LazyFrame) -> pl.LazyFrame:
    """The number of the last 90 days with irregular income, for accounts without a stream."""
    rest = parts.join(_rhythmic(_payers(parts)), on="stream", how="anti").join(main, on="account", how="anti")
    lately = _windows(rest).filter(pl.col("window") * IRREGULAR.window_days < 90)
    return lately.group_by("account").agg(irregular_days=pl.col("days").sum())
