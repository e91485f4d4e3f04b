"""The facts about transactions in Polars: lazy plans, computed on all cores."""

import polars as pl

from benchmarks.peer_facts import (
    AS_OF,
    COUNTS,
    FACTS,
    FEE_PERCENT,
    FEEDS,
    HEALTHY,
    JUDGED_AT,
    LINES,
    MOST_PERCENT,
    TERMS,
    UNDONE,
    open_principal,
    undone,
)
from benchmarks.peer_polars_columns import (
    AGE,
    AMOUNT,
    FIRST,
    FRESH,
    GIVES_BACK,
    IS_ESSENTIAL,
    IS_INCOME,
    IS_SPENDING,
    KIND,
    KIND_OF,
    LAST,
    PAYER,
    UNCLASSIFIED,
    taken,
)
from benchmarks.peer_polars_income import doubts, irregular_days, main_streams, parts
from rules.limits.tiers import CURRENCY
from underwriting.domain.histories import Category


def facts(history: str, users: int) -> pl.DataFrame:
    """Every fact of the query about the first users."""
    accounts = taken(_accounts(history, users))
    lines = taken(_lines(history, users, accounts))
    standing = _standing(lines)
    totals, paid = taken(_totals(lines)), taken(parts(standing))
    main = taken(main_streams(paid))
    together = accounts
    for part in (
        totals,
        _daily_life(lines),
        _telling(standing),
        _debts(lines),
        _balances(accounts, lines, totals),
        doubts(standing),
        irregular_days(paid, main),
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
        .with_columns(fresh=TERMS.feed_stands_days >= LAST, mean_days=pl.min_horizontal("first", 89) - LAST + 1)
        # The age of the last day with a known balance.
        .with_columns(last_known=pl.when(FRESH).then(0).otherwise(LAST))
    )


def _age(day: pl.Expr) -> pl.Expr:
    return (pl.lit(AS_OF) - day).dt.total_days().cast(pl.Int32)


def _lines(history: str, users: int, accounts: pl.LazyFrame) -> pl.LazyFrame:
    """Bookings on the covered days, with a number for the account."""
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
        .drop("last")
    )


def _totals(lines: pl.LazyFrame) -> pl.LazyFrame:
    return lines.group_by("account").agg(
        history_days=AGE.max(),
        days_since_transaction=AGE.min(),
        booked=AMOUNT.sum(),
        booked_before=AMOUNT.filter(AGE >= 60).sum(),
    )


