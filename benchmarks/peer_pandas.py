"""The facts about transactions in pandas: columns of numbers, sums by account, arrays padded to 60 days or 6 pays."""

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.peer_facts import (
    AS_OF,
    CADENCES,
    COUNTS,
    DEPOSIT,
    FEE_PERCENT,
    FEEDS,
    GIVEN_BACK,
    HEALTHY,
    IRREGULAR,
    JUDGED_AT,
    LINES,
    MOST_PERCENT,
    SPENDING,
    TERMS,
    UNDONE,
    middle,
    open_principal,
    undone,
)
from rules.limits.tiers import CURRENCY
from underwriting.domain.histories import ESSENTIAL, INCOME, Category

Array = npt.NDArray[Any]
Columns = dict[str, Array]
KINDS = list(Category)
TELLING = {Category.ADVANCE, Category.OVERDRAFT_FEE, Category.RETURNED}
UNCLASSIFIED = -1


def facts(history: str, users: int) -> pd.DataFrame:
    """Every fact of the query about the first users."""
    accounts = _accounts(history, users)
    lines = _lines(history, users, accounts)
    standing = lines.drop(_undone(lines))
    incoming = _incoming(accounts, standing)
    main, totals = _main_streams(accounts, _parts(incoming)), _totals(accounts, lines)
    return pd.DataFrame(
        {
            **{name: accounts[name].array for name in ("subject_id", "institution_id", "linked_accounts")},
            "feed_age_hours": accounts["age_hours"].to_numpy(),
            **totals,
            **_daily_life(accounts, lines),
            **_telling(accounts, lines, standing),
            **_debts(accounts, lines),
            **_balances(accounts, lines),
            **_recurring(accounts, incoming, main),
            **_per_pay(accounts, lines, main),
            "cycle_available_balance": _cycle_balance(accounts, lines, totals, main),
        }
    )


def _read(history: str, table: str, columns: list[str], users: int) -> pd.DataFrame:
    """The rows of the first users: ids and repeated texts as categories, days as numbers, no objects."""
    return pd.read_parquet(
        f"{history}/{table}",
        engine="pyarrow",
        columns=columns,
        filters=[("subject_id", "<", f"u{users:09}")],
        # The reader keeps the encoding of these two; ids are encoded after the filter, which reads them.
        read_dictionary=["category", "counterparty"],
        to_pandas_kwargs={"date_as_object": False, "categories": ["subject_id"]},
    )


def _accounts(history: str, users: int) -> pd.DataFrame:
    """The complete feeds, numbered, with the columns that the other functions need."""
    feeds = _read(history, "feeds", FEEDS, users)
    as_of, refreshed = pd.Timestamp(AS_OF), feeds["refreshed_at"].dt.normalize()
    # Ages in days of the first and of the last day covered.
    feeds["first"] = (as_of - feeds["covered_from"]).dt.days
    feeds["last"] = (as_of - refreshed).dt.days.clip(lower=0)
    feeds["fresh"] = feeds["last"] <= TERMS.feed_stands_days
    feeds["mean_days"] = feeds["first"].clip(upper=89) - feeds["last"] + 1
    late = JUDGED_AT.replace(tzinfo=None) - feeds["refreshed_at"]
    feeds["age_hours"] = late.dt.total_seconds().clip(lower=0) / 3_600
    feeds["holds"] = feeds["holds"].where((refreshed <= as_of) | (late >= pd.Timedelta(0)))
    covers: pd.Series[bool] = (feeds["first"] >= 0) & (feeds["covered_from"] <= refreshed)
    return feeds.loc[covers & feeds["currency"].eq(CURRENCY)].reset_index(drop=True)


