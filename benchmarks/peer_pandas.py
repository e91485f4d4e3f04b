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
    CYCLE,
    DEPOSIT,
    FEEDS,
    HEALTHY,
    JUDGED_AT,
    LINES,
    ONE_PAY,
    SPENDING,
)
from rules.tiers import CURRENCY
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
    incoming = _incoming(accounts, lines)
    main, totals = _main_streams(accounts, _streams(*_payers(incoming))), _totals(accounts, lines)
    return pd.DataFrame(
        {
            **{name: accounts[name].array for name in ("subject_id", "institution_id", "linked_accounts")},
            "feed_age_hours": accounts["age_hours"].to_numpy(),
            **totals,
            **_daily_life(accounts, lines),
            **_telling(accounts, lines),
            **_balances(accounts, lines),
            **_recurring(accounts, incoming, main),
            "essential_spend_per_pay": _essential_spend(accounts, lines, main),
            "cycle_available_balance": _cycle_balance(accounts, lines, totals, main),
        }
    )


def _read(history: str, table: str, columns: list[str], users: int) -> pd.DataFrame:
    """The rows of the first users; ids and what repeats as categories, days as numbers, none of them as objects."""
    return pd.read_parquet(
        f"{history}/{table}",
        engine="pyarrow",
        columns=columns,
        filters=[("subject_id", "<", f"u{users:09}")],
        # The reader leaves these two as the file has them; ids, which the filter looks at, are encoded afterwards.
        read_dictionary=["category", "counterparty"],
        to_pandas_kwargs={"date_as_object": False, "categories": ["subject_id"]},
    )


def _accounts(history: str, users: int) -> pd.DataFrame:
    """The feeds that are believed, numbered, with what else the parts ask of them."""
    feeds = _read(history, "feeds", FEEDS, users)
    as_of, refreshed = pd.Timestamp(AS_OF), feeds["refreshed_at"].dt.normalize()
    # Ages in days of the first and of the last day covered.
    feeds["first"] = (as_of - feeds["covered_from"]).dt.days
    feeds["last"] = (as_of - refreshed).dt.days.clip(lower=0)
    feeds["fresh"] = feeds["last"] <= 3
    late = JUDGED_AT.replace(tzinfo=None) - feeds["refreshed_at"]
    feeds["age_hours"] = late.dt.total_seconds().clip(lower=0) / 3_600
    feeds["holds"] = feeds["holds"].where((refreshed <= as_of) | (late >= pd.Timedelta(0)))
    covers = (feeds["first"] >= 0) & (feeds["covered_from"] <= refreshed)
    believed: pd.Series[bool] = covers & feeds["currency"].eq(CURRENCY)
    return feeds[believed].reset_index(drop=True)


def _lines(history: str, users: int, accounts: pd.DataFrame) -> pd.DataFrame:
    """What was booked on the days covered, with numbers for the account, the category and the payer."""
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
    # The number -1, of those who have no account, takes the last one here.
    first, last = (accounts[name].to_numpy()[lines["account"]] for name in ("first", "last"))
    return lines[(lines["account"] >= 0) & (lines["age"] <= first) & (lines["age"] >= last)]


def _numbers(column: "pd.Series[Any]", names: Collection[str]) -> Array:
    """Each value's place among the names, -1 where it has none."""
    places = pd.Index(names).get_indexer(column.cat.categories)
    numbers: Array = np.append(places, -1).astype(np.int32)[column.cat.codes]
    return numbers


def _is(lines: pd.DataFrame, wanted: Collection[Category], *, unclassified: bool = False) -> Array:
    """Which lines are of the categories; the last place is that of -1, which nobody could classify."""
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
    """The values where the condition holds; elsewhere they are not known."""
    return np.where(condition, values, np.nan)


def _ratio(part: Array, whole: Array) -> Array:
    ratio: Array = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return ratio


def _totals(accounts: pd.DataFrame, lines: pd.DataFrame) -> Columns:
    ages = lines.groupby("account")["age"].agg(["max", "min"]).reindex(accounts.index)
    booked = _sum(accounts, lines)
    balance = _where(accounts["fresh"].to_numpy(), accounts["opening_balance"].to_numpy() + booked)
    return {
        "history_days": ages["max"].fillna(0).to_numpy(),
        "days_since_transaction": ages["min"].where(accounts["fresh"]).to_numpy(),
        "current_balance": balance,
        "available_balance": balance - accounts["holds"].to_numpy(),
    }


