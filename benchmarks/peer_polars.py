"""The facts about transactions in Polars: lazy plans, read and reckoned on all cores."""

import polars as pl

from benchmarks.peer_facts import (
    AS_OF,
    CADENCES,
    COUNTS,
    CYCLE,
    DEPOSIT,
    FACTS,
    FEEDS,
    HEALTHY,
    JUDGED_AT,
    LINES,
    ONE_PAY,
    SPENDING,
)
from rules.tiers import CURRENCY
from underwriting.domain.histories import ESSENTIAL, INCOME, Category

KIND = pl.Enum(Category)
AGE, AMOUNT, KIND_OF, PAYER = pl.col("age"), pl.col("amount"), pl.col("category"), pl.col("counterparty")
IS_INCOME, IS_ESSENTIAL, IS_SPENDING = (KIND_OF.is_in(sorted(kinds)) for kinds in (INCOME, ESSENTIAL, SPENDING))
UNCLASSIFIED = KIND_OF.is_null()
FRESH, FIRST, LAST = pl.col("fresh"), pl.col("first"), pl.col("last")


def facts(history: str, users: int) -> pl.DataFrame:
    """Every fact of the query about the first users."""
    accounts = _taken(_accounts(history, users))
    lines = _taken(_lines(history, users, accounts))
    totals, main = _taken(_totals(lines)), _taken(_main_streams(lines))
    together = accounts
    for part in (
        totals,
        _daily_life(lines),
        _telling(lines),
        _balances(accounts, lines, totals),
        _doubts(lines),
        main,
        _cycles(lines, main),
    ):
        together = together.join(part, on="account", how="left")
    return (
        together.with_columns(**_known())
        .with_columns(**_recurring())
        .select("subject_id", *FACTS)
        .collect(engine="streaming")
    )


def _taken(plan: pl.LazyFrame) -> pl.LazyFrame:
    """What several parts build on, reckoned once."""
    return plan.collect(engine="streaming").lazy()


def _accounts(history: str, users: int) -> pl.LazyFrame:
    refreshed, moment = pl.col("refreshed_at").dt.date(), JUDGED_AT.replace(tzinfo=None)
    late = pl.lit(moment) - pl.col("refreshed_at")
    return (
        pl.scan_parquet(f"{history}/feeds/*.parquet")
        .select(FEEDS)
        .filter(pl.col("subject_id") < f"u{users:09}", pl.col("currency") == CURRENCY)
        .filter(pl.col("covered_from") <= AS_OF, pl.col("covered_from") <= refreshed)
        .with_row_index("account")
        .with_columns(
            # Ages in days of the first and of the last day covered.
            first=_age(pl.col("covered_from")),
            last=_age(refreshed).clip(lower_bound=0),
            holds=pl.when((refreshed <= AS_OF) | (pl.col("refreshed_at") <= moment)).then("holds"),
            feed_age_hours=late.dt.total_microseconds().clip(lower_bound=0) / 3.6e9,
        )
        .with_columns(fresh=LAST <= 3)
        # The age of the last day whose balance is taken as known.
        .with_columns(last_known=pl.when(FRESH).then(0).otherwise(LAST))
    )


def _age(day: pl.Expr) -> pl.Expr:
    return (pl.lit(AS_OF) - day).dt.total_days().cast(pl.Int32)


def _lines(history: str, users: int, accounts: pl.LazyFrame) -> pl.LazyFrame:
    """What was booked on the days covered, with a number for the account."""
    return (
        pl.scan_parquet(f"{history}/transactions/*.parquet")
        .select(LINES)
        .filter(pl.col("subject_id") < f"u{users:09}")
        .join(accounts.select("subject_id", "account", "first", "last", "fresh"), on="subject_id")
        .select(
            "account",
            "amount",
            "first",
            "last",
            "fresh",
            "counterparty",
            KIND_OF.cast(KIND, strict=False),
            age=_age(pl.col("booked_on")),
        )
        .filter(AGE.is_between("last", "first"))
        .drop("last", "first")
    )


def _totals(lines: pl.LazyFrame) -> pl.LazyFrame:
    return lines.group_by("account").agg(
        history_days=AGE.max(),
        days_since_transaction=AGE.min(),
        booked=AMOUNT.sum(),
        booked_before=AMOUNT.filter(AGE >= 60).sum(),
    )


def _daily_life(lines: pl.LazyFrame) -> pl.LazyFrame:
    out, refund = AMOUNT < 0, KIND_OF == Category.REFUND
    return (
        lines.filter(AGE < 90)
        .group_by("account")
        .agg(
            transactions_per_month=pl.len() / 3,
            essential_transactions=((AGE < 30) & out & IS_ESSENTIAL).sum(),
            essential_90d=AMOUNT.filter((AMOUNT < 0) & (UNCLASSIFIED | IS_ESSENTIAL)).sum(),
            income_90d=AMOUNT.filter(IS_INCOME).sum(),
            transfers=-AMOUNT.filter(out & (KIND_OF == Category.TRANSFER)).sum(),
            spending=-AMOUNT.filter((out & (UNCLASSIFIED | IS_SPENDING)) | refund).sum(),
        )
    )