def _lines(history: str, users: int, accounts: pd.DataFrame) -> pd.DataFrame:
    """Bookings on the covered days, with numbers for the account, the category and the payer."""
    read = _read(history, "transactions", LINES, users)
    payers = sorted({*read["counterparty"].cat.categories} - {""})
    lines = pd.DataFrame(
        {
            "account": _numbers(read["subject_id"], accounts["subject_id"]),
            "age": (np.datetime64(AS_OF) - read["booked_on"].to_numpy("datetime64[D]")).astype(np.int32),
            "amount": read["amount"],
            "kind": _numbers(read["category"], KINDS),
            "payer": _numbers(read["counterparty"], payers),
        }
    )
    # The number -1 (no account) selects the last element.
    first, last = (accounts[name].to_numpy()[lines["account"]] for name in ("first", "last"))
    return lines[(lines["account"] >= 0) & (lines["age"] <= first) & (lines["age"] >= last)]


def _numbers(column: "pd.Series[Any]", names: Collection[str]) -> Array:
    """The index of each value among the names, or -1."""
    places = pd.Index(names).get_indexer(column.cat.categories)
    numbers: Array = np.append(places, -1).astype(np.int32)[column.cat.codes]
    return numbers


def _is(lines: pd.DataFrame, wanted: Collection[Category], *, unclassified: bool = False) -> Array:
    """Which lines have one of the categories; the last element is for -1, the unclassified ones."""
    return np.array([*(kind in wanted for kind in KINDS), unclassified])[lines["kind"]]


def _count(accounts: pd.DataFrame, lines: pd.DataFrame) -> Array:
    return np.bincount(lines["account"], minlength=len(accounts))


def _sum(accounts: pd.DataFrame, lines: pd.DataFrame) -> Array:
    return np.bincount(lines["account"], lines["amount"], len(accounts))


def _latest(accounts: pd.DataFrame, lines: pd.DataFrame) -> Array:
    """The age of each account's latest line; infinite where there is none."""
    found = np.full(len(accounts), np.inf)
    np.minimum.at(found, lines["account"].to_numpy(), lines["age"].to_numpy())
    return found


def _knows(accounts: pd.DataFrame, days: int) -> Array:
    return accounts["fresh"].to_numpy() & (accounts["first"].to_numpy() >= days - 1)


def _where(condition: Array, values: Array) -> Array:
    """The values where the condition holds; unknown elsewhere."""
    return np.where(condition, values, np.nan)


def _ratio(part: Array, total: Array) -> Array:
    return np.asarray(np.divide(part, total, out=np.full(len(part), np.nan), where=total > 0))


def _totals(accounts: pd.DataFrame, lines: pd.DataFrame) -> Columns:
    ages = lines.groupby("account")["age"].agg(["max", "min"]).reindex(accounts.index)
    balance = _where(accounts["fresh"].to_numpy(), accounts["opening_balance"].to_numpy() + _sum(accounts, lines))
    return {
        "history_days": ages["max"].fillna(0).to_numpy(),
        "days_since_transaction": ages["min"].where(accounts["fresh"]).to_numpy(),
        "current_balance": balance,
        "available_balance": balance - accounts["holds"].to_numpy(),
    }