def _daily_life(accounts: pd.DataFrame, lines: pd.DataFrame) -> Columns:
    lines = lines[lines["age"] < 90]
    out, refund = lines["amount"] < 0, _is(lines, {Category.REFUND})
    income = _sum(accounts, lines[_is(lines, INCOME)])
    transfers = -_sum(accounts, lines[out & _is(lines, {Category.TRANSFER})])
    spending = -_sum(accounts, lines[(out & _is(lines, SPENDING, unclassified=True)) | refund])
    essential = _count(accounts, lines[out & (lines["age"] < 30) & _is(lines, ESSENTIAL)])
    doubted = _latest(accounts, lines[out & (lines["kind"] == UNCLASSIFIED)]) < 90
    knows = _knows(accounts, 90)
    return {
        "transactions_per_month": _where(knows, _count(accounts, lines) / 3),
        "essential_transactions": _where(_knows(accounts, 30), essential),
        "income_90d": _where(knows, income),
        "monthly_income": _where(knows, income // 3),
        "transfer_ratio": _ratio(_where(knows & ~doubted, transfers), income),
        "spend_to_income": _ratio(_where(knows, spending), income),
    }


def _telling(accounts: pd.DataFrame, lines: pd.DataFrame) -> Columns:
    """The many figures of the few lines that tell of trouble."""
    lines = lines[(lines["age"] < 90) & _is(lines, TELLING, unclassified=True)]
    sides = {sign: lines[lines["amount"] * sign > 0] for sign in (1, -1)}
    vague = {sign: _latest(accounts, side[side["kind"] == UNCLASSIFIED]) for sign, side in sides.items()}
    found = {}
    for name, (days, sign, kind, doubted) in COUNTS.items():
        side = sides[sign]
        chosen = side[(side["age"] < days) & (side["kind"] == KINDS.index(kind))]
        known = _knows(accounts, days) & ((vague[sign] >= days) | (not doubted))
        found[name] = _where(known, _count(accounts, chosen))
    for name, sign in (("competitor_borrowed_90d", 1), ("competitor_repaid_90d", -1)):
        advances = sides[sign][_is(sides[sign], {Category.ADVANCE})]
        found[name] = _where(_knows(accounts, 90), sign * _sum(accounts, advances))
    due = _sum(accounts, lines[(lines["age"] < 35) & _is(lines, {Category.ADVANCE})])
    found["competitor_advances_due"] = _where(_knows(accounts, 35) & (vague[1] >= 35), np.maximum(due, 0))
    return found


def _balances(accounts: pd.DataFrame, lines: pd.DataFrame) -> Columns:
    """The balance at the end of each of the last 60 days, as a table of accounts and days, the last one last."""
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
    """What may be part of a stream of income."""
    chosen = lines.loc[(lines["amount"] > 0) & (lines["age"] < 300) & _is(lines, INCOME, unclassified=True)]
    return chosen.loc[accounts["fresh"].to_numpy()[chosen["account"]]]


def _payers(incoming: pd.DataFrame) -> tuple[pd.DataFrame, Array, Array]:
    """Who paid more than once; the ages of the latest six deposits of each, the latest first, and what was paid."""
    named = incoming[(incoming["kind"] != UNCLASSIFIED) & (incoming["payer"] >= 0)]
    paid = named.groupby(["account", "payer", "age"])["amount"].sum()
    deposits = paid[paid >= DEPOSIT].reset_index()
    by_payer = deposits.groupby(["account", "payer"])
    deposits["rank"], deposits["stream"] = by_payer.cumcount(), by_payer.ngroup()
    latest = deposits[(deposits["rank"] < 6) & (by_payer["age"].transform("size") > 1)]
    streams = latest[latest["rank"] == 0]
    row = np.searchsorted(streams["stream"], latest["stream"])
    ages, amounts = np.full((2, len(streams), 6), np.nan)
    ages[row, latest["rank"]], amounts[row, latest["rank"]] = latest["age"], latest["amount"]
    return streams, ages, amounts


def _streams(payers: pd.DataFrame, ages: Array, amounts: Array) -> pd.DataFrame:
    """What each payer's deposits come to, up to the first gap that ends the stream."""
    gaps = np.diff(ages, axis=1)
    cycles = (gaps >= ONE_PAY).sum(axis=1)
    of_cadence = [2 * ((gaps >= low) & (gaps <= high)).sum(axis=1) > cycles for low, high in CADENCES]
    longest = np.select(of_cadence, [high for _, high in CADENCES], np.nan)
    ended = gaps > 2 * longest[:, None]
    deposits = np.where(ended.any(axis=1), ended.argmax(axis=1) + 1, np.isfinite(ages).sum(axis=1))
    amounts = np.where(np.arange(6) < deposits[:, None], amounts, np.nan)
    cycle = np.where((np.arange(5) < deposits[:, None] - 1) & (gaps >= ONE_PAY), gaps, np.nan)
    mean = np.nansum(amounts, axis=1) / deposits
    variance = np.nansum((amounts - mean[:, None]) ** 2, axis=1) / np.maximum(deposits - 1, 1)
    return pd.DataFrame(
        {
            "account": payers["account"].array,
            "payer": payers["payer"].array,
            "deposits": deposits,
            "amount": np.sort(amounts, axis=1)[np.arange(len(amounts)), (deposits - 1) // 4],
            "cv": np.sqrt(variance) / mean,
            "period": np.where(np.isfinite(longest), _middle(cycle) // 2, np.nan),
            "days_since": ages[:, 0],
        }
    )


def _main_streams(accounts: pd.DataFrame, streams: pd.DataFrame) -> pd.DataFrame:
    """The main stream of each account that has one, with how many run."""
    running = streams.loc[streams["days_since"] <= 2 * streams["period"]]
    running = running.assign(rate=running["amount"] / running["period"])
    order = running.sort_values(["account", "rate", "days_since", "payer"], ascending=[True, False, True, True])
    main = order.drop_duplicates("account").set_index("account")
    return main.assign(streams=running.groupby("account").size()).reindex(accounts.index)


def _middle(values: Array) -> Array:
    """Twice the median of each row, of those of its values that are there."""
    values, count = np.sort(values, axis=1), np.isfinite(values).sum(axis=1)
    row = np.arange(len(values))
    middle: Array = values[row, (count - 1) // 2] + values[row, np.minimum(count // 2, values.shape[1] - 1)]
    return middle


def _recurring(accounts: pd.DataFrame, incoming: pd.DataFrame, main: pd.DataFrame) -> Columns:
    nobodys = (incoming["kind"] == UNCLASSIFIED) | (incoming["payer"] < 0)
    doubtful = _latest(accounts, incoming[nobodys & (incoming["amount"] >= DEPOSIT)])
    none = np.where(_knows(accounts, 90) & np.isinf(doubtful), 0, np.nan)
    told = (main["days_since"] <= main["period"]) | (doubtful >= main["days_since"])
    return {
        "recurring_deposits": main["deposits"].fillna(pd.Series(none)).to_numpy(),
        "recurring_deposit_amount": main["amount"].to_numpy(),
        "recurring_income_cv": main["cv"].to_numpy(),
        "pay_period_days": main["period"].to_numpy(),
        "days_since_pay": main["days_since"].where(told).to_numpy(),
        "income_streams": main["streams"].fillna(pd.Series(none)).to_numpy(),
    }


def _essential_spend(accounts: pd.DataFrame, lines: pd.DataFrame, main: pd.DataFrame) -> Array:
    """The essential debits of the last 90 days, as a mean for a pay period, rounded up."""
    essential = (lines["age"] < 90) & (lines["amount"] < 0) & _is(lines, ESSENTIAL, unclassified=True)
    days = np.minimum(accounts["first"].to_numpy(), 89) - accounts["last"].to_numpy() + 1
    spend: Array = -(_sum(accounts, lines[essential]) * main["period"].to_numpy() // days)
    return spend


def _cycle_balance(accounts: pd.DataFrame, lines: pd.DataFrame, totals: Columns, main: pd.DataFrame) -> Array:
    """The mean balance of the last pay cycle: the last balance for all of its days, less what was booked since each."""
    period = main["period"].fillna(CYCLE).to_numpy()
    since = np.maximum(period[lines["account"]] - 1 - lines["age"].to_numpy(), 0) * lines["amount"].to_numpy()
    booked_since = np.bincount(lines["account"], since, len(accounts))
    balance, holds = totals["current_balance"], accounts["holds"].to_numpy()
    mean = np.floor_divide(balance * period - booked_since - holds, period)
    return _where(accounts["first"].to_numpy() >= period - 1, mean)