def _standing(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The lines without reversed ones and without their reversals; few accounts have any."""
    sign = pl.coalesce(
        *(pl.when(kind == KIND_OF).then(AMOUNT * booked) for kind, booked in UNDONE.items()), pl.lit(None, pl.Int64)
    )
    numbered = lines.with_row_index("row")
    undoing = numbered.filter(sign < 0).select("account").unique()
    few = numbered.filter(sign.is_not_null()).join(undoing, on="account", how="semi")
    rows = few.select("row", "account", KIND_OF.cast(pl.String), "amount", "age", PAYER.fill_null("")).collect().rows()
    gone = pl.LazyFrame({"row": undone(rows)}, schema={"row": pl.get_index_type()})
    return taken(numbered.join(gone, on="row", how="anti").drop("row"))


def _daily_life(lines: pl.LazyFrame) -> pl.LazyFrame:
    out = AMOUNT < 0
    return (
        lines.filter(AGE < 90)
        .group_by("account")
        .agg(
            transactions_per_month=pl.len() * 30,
            essential_transactions=((AGE < 30) & out & IS_ESSENTIAL).sum(),
            essential_90d=AMOUNT.filter(out & (UNCLASSIFIED | IS_ESSENTIAL)).sum(),
            served_90d=AMOUNT.filter(out & (KIND_OF == Category.LOAN)).sum(),
            loans_received_90d=AMOUNT.filter((AMOUNT > 0) & (KIND_OF == Category.LOAN)).sum(),
            unclassified_received_90d=AMOUNT.filter((AMOUNT > 0) & UNCLASSIFIED).sum(),
            income_90d=AMOUNT.filter(IS_INCOME).sum(),
            transfers=-AMOUNT.filter(out & (KIND_OF == Category.TRANSFER)).sum(),
            gambling_spend_90d=-AMOUNT.filter(out & (KIND_OF == Category.GAMBLING)).sum(),
            spending=-AMOUNT.filter((out & (UNCLASSIFIED | IS_SPENDING)) | ((AMOUNT > 0) & GIVES_BACK)).sum(),
        )
    )


def _telling(lines: pl.LazyFrame) -> pl.LazyFrame:
    """Figures about the few lines that show financial trouble."""
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
        unclassified_in=AGE.filter(UNCLASSIFIED & (AMOUNT > 0)).min(),
        unclassified_out=AGE.filter(UNCLASSIFIED & (AMOUNT < 0)).min(),
    )


def _debts(lines: pl.LazyFrame) -> pl.LazyFrame:
    """What is owed to each provider: the largest sum of the last days, repayments without their fees."""
    provider = ["account", "provider"]
    advances = lines.filter(AGE < 90, KIND_OF == Category.ADVANCE).select(
        "account", "age", "amount", provider=PAYER.fill_null("")
    )
    borrowed, repaid = advances.filter(AMOUNT > 0), advances.filter(AMOUNT < 0).with_row_index("row")
    lent, size = pl.col("amount_right"), -AMOUNT
    fits = (pl.col("age_right") >= AGE) & (lent <= size) & (size * 100 <= lent * MOST_PERCENT)
    before = pl.col("age_right") >= AGE
    lately = (fits & (pl.col("age_right") - AGE <= TERMS.advances.term_days)).any()
    rolls = (before & (size * 100 <= lent * FEE_PERCENT)).any() & ~lately
    rolled = repaid.join(borrowed, on=provider).group_by("row", *provider).agg(rolls=rolls).filter("rolls")
    rolled_over = _rolled_over(advances.join(rolled, on=provider, how="semi"), provider)
    principal = repaid.join(borrowed, on=provider).filter(fits).group_by("row").agg(principal=-lent.max())
    repayments = repaid.join(principal, on="row", how="left").select(*provider, "age", pl.coalesce("principal", AMOUNT))
    moves = pl.concat([borrowed.select(*provider, "age", principal=AMOUNT), repayments])
    since = pl.col("principal").sort_by("age").cum_sum().max()
    return (
        moves.group_by(*provider, "age")
        .agg(pl.col("principal").sum())
        .group_by(provider)
        .agg(open=since.clip(lower_bound=0))
        .join(rolled_over, on=provider, how="left")
        .with_columns(open=pl.coalesce("still_open", "open"))
        .join(borrowed.group_by(provider).agg(latest=AGE.min()), on=provider, how="left")
        .group_by("account")
        .agg(
            competitor_advances_due=pl.col("open").sum(),
            competitor_advance_providers=(
                (pl.col("open") > 0) | (pl.col("latest") < TERMS.advances.term_days).fill_null(value=False)
            ).sum(),
        )
    )


def _rolled_over(advances: pl.LazyFrame, provider: list[str]) -> pl.LazyFrame:
    """What is owed to the few providers whose advances a small payment may have rolled over."""
    few = advances.group_by(provider).agg(AGE, AMOUNT).collect()
    still_open = [open_principal(zip(*moves, strict=True)) for moves in few.select("age", "amount").rows()]
    return few.lazy().select(provider).with_columns(still_open=pl.Series(still_open, dtype=pl.Int64))


def _balances(accounts: pl.LazyFrame, lines: pl.LazyFrame, totals: pl.LazyFrame) -> pl.LazyFrame:
    """A balance holds until the day of the next entry; one entry before the last 60 days has the opening balance."""
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


def _cycles(lines: pl.LazyFrame, main: pl.LazyFrame) -> pl.LazyFrame:
    """The sum of bookings after each day of the last pay cycle."""
    days_since = (pl.col("pay_period_days").fill_null(TERMS.cycle_days) - 1 - AGE).clip(lower_bound=0)
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
    """Each figure if it is known; 0 if nothing was booked."""
    means, out_known = (
        _knows(TERMS.least_mean_days),
        _knows(TERMS.least_mean_days) & _none_within(90, "unclassified_out"),
    )
    debts = means & _none_within(TERMS.advances.term_days, "unclassified_in")
    windows = {
        "transactions_per_month": means, "essential_transactions": _knows(30), "income_90d": means,
        "loans_received_90d": means, "unclassified_received_90d": means,
        "competitor_borrowed_90d": _knows(90), "competitor_repaid_90d": _knows(90),
        "competitor_advances_due": debts, "competitor_advance_providers": debts, "gambling_spend_90d": out_known,
        "negative_days_30d": _knows(30), "overdraft_days_60d": _knows(60), "healthy_days_60d": _knows(60),
    }  # fmt: skip
    for name, (days, sign, _, doubted) in COUNTS.items():
        vague = _none_within(days, "unclassified_in" if sign > 0 else "unclassified_out")
        windows[name] = _knows(days) & vague if doubted else _knows(days)
    balance = pl.when(FRESH).then(pl.col("opening_balance") + pl.col("booked").fill_null(0))
    mean_days = pl.col("mean_days")
    income = pl.when(pl.col("income_90d") > 0).then("income_90d")
    return {
        **{name: pl.when(known).then(pl.col(name).fill_null(0)) for name, known in windows.items()},
        "history_days": pl.col("history_days").fill_null(0),
        "days_since_transaction": pl.when(FRESH).then("days_since_transaction"),
        "current_balance": balance,
        "available_balance": balance - pl.col("holds"),
        "transactions_per_month": pl.when(means).then(pl.col("transactions_per_month").fill_null(0) / mean_days),
        "monthly_income": pl.when(means).then(pl.col("income_90d").fill_null(0) * 30 // mean_days),
        "transfer_ratio": pl.when(out_known).then("transfers") / income,
        "spend_to_income": pl.when(means).then("spending") / income,
        "gambling_share": pl.when(out_known).then("gambling_spend_90d") / income,
    }


def _recurring() -> dict[str, pl.Expr]:
    spent, means = pl.when(_knows(TERMS.least_mean_days)), pl.col("mean_days")
    none = pl.when(
        _knows(TERMS.least_mean_days), pl.col("doubtful").is_null(), pl.col("irregular_days").fill_null(0) < 2
    ).then(0)
    cycle = pl.col("pay_period_days").fill_null(TERMS.cycle_days)
    balance = pl.col("current_balance") * cycle - pl.col("booked_since").fill_null(0) - pl.col("holds")
    known = (pl.col("days_since") <= pl.col("pay_period_days")) | _none_within(pl.col("days_since"), "doubtful")
    return {
        "recurring_deposits": pl.coalesce("recurring_deposits", none),
        "income_streams": pl.coalesce("income_streams", none),
        "days_since_pay": pl.when(known).then("days_since"),
        # Debits are negative, so this rounds spending up.
        **{
            name: spent.then(-(pl.col(out).fill_null(0) * pl.col("pay_period_days") // means))
            for name, out in (("essential_spend_per_pay", "essential_90d"), ("debt_service_per_pay", "served_90d"))
        },
        "cycle_available_balance": pl.when(cycle - 1 <= FIRST).then(balance // cycle),
    }