def _daily_life(accounts: pd.DataFrame, lines: pd.DataFrame) -> Columns:
    lines = lines[lines["age"] < 90]
    out = lines["amount"] < 0
    income = _sum(accounts, lines[_is(lines, INCOME)])
    transfers = -_sum(accounts, lines[out & _is(lines, {Category.TRANSFER})])
    staked = -_sum(accounts, lines[out & _is(lines, {Category.GAMBLING})])
    undoes = (lines["amount"] > 0) & _is(lines, GIVEN_BACK)
    spending = -_sum(accounts, lines[(out & _is(lines, SPENDING, unclassified=True)) | undoes])
    essential = _count(accounts, lines[out & (lines["age"] < 30) & _is(lines, ESSENTIAL)])
    doubted = _latest(accounts, lines[out & (lines["kind"] == UNCLASSIFIED)]) < 90
    knows, days = _knows(accounts, TERMS.least_mean_days), accounts["mean_days"].to_numpy()
    return {
        "transactions_per_month": _where(knows, _count(accounts, lines) * 30 / days),
        "essential_transactions": _where(_knows(accounts, 30), essential),
        "income_90d": _where(knows, income),
        "monthly_income": _where(knows, income * 30 // days),
        "transfer_ratio": _ratio(_where(knows & ~doubted, transfers), income),
        "spend_to_income": _ratio(_where(knows, spending), income),
        "loans_received_90d": _where(knows, _sum(accounts, lines[~out & _is(lines, {Category.LOAN})])),
        "unclassified_received_90d": _where(knows, _sum(accounts, lines[~out & (lines["kind"] == UNCLASSIFIED)])),
        "gambling_spend_90d": _where(knows & ~doubted, staked),
        "gambling_share": _ratio(_where(knows & ~doubted, staked), income),
    }


def _undone(lines: pd.DataFrame) -> list[int]:
    """Reversed lines and their reversals; only accounts with reversals are searched."""
    sign = np.array([*(UNDONE.get(kind, 0) for kind in KINDS), 0])[lines["kind"]]
    accounts = lines["account"][sign * lines["amount"] < 0].unique()
    few = lines[(sign != 0) & lines["account"].isin(accounts)]
    kinds, payers = (KINDS[kind] for kind in few["kind"]), few["payer"].astype("str")
    return undone(zip(few.index, few["account"], kinds, few["amount"], few["age"], payers, strict=True))


def _telling(accounts: pd.DataFrame, lines: pd.DataFrame, standing: pd.DataFrame) -> Columns:
    """Figures about the few lines that show financial trouble."""
    vague = {
        sign: _latest(accounts, lines[(lines["kind"] == UNCLASSIFIED) & (lines["amount"] * sign > 0)])
        for sign in (1, -1)
    }
    standing = standing[(standing["age"] < 90) & _is(standing, TELLING)]
    sides = {sign: standing[standing["amount"] * sign > 0] for sign in (1, -1)}
    found = {}
    for name, (days, sign, kind, doubted) in COUNTS.items():
        side = sides[sign]
        chosen = side[(side["age"] < days) & (side["kind"] == KINDS.index(kind))]
        known = _knows(accounts, days) & ((vague[sign] >= days) | (not doubted))
        found[name] = _where(known, _count(accounts, chosen))
    for name, sign in (("competitor_borrowed_90d", 1), ("competitor_repaid_90d", -1)):
        advances = sides[sign][_is(sides[sign], {Category.ADVANCE})]
        found[name] = _where(_knows(accounts, 90), sign * _sum(accounts, advances))
    return found


def _debts(accounts: pd.DataFrame, lines: pd.DataFrame) -> Columns:
    """What is owed to each provider: the largest sum of the last days, repayments without their fees."""
    advances = lines.loc[(lines["age"] < 90) & _is(lines, {Category.ADVANCE}), ["account", "payer", "age", "amount"]]
    borrowed, repaid = advances[advances["amount"] > 0], advances[advances["amount"] < 0].reset_index(names="row")
    pairs = repaid.merge(borrowed, on=["account", "payer"], suffixes=("", "_borrowed"))
    size, lent = -pairs["amount"], pairs["amount_borrowed"]
    fits = (pairs["age_borrowed"] >= pairs["age"]) & (lent <= size) & (size * 100 <= lent * MOST_PERCENT)
    lately = pairs.loc[fits & (pairs["age_borrowed"] - pairs["age"] <= TERMS.advances.term_days), "row"]
    rolled = pairs[(pairs["age_borrowed"] >= pairs["age"]) & (size * 100 <= lent * FEE_PERCENT)]
    rolled = rolled.loc[~rolled["row"].isin(lately), ["account", "payer"]].drop_duplicates()
    principal = pairs[fits].groupby("row")["amount_borrowed"].max()
    repaid["amount"] = -repaid["row"].map(principal).fillna(-repaid["amount"])
    days = pd.concat([borrowed, repaid]).groupby(["account", "payer", "age"])["amount"].sum().reset_index()
    days["open"] = days.groupby(["account", "payer"])["amount"].cumsum()
    providers = days.groupby(["account", "payer"])["open"].max().clip(lower=0).to_frame()
    for provider, rows in advances.merge(rolled).groupby(["account", "payer"]):
        providers.loc[provider, "open"] = open_principal(zip(rows["age"], rows["amount"], strict=True))
    providers["latest"] = borrowed.groupby(["account", "payer"])["age"].min()
    providers = providers.reset_index()
    used = providers[(providers["open"] > 0) | (providers["latest"] < TERMS.advances.term_days)]
    nobodys = lines[(lines["kind"] == UNCLASSIFIED) & (lines["amount"] > 0)]
    known = _knows(accounts, TERMS.least_mean_days) & (_latest(accounts, nobodys) >= TERMS.advances.term_days)
    return {
        "competitor_advances_due": _where(known, np.bincount(providers["account"], providers["open"], len(accounts))),
        "competitor_advance_providers": _where(known, _count(accounts, used)),
    }


def _balances(accounts: pd.DataFrame, lines: pd.DataFrame) -> Columns:
    """The balance at the end of each of the last 60 days, as a table of accounts and days, oldest first."""
    place = lines["account"].to_numpy() * 61 + 60 - np.minimum(lines["age"], 60)
    changes = np.bincount(place, lines["amount"], len(accounts) * 61).reshape(-1, 61)
    changes[:, 0] += accounts["opening_balance"]
    balance = np.cumsum(changes, axis=1)[:, 1:]
    age = np.arange(59, -1, -1, dtype=np.int32)
    last = accounts["last"].where(~accounts["fresh"], 0).to_numpy(np.int32)
    covered = (age <= accounts["first"].to_numpy(np.int32)[:, None]) & (age >= last[:, None])
    negative, healthy, days = covered & (balance < 0), covered & (balance >= HEALTHY), covered.sum(axis=1)
    mean = np.floor_divide(np.einsum("ad,ad->a", balance, covered), np.maximum(days, 1))
    return {
        "negative_days_30d": _where(_knows(accounts, 30), negative[:, 30:].sum(axis=1)),
        "overdraft_days_60d": _where(_knows(accounts, 60), negative.sum(axis=1)),
        "healthy_days_60d": _where(_knows(accounts, 60), healthy.sum(axis=1)),
        "balance_days_60d": days,
        "average_balance": _where(days > 0, mean),
    }


def _incoming(accounts: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Lines that may belong to a stream of income."""
    out = (lines["kind"] == UNCLASSIFIED) & (lines["amount"] < 0)
    recent = (lines["age"] < TERMS.income.window_days) & (lines["amount"] != 0)
    fresh = accounts["fresh"].to_numpy()[lines["account"]]
    return lines.loc[recent & ~out & fresh & _is(lines, INCOME, unclassified=True)]


def _parts(incoming: pd.DataFrame) -> pd.DataFrame:
    """Pays of named payers, with a number for each payer, and the age and the number of the pay."""
    named = incoming[(incoming["kind"] != UNCLASSIFIED) & (incoming["payer"] >= 0)]
    parts = named[["account", "payer", "age", "amount"]].sort_values(["account", "payer", "age"], ignore_index=True)
    changed = (parts[["account", "payer"]].diff() != 0).any(axis=1).to_numpy()
    begins = changed | (parts["age"].diff() >= TERMS.income.part_days).to_numpy()
    last = parts["age"].to_numpy()[np.maximum.accumulate(np.where(begins, np.arange(len(parts)), 0))]
    parts["pay_age"] = last + (parts["age"] - last) // 7 * 7
    parts["stream"] = np.cumsum(changed)
    parts["pay"] = np.cumsum(begins | (parts["pay_age"].diff() != 0).to_numpy())
    return parts


def _payers(parts: pd.DataFrame) -> tuple[pd.DataFrame, Array, Array]:
    """The payers; the ages and amounts of the latest six pays of each, latest first."""
    pays = parts.groupby("pay").agg(
        account=("account", "first"), stream=("stream", "first"), age=("pay_age", "first"), amount=("amount", "sum")
    )
    pays = pays[pays["amount"] >= DEPOSIT]
    pays["rank"] = pays.groupby("stream").cumcount()
    latest = pays[pays["rank"] < 6]
    streams = latest[latest["rank"] == 0]
    row = np.searchsorted(streams["stream"], latest["stream"])
    ages, amounts = np.full((2, len(streams), 6), np.nan)
    ages[row, latest["rank"]], amounts[row, latest["rank"]] = latest["age"], latest["amount"]
    return streams, ages, amounts


def _streams(payers: pd.DataFrame, ages: Array, amounts: Array) -> pd.DataFrame:
    """Figures of each payer's regular pays, up to the first gap that ends the stream."""
    gaps = np.diff(ages, axis=1)
    count = np.isfinite(gaps).sum(axis=1)
    inside = [(gaps >= low) & (gaps <= high) for low, high in CADENCES]
    of_cadence = [2 * each.sum(axis=1) > count for each in inside]
    longest = np.select(of_cadence, [high for _, high in CADENCES], np.nan)
    regular = np.select(
        [each[:, None] for each in of_cadence], [np.where(each, gaps, np.nan) for each in inside], np.nan
    )
    ended = gaps > TERMS.income.max_periods * longest[:, None]
    deposits = np.where(ended.any(axis=1), ended.argmax(axis=1) + 1, count + 1)
    found = pd.DataFrame({"account": payers["account"].array, "stream": payers["stream"].array})
    found = found.assign(**_figures(amounts, deposits), period=middle(regular) // 2, days_since=ages[:, 0])
    rhythmic: pd.DataFrame = found[np.isfinite(longest)]
    return rhythmic


def _figures(amounts: Array, deposits: Array) -> Columns:
    """The number, the 25th percentile and the variation of the latest pays of each row."""
    amounts = np.where(np.arange(6) < deposits[:, None], amounts, np.nan)
    mean = np.nansum(amounts, axis=1) / deposits
    variance = np.nansum((amounts - mean[:, None]) ** 2, axis=1) / np.maximum(deposits - 1, 1)
    amount = np.sort(amounts, axis=1)[np.arange(len(amounts)), (deposits - 1) // 4]
    return {"deposits": deposits, "amount": amount, "cv": np.sqrt(variance) / mean}


def _main_streams(accounts: pd.DataFrame, parts: pd.DataFrame) -> pd.DataFrame:
    """The main stream of each account, the number of its streams, and the days of irregular income."""
    rhythmic = _streams(*_payers(parts))
    in_time = rhythmic["days_since"] <= TERMS.income.max_periods * rhythmic["period"]
    running = rhythmic.loc[in_time & (rhythmic["deposits"] > 1)]
    rest = parts[~parts["stream"].isin(rhythmic["stream"]) & ~parts["account"].isin(running["account"])]
    windows = _windows(rest)
    running = pd.concat([running, _irregular(accounts, windows)])
    running = running.assign(rate=running["amount"] / running["period"])
    order = running.sort_values(["account", "rate", "days_since", "stream"], ascending=[True, False, True, True])
    main = order.drop_duplicates("account").set_index("account")
    lately = windows[windows["window"] * IRREGULAR.window_days < 90].groupby("account")["days"].sum()
    return main.assign(streams=running.groupby("account").size()).reindex(accounts.index).assign(irregular=lately)


def _windows(rest: pd.DataFrame) -> pd.DataFrame:
    """Income by windows of days back from the date; only windows with at least the minimum deposit."""
    grouped = rest.assign(window=rest["age"] // IRREGULAR.window_days).groupby(["account", "window"])
    windows = grouped.agg(paid=("amount", "sum"), latest=("age", "min"), days=("age", "nunique")).reset_index()
    return windows[windows["paid"] >= DEPOSIT]


def _irregular(accounts: pd.DataFrame, windows: pd.DataFrame) -> pd.DataFrame:
    """Streams of consecutive windows that the feed covers, up to the latest."""
    first = accounts["first"].to_numpy()[windows["account"]]
    covered = windows[first >= (windows["window"] + 1) * IRREGULAR.window_days - 1]
    row = covered[covered.groupby("account").cumcount() == covered["window"]]
    count = row.groupby("account").size()
    count = count[count >= IRREGULAR.min_windows]
    latest = row[row["account"].isin(count.index) & (row["window"] < 6)]
    amounts = np.full((len(count), 6), np.nan)
    amounts[np.searchsorted(count.index, latest["account"]), latest["window"]] = latest["paid"]
    since = latest.groupby("account")["latest"].min()
    found = pd.DataFrame({"account": count.index, "stream": -1, "period": IRREGULAR.window_days})
    return found.assign(**_figures(amounts, np.minimum(count.to_numpy(), 6)), days_since=since.to_numpy())


def _recurring(accounts: pd.DataFrame, incoming: pd.DataFrame, main: pd.DataFrame) -> Columns:
    nobodys = (incoming["kind"] == UNCLASSIFIED) | (incoming["payer"] < 0)
    doubtful = _latest(accounts, incoming[nobodys & (incoming["amount"] >= DEPOSIT)])
    none_at_all = np.isinf(doubtful) & (main["irregular"].fillna(0).to_numpy() < 2)
    none = np.where(_knows(accounts, TERMS.least_mean_days) & none_at_all, 0, np.nan)
    known = (main["days_since"] <= main["period"]) | (doubtful >= main["days_since"])
    return {
        "recurring_deposits": main["deposits"].fillna(pd.Series(none)).to_numpy(),
        "recurring_deposit_amount": main["amount"].to_numpy(),
        "recurring_income_cv": main["cv"].to_numpy(),
        "pay_period_days": main["period"].to_numpy(),
        "days_since_pay": main["days_since"].where(known).to_numpy(),
        "income_streams": main["streams"].fillna(pd.Series(none)).to_numpy(),
    }


def _per_pay(accounts: pd.DataFrame, lines: pd.DataFrame, main: pd.DataFrame) -> Columns:
    """Essential debits and debt service of history, as means for a pay period, rounded up."""
    out = lines[(lines["age"] < 90) & (lines["amount"] < 0)]
    knows, days = _knows(accounts, TERMS.least_mean_days), accounts["mean_days"].to_numpy()
    spent = {
        "essential_spend_per_pay": out[_is(out, ESSENTIAL, unclassified=True)],
        "debt_service_per_pay": out[_is(out, {Category.LOAN})],
    }
    return {
        name: _where(knows, -(_sum(accounts, each) * main["period"].to_numpy() // days)) for name, each in spent.items()
    }


def _cycle_balance(accounts: pd.DataFrame, lines: pd.DataFrame, totals: Columns, main: pd.DataFrame) -> Array:
    """The mean balance of the last pay cycle: on each day, the last balance less later bookings."""
    period = main["period"].fillna(TERMS.cycle_days).to_numpy()
    since = np.maximum(period[lines["account"]] - 1 - lines["age"].to_numpy(), 0) * lines["amount"].to_numpy()
    booked_since = np.bincount(lines["account"], since, len(accounts))
    balance, holds = totals["current_balance"], accounts["holds"].to_numpy()
    covered = accounts["first"].to_numpy() >= period - 1
    return _where(covered, np.floor_divide(balance * period - booked_since - holds, period))
