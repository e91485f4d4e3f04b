"""The facts about transactions in Polars: lazy plans, read and reckoned on all cores."""

import polars as pl

from benchmarks.peer_facts import (
    AS_OF,
    CADENCES,
    COUNTS,
    DEPOSIT,
    FACTS,
    FEE_PERCENT,
    FEEDS,
    GIVEN_BACK,
    HEALTHY,
    IRREGULAR,
    JUDGED_AT,
    LINES,
    SPENDING,
    TERMS,
    UNDONE,
    undone,
)
from rules.tiers import CURRENCY
from underwriting.domain.histories import ESSENTIAL, INCOME, Category

KIND = pl.Enum(Category)
AGE, AMOUNT, KIND_OF, PAYER = pl.col("age"), pl.col("amount"), pl.col("category"), pl.col("counterparty")
IS_INCOME, IS_ESSENTIAL, IS_SPENDING, GIVES_BACK = (
    KIND_OF.is_in(sorted(kinds)) for kinds in (INCOME, ESSENTIAL, SPENDING, GIVEN_BACK)
)
UNCLASSIFIED = KIND_OF.is_null()
FRESH, FIRST, LAST = pl.col("fresh"), pl.col("first"), pl.col("last")


def facts(history: str, users: int) -> pl.DataFrame:
    """Every fact of the query about the first users."""
    accounts = _taken(_accounts(history, users))
    lines = _taken(_lines(history, users, accounts))
    standing = _standing(lines)
    totals, parts = _taken(_totals(lines)), _taken(_parts(standing))
    main = _taken(_main_streams(parts))
    together = accounts
    for part in (
        totals,
        _daily_life(lines),
        _telling(standing),
        _debts(lines),
        _balances(accounts, lines, totals),
        _doubts(standing),
        _irregular_days(parts, main),
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
        .with_columns(fresh=TERMS.feed_stands_days >= LAST, mean_days=pl.min_horizontal("first", 89) - LAST + 1)
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
    """The lines without those that a reversal undid, and without such reversals; few accounts have any."""
    sign = pl.coalesce(
        *(pl.when(kind == KIND_OF).then(AMOUNT * booked) for kind, booked in UNDONE.items()), pl.lit(None, pl.Int64)
    )
    numbered = lines.with_row_index("row")
    undoing = numbered.filter(sign < 0).select("account").unique()
    few = numbered.filter(sign.is_not_null()).join(undoing, on="account", how="semi")
    rows = few.select("row", "account", KIND_OF.cast(pl.String), "amount", "age", PAYER.fill_null("")).collect().rows()
    gone = pl.LazyFrame({"row": undone(rows)}, schema={"row": pl.get_index_type()})
    return _taken(numbered.join(gone, on="row", how="anti").drop("row"))


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
            income_90d=AMOUNT.filter(IS_INCOME).sum(),
            transfers=-AMOUNT.filter(out & (KIND_OF == Category.TRANSFER)).sum(),
            gambling_spend_90d=-AMOUNT.filter(out & (KIND_OF == Category.GAMBLING)).sum(),
            spending=-AMOUNT.filter((out & (UNCLASSIFIED | IS_SPENDING)) | ((AMOUNT > 0) & GIVES_BACK)).sum(),
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
        unclassified_in=AGE.filter(UNCLASSIFIED & (AMOUNT > 0)).min(),
        unclassified_out=AGE.filter(UNCLASSIFIED & (AMOUNT < 0)).min(),
    )