def _telling(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The many figures of the few lines that tell of trouble."""
    advance = KIND_OF == Category.ADVANCE
    kinds = sorted({kind for _, _, kind, _ in COUNTS.values()})
    telling = lines.filter(AGE < 90, UNCLASSIFIED | KIND_OF.is_in(kinds))
    counts = {
        name: (AGE.lt(days) & (AMOUNT * sign > 0) & KIND_OF.eq(kind)).sum()
        for name, (days, sign, kind, _) in COUNTS.items()
    }
    return telling.group_by("account").agg(
        **counts,
        competitor_borrowed_90d=AMOUNT.filter(advance & (AMOUNT > 0)).sum(),
        competitor_repaid_90d=-AMOUNT.filter(advance & (AMOUNT < 0)).sum(),
        competitor_advances_due=AMOUNT.filter(advance & (AGE < 35)).sum().clip(lower_bound=0),
        unclassified_in=AGE.filter(UNCLASSIFIED & (AMOUNT > 0)).min(),
        unclassified_out=AGE.filter(UNCLASSIFIED & (AMOUNT < 0)).min(),
    )


def _balances(accounts: pl.LazyFrame, lines: pl.LazyFrame, totals: pl.LazyFrame) -> pl.LazyFrame:
    """A balance stands until the day of the next entry; before the last 60 days there is one of what was there."""
    before = pl.col("opening_balance") + pl.col("booked_before").fill_null(0)
    opening = accounts.join(totals, on="account", how="left").select("account", age=pl.lit(60, pl.Int32), amount=before)
    entries = pl.concat([opening, lines.filter(AGE < 60).select("account", "age", "amount")])
    next_age, until_then = AGE.shift(-1), AMOUNT.cum_sum()
    days, balance = pl.col("since") - pl.col("until"), pl.col("balance")
    lately = (pl.min_horizontal("since", 29) - pl.col("until")).clip(lower_bound=0)
    return (
        # One number sorts faster than two, and sums over the whole column faster than over each account: that of the
        # accounts before is deducted.
        entries.sort(pl.col("account").cast(pl.Int64) * 61 + 60 - AGE)
        .with_columns(
            balance=until_then - pl.when(AGE == 60).then(until_then - AMOUNT).forward_fill(),
            next_age=pl.when(next_age != 60).then(next_age),
        )
        .join(accounts.select("account", "first", "last_known"), on="account")
        .with_columns(since=pl.min_horizontal("age", "first", 59))
        .with_columns(until=pl.min_horizontal(pl.coalesce("next_age", pl.col("last_known") - 1), "since"))
        .group_by("account")
        .agg(
            negative_days_30d=lately.filter(balance < 0).sum(),
            overdraft_days_60d=days.filter(balance < 0).sum(),
            healthy_days_60d=days.filter(balance >= HEALTHY).sum(),
            balance_days_60d=days.sum(),
            average_balance=(balance * days).sum() // days.sum(),
        )
    )


def _incoming(lines: pl.LazyFrame) -> pl.LazyFrame:
    """What may be part of a stream of income."""
    return lines.filter(FRESH, AMOUNT > 0, AGE < 300, UNCLASSIFIED | IS_INCOME).with_columns(PAYER.replace("", None))


def _doubts(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The last deposit that may belong to a stream, though nobody knows whose."""
    nobodys = _incoming(lines).filter(AMOUNT >= DEPOSIT, UNCLASSIFIED | PAYER.is_null())
    return nobodys.group_by("account").agg(doubtful=AGE.min())


def _payers(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Who paid more than once: the ages of the latest six deposits, the latest first, and what was paid."""
    payer = ["account", "counterparty"]
    place = (pl.col("account").cast(pl.Int64) * 2**32 + PAYER.to_physical()) * 512 + AGE
    return (
        _incoming(lines)
        .filter(~UNCLASSIFIED, PAYER.is_not_null())
        .with_columns(PAYER.cast(pl.Categorical))
        .group_by(*payer, "age")
        .agg(AMOUNT.sum())
        .filter(AMOUNT >= DEPOSIT)
        .sort(place)
        .group_by(*payer, maintain_order=True)
        .agg(ages=AGE.head(6), amounts=AMOUNT.head(6))
        .filter(pl.col("ages").list.len() > 1)
    )


def _streams(payers: pl.LazyFrame) -> pl.LazyFrame:
    """What each payer's deposits come to, up to the first gap that ends the stream."""
    gaps, amounts, longest, deposits = (pl.col(name) for name in ("gaps", "amounts", "longest", "recurring_deposits"))
    cycles = gaps.list.filter(pl.element() >= ONE_PAY)
    cadences = [(high, gaps.list.filter(pl.element().is_between(low, high))) for low, high in CADENCES]
    ended = (pl.when(gaps.list.get(place, null_on_oob=True) > 2 * longest).then(place + 1) for place in range(5))
    return (
        payers.with_columns(gaps=pl.col("ages").list.diff().list.slice(1))
        .with_columns(
            longest=pl.coalesce(
                pl.when(2 * same.list.len() > cycles.list.len()).then(pl.lit(high)) for high, same in cadences
            )
        )
        .filter(longest.is_not_null())
        .with_columns(recurring_deposits=pl.coalesce(*ended, pl.col("ages").list.len()))
        .with_columns(amounts.list.head(deposits), gaps.list.head(deposits - 1))
        .select(
            "account",
            "counterparty",
            "recurring_deposits",
            recurring_deposit_amount=amounts.list.sort().list.get((deposits - 1) // 4),
            recurring_income_cv=amounts.list.std() / amounts.list.mean(),
            pay_period_days=cycles.list.median().floor().cast(pl.Int32),
            days_since=pl.col("ages").list.first(),
        )
    )


def _main_streams(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The main stream of each account that has one, with how many run."""
    rate = pl.col("recurring_deposit_amount") / pl.col("pay_period_days")
    return (
        _streams(_payers(lines))
        .filter(pl.col("days_since") <= 2 * pl.col("pay_period_days"))
        .sort("account", -rate, "days_since", "counterparty")
        .group_by("account", maintain_order=True)
        .agg(pl.all().first(), income_streams=pl.len())
    )


def _cycles(lines: pl.LazyFrame, main: pl.LazyFrame) -> pl.LazyFrame:
    """What was booked since each day of the last pay cycle."""
    days_since = (pl.col("pay_period_days").fill_null(CYCLE) - 1 - AGE).clip(lower_bound=0)
    return (
        lines.join(main.select("account", "pay_period_days"), on="account", how="left")
        .group_by("account")
        .agg(booked_since=(AMOUNT * days_since).sum())
    )


def _knows(days: int) -> pl.Expr:
    return FRESH & FIRST.ge(days - 1)


def _none_within(days: int | pl.Expr, latest: str) -> pl.Expr:
    return pl.col(latest).is_null() | (pl.col(latest) >= days)


def _known() -> dict[str, pl.Expr]:
    """Each figure where it is known, 0 where nothing was booked."""
    windows = {
        "transactions_per_month": _knows(90), "essential_transactions": _knows(30), "income_90d": _knows(90),
        "competitor_borrowed_90d": _knows(90), "competitor_repaid_90d": _knows(90),
        "competitor_advances_due": _knows(35) & _none_within(35, "unclassified_in"),
        "negative_days_30d": _knows(30), "overdraft_days_60d": _knows(60), "healthy_days_60d": _knows(60),
    }  # fmt: skip
    for name, (days, sign, _, doubted) in COUNTS.items():
        vague = _none_within(days, "unclassified_in" if sign > 0 else "unclassified_out")
        windows[name] = _knows(days) & vague if doubted else _knows(days)
    balance = pl.when(FRESH).then(pl.col("opening_balance") + pl.col("booked").fill_null(0))
    income = pl.when(pl.col("income_90d") > 0).then("income_90d")
    transfers = pl.when(_knows(90), _none_within(90, "unclassified_out")).then("transfers")
    return {
        **{name: pl.when(known).then(pl.col(name).fill_null(0)) for name, known in windows.items()},
        "history_days": pl.col("history_days").fill_null(0),
        "days_since_transaction": pl.when(FRESH).then("days_since_transaction"),
        "current_balance": balance,
        "available_balance": balance - pl.col("holds"),
        "monthly_income": pl.when(_knows(90)).then(pl.col("income_90d").fill_null(0) // 3),
        "transfer_ratio": transfers / income,
        "spend_to_income": pl.when(_knows(90)).then("spending") / income,
    }


def _recurring() -> dict[str, pl.Expr]:
    days = pl.min_horizontal(FIRST, 89) - LAST + 1
    essential = pl.col("essential_90d").fill_null(0) * pl.col("pay_period_days")
    none = pl.when(_knows(90), pl.col("doubtful").is_null()).then(0)
    cycle = pl.col("pay_period_days").fill_null(CYCLE)
    balance = pl.col("current_balance") * cycle - pl.col("booked_since").fill_null(0) - pl.col("holds")
    told = (pl.col("days_since") <= pl.col("pay_period_days")) | _none_within(pl.col("days_since"), "doubtful")
    return {
        "recurring_deposits": pl.coalesce("recurring_deposits", none),
        "income_streams": pl.coalesce("income_streams", none),
        "days_since_pay": pl.when(told).then("days_since"),
        # Debits are below zero, and so this rounds what is spent up.
        "essential_spend_per_pay": -(essential // days),
        "cycle_available_balance": pl.when(cycle - 1 <= FIRST).then(balance // cycle),
    }