def _debts(lines: pl.LazyFrame) -> pl.LazyFrame:
    """What is open with each provider: the largest sum of the last days, repayments without their fees."""
    provider = ["account", "provider"]
    advances = lines.filter(AGE < 90, KIND_OF == Category.ADVANCE).select(
        "account", "age", "amount", provider=PAYER.fill_null("")
    )
    borrowed, repaid = advances.filter(AMOUNT > 0), advances.filter(AMOUNT < 0).with_row_index("row")
    lent, size = pl.col("amount_right"), -AMOUNT
    fits = (pl.col("age_right") >= AGE) & (lent <= size) & (size * 100 <= lent * (100 + FEE_PERCENT))
    principal = repaid.join(borrowed, on=provider).filter(fits).group_by("row").agg(principal=-lent.max())
    repayments = repaid.join(principal, on="row", how="left").select(*provider, "age", pl.coalesce("principal", AMOUNT))
    moves = pl.concat([borrowed.select(*provider, "age", principal=AMOUNT), repayments])
    since = pl.col("principal").sort_by("age").cum_sum().max()
    return (
        moves.group_by(*provider, "age")
        .agg(pl.col("principal").sum())
        .group_by(provider)
        .agg(open=since.clip(lower_bound=0))
        .join(borrowed.group_by(provider).agg(latest=AGE.min()), on=provider, how="left")
        .group_by("account")
        .agg(
            competitor_advances_due=pl.col("open").sum(),
            competitor_advance_providers=(
                (pl.col("open") > 0) | (pl.col("latest") < TERMS.advances.term_days).fill_null(value=False)
            ).sum(),
        )
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
    kinds = IS_INCOME | (UNCLASSIFIED & (AMOUNT > 0))
    return lines.filter(FRESH, AMOUNT != 0, TERMS.income.window_days > AGE, kinds).with_columns(PAYER.replace("", None))


def _doubts(lines: pl.LazyFrame) -> pl.LazyFrame:
    """The last deposit that may belong to a stream, though nobody knows whose."""
    nobodys = _incoming(lines).filter(AMOUNT >= DEPOSIT, UNCLASSIFIED | PAYER.is_null())
    return nobodys.group_by("account").agg(doubtful=AGE.min())


def _parts(lines: pl.LazyFrame) -> pl.LazyFrame:
    """What named payers paid, with a number for each payer, and the age and the number of the pay."""
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
    """Who paid: the ages of the latest six pays, the latest first, and what was paid."""
    return (
        parts.group_by("pay", maintain_order=True)
        .agg(pl.col("account", "stream", "pay_age").first(), AMOUNT.sum())
        .filter(AMOUNT >= DEPOSIT)
        .group_by("stream", maintain_order=True)
        .agg(pl.col("account").first(), ages=pl.col("pay_age").head(6), amounts=AMOUNT.head(6))
    )


def _rhythmic(payers: pl.LazyFrame) -> pl.LazyFrame:
    """What each payer's pays come to where they have a rhythm, up to the first gap that ends the stream."""
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
    """Income by windows back from the day, those that reach what a deposit has to."""
    return (
        parts.with_columns(window=AGE // IRREGULAR.window_days)
        .group_by("account", "window")
        .agg(AMOUNT.sum(), latest=AGE.min(), days=AGE.n_unique(), first=pl.col("first").first())
        .filter(AMOUNT >= DEPOSIT)
        .sort("account", "window")
    )


def _irregular(parts: pl.LazyFrame) -> pl.LazyFrame:
    """Streams of windows in a row, up to the last, that the feed covers."""
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


def _main_streams(parts: pl.LazyFrame) -> pl.LazyFrame:
    """The main stream of each account that has one, with how many run."""
    rate = pl.col("recurring_deposit_amount") / pl.col("pay_period_days")
    amounts, deposits = pl.col("amounts"), pl.col("recurring_deposits")
    rhythmic = _taken(_rhythmic(_payers(parts)))
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


def _irregular_days(parts: pl.LazyFrame, main: pl.LazyFrame) -> pl.LazyFrame:
    """On how many of the last 90 days income without a rhythm came; asked where no stream runs."""
    rest = parts.join(_rhythmic(_payers(parts)), on="stream", how="anti").join(main, on="account", how="anti")
    lately = _windows(rest).filter(pl.col("window") * IRREGULAR.window_days < 90)
    return lately.group_by("account").agg(irregular_days=pl.col("days").sum())


def _cycles(lines: pl.LazyFrame, main: pl.LazyFrame) -> pl.LazyFrame:
    """What was booked since each day of the last pay cycle."""
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
    """Each figure where it is known, 0 where nothing was booked."""
    means, out_known = (
        _knows(TERMS.least_mean_days),
        _knows(TERMS.least_mean_days) & _none_within(90, "unclassified_out"),
    )
    debts = means & _none_within(TERMS.advances.term_days, "unclassified_in")
    windows = {
        "transactions_per_month": means, "essential_transactions": _knows(30), "income_90d": means,
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
    told = (pl.col("days_since") <= pl.col("pay_period_days")) | _none_within(pl.col("days_since"), "doubtful")
    return {
        "recurring_deposits": pl.coalesce("recurring_deposits", none),
        "income_streams": pl.coalesce("income_streams", none),
        "days_since_pay": pl.when(told).then("days_since"),
        # Debits are below zero, and so this rounds what is spent up.
        **{
            name: spent.then(-(pl.col(out).fill_null(0) * pl.col("pay_period_days") // means))
            for name, out in (("essential_spend_per_pay", "essential_90d"), ("debt_service_per_pay", "served_90d"))
        },
        "cycle_available_balance": pl.when(cycle - 1 <= FIRST).then(balance // cycle),
    }
