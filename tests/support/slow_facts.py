"""A second calculator of the facts about users of floats: one user after the other, day by day, in plain Python.

Written from the meanings in rules/facts/histories.yaml. It shares no code with the queries: no SQL, no data frames.
Money is whole, ratios are fractions until the end.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import takewhile
from math import floor
from typing import Any

from tests.support.slow_debts import open_principals
from tests.support.slow_income import (
    Deposit,
    Stream,
    irregular_days,
    irregular_stream,
    per_pay,
    running,
    streams_of,
)

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]
Facts = dict[str, Any]

INCOME = {"wages", "benefits", "gig", "other_income"}
ESSENTIAL = {"housing", "utilities", "groceries", "transport", "health", "insurance", "family"}
# Debits that are spending, and credits that undo it.
SPENDING = ESSENTIAL | {"spending", "cash", "gambling", "fee", "overdraft_fee", "refund", "loan"}
GIVEN_BACK = {"fee", "overdraft_fee", "refund"}
# A feed stands for so many days after its refresh.
STANDS = 3
# Means need so many days; an advance is due within so many; a reversal follows within so many.
LEAST_DAYS, ADVANCE_TERM, REVERSAL = 60, 35, 60
# The least deposit that recurs, and the healthy balance, in minor units.
AMOUNTS = {
    "USD": (150_00, 50_00),
    "CZK": (1_500_00, 500_00),
    "EUR": (100_00, 35_00),
    "GBP": (90_00, 30_00),
    "CAD": (160_00, 55_00),
}


def slow_facts(rows: Rows, as_of: date, judged_at: datetime | None, currency: str) -> Facts:
    """Every fact of one user that is known, by name; `rows` are the user's, by table. Moments are UTC, without zone."""
    return {
        **transaction_facts(rows, as_of, judged_at, currency),
        **float_facts(rows, as_of, currency),
        **user_facts(rows, as_of, currency),
        **limit_facts(rows, as_of, currency),
    }


@dataclass(frozen=True)
class Account:
    """The feed as it is believed: its lines from the first day covered to the refresh, or to as_of."""

    feed: Row
    lines: Sequence[Row]
    as_of: date
    covered_to: date

    @property
    def fresh(self) -> bool:
        return (self.as_of - self.covered_to).days <= STANDS

    @property
    def sound(self) -> bool:
        """Whether the lines stand as they are."""
        return self.fresh and not self.feed.get("changes_unknown")

    @property
    def partial(self) -> bool:
        return bool(self.feed.get("still_reading"))

    def unread(self, days: int) -> bool:
        """Whether a transaction of the last `days` days could not be read."""
        unread_on = self.feed.get("unread_on")
        return unread_on is not None and (self.as_of - unread_on).days < days

    def ago(self, line: Row) -> int:
        days: int = (self.as_of - line["booked_on"]).days
        return days

    def knows(self, days: int) -> bool:
        """Whether the feed covers all of the last `days` days."""
        return self.sound and self.feed["covered_from"] <= self.as_of - timedelta(days=days - 1)

    @property
    def mean_days(self) -> int:
        """Those of the last 90 days that the feed covers."""
        first: date = max(self.feed["covered_from"], self.as_of - timedelta(days=89))
        return (self.covered_to - first).days + 1

    def within(self, days: int) -> list[Row]:
        return [line for line in self.lines if self.ago(line) < days]

    @property
    def balances(self) -> dict[date, int]:
        """The balance at the end of every day that it is known for."""
        booked: dict[date, int] = {}
        for line in self.lines:
            booked[line["booked_on"]] = booked.get(line["booked_on"], 0) + line["amount"]
        balance, day, known = self.feed["opening_balance"], self.feed["covered_from"], {}
        if balance is None:
            return {}
        unread_on = self.feed.get("unread_on")
        while day <= (self.as_of if self.fresh else self.covered_to):
            balance += booked.get(day, 0)
            if unread_on is None or day >= unread_on:
                known[day] = balance
            day += timedelta(days=1)
        return known


def believed(rows: Rows, as_of: date, currency: str) -> Account | None:
    """The user's account; None where there is no feed in the currency, or it begins after as_of or its own refresh."""
    for feed in rows.get("feeds", ()):
        if feed["refreshed_at"] is None:
            continue
        covered_to = min(as_of, feed["refreshed_at"].date())
        if feed["currency"] == currency and feed["covered_from"] <= covered_to:
            lines = [
                line for line in rows.get("transactions", ()) if feed["covered_from"] <= line["booked_on"] <= covered_to
            ]
            return Account(feed, lines, as_of, covered_to)
    return None


def transaction_facts(rows: Rows, as_of: date, judged_at: datetime | None, currency: str) -> Facts:
    told = _of_the_connection(rows, as_of, currency)
    account = believed(rows, as_of, currency)
    if account is None:
        return told
    least, healthy = AMOUNTS.get(currency, (None, None))
    streams, balances = {} if least is None else _of_streams(account, least), _of_balances(account, judged_at, healthy)
    return {
        **told,
        **_of_the_feed(account, judged_at),
        **_of_activity(account),
        **_of_advances(account),
        **_of_income(account),
        **streams,
        **_of_trouble(account),
        **balances,
        **_of_the_cycle(account, streams.get("pay_period_days") or 30, balances.get("available_balance")),
    }


def _of_the_connection(rows: Rows, as_of: date, currency: str) -> Facts:
    """What a feed says even where none of its transactions is believed."""
    found: Facts = {}
    for feed in rows.get("feeds", ()):
        if feed["currency"] == currency and feed["covered_from"] <= as_of:
            found["feed_complete"] = not feed.get("still_reading")
            found["feed_connected"] = not feed.get("login_required")
    return found


def _of_the_feed(account: Account, judged_at: datetime | None) -> Facts:
    ages = [account.ago(line) for line in account.lines]
    seconds = None if judged_at is None else (judged_at - account.feed["refreshed_at"]).total_seconds()
    return {
        "history_days": None if account.partial else max(ages, default=0),
        "days_since_transaction": min(ages, default=None) if account.fresh else None,
        "feed_age_hours": None if seconds is None else max(0.0, seconds) / 3600,
        "institution_id": account.feed["institution_id"],
        "linked_accounts": account.feed["linked_accounts"],
    }


def _of_activity(account: Account) -> Facts:
    essential = [line for line in account.within(30) if line["amount"] < 0 and line["category"] in ESSENTIAL]
    return {
        "transactions_per_month": (
            len(account.within(90)) * 30 / account.mean_days if account.knows(LEAST_DAYS) else None
        ),
        "essential_transactions": len(essential) if account.knows(30) else None,
    }


def _of_advances(account: Account) -> Facts:
    found: Facts = {}
    for days in (30, 60, 90):
        amounts = [line["amount"] for line in account.within(days) if line["category"] == "advance"]
        if account.knows(days):
            found[f"competitor_advances_{days}d"] = sum(amount > 0 for amount in amounts)
            found[f"competitor_repayments_{days}d"] = sum(amount < 0 for amount in amounts)
    if account.knows(90):
        found["competitor_borrowed_90d"] = sum(amount for amount in amounts if amount > 0)
        found["competitor_repaid_90d"] = sum(-amount for amount in amounts if amount < 0)
    if account.knows(LEAST_DAYS) and not _unclassified(account, ADVANCE_TERM, 1):
        lines = [line for line in account.within(90) if line["category"] == "advance"]
        due = open_principals([(line["counterparty"] or "", line["booked_on"], line["amount"]) for line in lines])
        lent = {line["counterparty"] or "" for line in lines if line["amount"] > 0 and account.ago(line) < ADVANCE_TERM}
        found["competitor_advances_due"] = sum(due.values())
        found["competitor_advance_providers"] = len(lent | {provider for provider, amount in due.items() if amount})
    return found


def _unclassified(account: Account, days: int, sign: int) -> bool:
    """Whether in the last `days` days there is a line of that sign that nobody could classify, or could read."""
    return account.unread(days) or any(
        line["category"] is None and line["amount"] * sign > 0 for line in account.within(days)
    )


def _of_income(account: Account) -> Facts:
    if not account.knows(LEAST_DAYS):
        return {}
    lines = account.within(90)
    income = sum(line["amount"] for line in lines if line["category"] in INCOME)
    spent = _out(account, {None, *SPENDING})
    given_back = sum(line["amount"] for line in lines if line["category"] in GIVEN_BACK and line["amount"] > 0)
    found: Facts = {"income_90d": income, "monthly_income": floor(Fraction(income * 30, account.mean_days))}
    found["loans_received_90d"] = _in(lines, "loan")
    if not account.unread(90):
        found["unclassified_received_90d"] = _in(lines, None)
    if not _unclassified(account, 90, -1):
        found["gambling_spend_90d"] = _out(account, {"gambling"})
    if income > 0:
        if not account.unread(90):
            found["spend_to_income"] = float(Fraction(spent - given_back, income))
        if not _unclassified(account, 90, -1):
            found["transfer_ratio"] = float(Fraction(_out(account, {"transfer"}), income))
            found["gambling_share"] = float(Fraction(_out(account, {"gambling"}), income))
    return found


def _out(account: Account, categories: Collection[str | None]) -> int:
    """What went out for the categories in the last 90 days."""
    out = [line for line in account.within(90) if line["amount"] < 0 and line["category"] in categories]
    spent: int = -sum(line["amount"] for line in out)
    return spent


def _in(lines: Sequence[Row], category: str | None) -> int:
    received: int = sum(line["amount"] for line in lines if line["amount"] > 0 and line["category"] == category)
    return received


def _of_streams(account: Account, least: int) -> Facts:
    """The main stream of recurring income, or that there is none."""
    if not account.sound or account.partial:
        return {}
    recent = [line for line in standing(account.lines, INCOME, 1) if account.ago(line) < 300]
    # Deposits that may belong to a stream, nobody knows whose.
    doubtful = [
        account.ago(line)
        for line in recent
        if line["amount"] >= least
        and (line["category"] is None or (line["category"] in INCOME and not line["counterparty"]))
    ]
    if account.unread(300):
        doubtful.append(max(0, account.ago({"booked_on": account.feed["unread_on"]})))
    paid: dict[str, dict[date, int]] = {}
    for line in recent:
        if line["category"] in INCOME and line["counterparty"] and line["amount"]:
            days = paid.setdefault(line["counterparty"], {})
            days[line["booked_on"]] = days.get(line["booked_on"], 0) + line["amount"]
    streams = streams_of(paid, least)
    found = running(streams, account.as_of)
    rhythmic = {stream.payer for stream in streams}
    rest = [Deposit(*each) for payer, days in paid.items() if payer not in rhythmic for each in days.items()]
    if not found and (irregular := irregular_stream(rest, account.as_of, account.feed["covered_from"], least)):
        found = [irregular]
    if not found:
        none_at_all = account.knows(LEAST_DAYS) and not doubtful and irregular_days(rest, account.as_of, least) < 2
        return {"recurring_deposits": 0, "income_streams": 0} if none_at_all else {}
    main = min(found, key=lambda stream: (-stream.a_day, stream.days_since(account.as_of), stream.payer))
    return {**_of_main(main, account, doubtful), "income_streams": len(found)}


def _of_main(main: Stream, account: Account, doubtful: Sequence[int]) -> Facts:
    since = main.days_since(account.as_of)
    missed = since > main.period and any(ago < since for ago in doubtful)
    found: Facts = {
        "recurring_deposits": len(main.deposits),
        "recurring_deposit_amount": main.per_pay,
        "recurring_income_cv": main.variation,
        "pay_period_days": main.period,
        "days_since_pay": None if missed else since,
    }
    if account.knows(LEAST_DAYS) and not account.unread(90):
        spent: dict[str, Collection[str | None]] = {
            "essential_spend_per_pay": {None, *ESSENTIAL},
            "debt_service_per_pay": {"loan"},
        }
        found |= {
            name: per_pay(_out(account, categories), account.mean_days, main.period)
            for name, categories in spent.items()
        }
    return found


def standing(lines: Sequence[Row], categories: set[str], sign: int) -> list[Row]:
    """The lines without those that a reversal undid, and without such reversals.

    `sign` is that of what is booked. A reversal undoes the latest booking of its category and amount that stands.
    """
    kept: list[Row] = []
    for line in sorted(lines, key=lambda line: (line["booked_on"], -sign * line["amount"])):
        undone = [
            place
            for place, other in enumerate(kept)
            if line["category"] in categories
            and line["amount"] * sign < 0
            and other["category"] == line["category"]
            and other["amount"] == -line["amount"]
            and (line["booked_on"] - other["booked_on"]).days <= REVERSAL
        ]
        if undone:
            del kept[undone[-1]]
        else:
            kept.append(line)
    return kept


def _of_trouble(account: Account) -> Facts:
    found: Facts = {}
    if account.knows(30) and not _unclassified(account, 30, -1):
        found["overdraft_fees_30d"] = _standing(account, 30, "overdraft_fee", -1)
    for days in (30, 60, 90):
        if account.knows(days) and not _unclassified(account, days, 1):
            found[f"returned_debits_{days}d"] = _standing(account, days, "returned", 1)
    return found


def _standing(account: Account, days: int, category: str, sign: int) -> int:
    """How many bookings of the category stand, of those of the last `days` days."""
    return sum(
        line["category"] == category and line["amount"] * sign > 0 and account.ago(line) < days
        for line in standing(account.lines, {category}, sign)
    )


def _of_balances(account: Account, judged_at: datetime | None, healthy: int | None) -> Facts:
    known = account.balances
    last_60 = [known[day] for n in range(60) if (day := account.as_of - timedelta(days=n)) in known]
    found: Facts = {"balance_days_60d": len(last_60)}
    if last_60 and not account.unread(60) and (not account.partial or len(last_60) == 60):
        found["average_balance"] = floor(Fraction(sum(last_60), len(last_60)))
    if account.knows(30) and len(last_60) >= 30:
        found["negative_days_30d"] = sum(balance < 0 for balance in last_60[:30])
    if account.knows(60) and len(last_60) == 60:
        found["overdraft_days_60d"] = sum(balance < 0 for balance in last_60)
        found["healthy_days_60d"] = None if healthy is None else sum(balance >= healthy for balance in last_60)
    if account.fresh:
        current, holds = known.get(account.as_of), account.feed["holds"]
        found["current_balance"] = current
        refreshed_at = account.feed["refreshed_at"]
        if refreshed_at.date() <= account.as_of or (judged_at is not None and refreshed_at <= judged_at):
            told = account.feed.get("available_balance")
            found["available_balance"] = told if current is None or holds is None else current - holds
    return found


def _of_the_cycle(account: Account, days: int, available: int | None) -> Facts:
    """The mean of the last pay cycle; `available` is what the last of its days counts with."""
    known, sound = account.balances, account.sound and not account.partial
    if available is None or not sound or any(account.as_of - timedelta(days=n) not in known for n in range(days)):
        return {}
    before = [known[account.as_of - timedelta(days=n)] for n in range(1, days)]
    return {"cycle_available_balance": floor(Fraction(sum(before) + available, days))}


@dataclass(frozen=True)
class Taken:
    """A float as it stood at the end of as_of."""

    amount: int
    due_on: date
    repaid_on: date | None
    as_of: date

    @property
    def past_due(self) -> bool:
        return self.repaid_on is None and self.due_on < self.as_of

    @property
    def late(self) -> bool:
        return self.past_due or (self.repaid_on is not None and self.repaid_on > self.due_on)

    @property
    def settled_on(self) -> date | None:
        """When it was repaid; as_of while it is past due; None while it is neither."""
        return self.as_of if self.past_due else self.repaid_on


def taken_floats(rows: Rows, as_of: date) -> list[Taken]:
    return [
        Taken(
            row["amount"],
            row["due_on"],
            row["repaid_on"] if row["repaid_on"] is not None and row["repaid_on"] <= as_of else None,
            as_of,
        )
        for row in rows.get("floats", ())
        if row["taken_on"] <= as_of
    ]


def _has_floats(rows: Rows, currency: str) -> bool:
    return any(row["currency"] == currency for row in rows.get("float_histories", ()))


def float_facts(rows: Rows, as_of: date, currency: str) -> Facts:
    if not _has_floats(rows, currency):
        return {}
    taken = taken_floats(rows, as_of)
    repaid = [each for each in taken if each.repaid_on is not None]
    settled = sorted((each for each in taken if each.settled_on), key=lambda each: (each.settled_on, each.late))
    latest = settled[::-1]
    seen = [row for row in rows.get("floats", ()) if row["taken_on"] <= as_of]
    # Nothing is collected before it is due, unless it was repaid before.
    owed = [row for row in seen if row["due_on"] <= as_of or (row["repaid_on"] and row["repaid_on"] <= as_of)]
    attempts = sum(row["collection_attempts"] for row in owed)
    late_on = [each.settled_on for each in settled if each.late and each.settled_on]
    return {
        "float_count": len(repaid),
        "float_rank": min(8, len(repaid)),
        "outstanding_floats": len(taken) - len(repaid),
        "late_floats": sum(each.past_due for each in taken),
        "floats_ever_late": len(late_on),
        "on_time_streak": len(list(takewhile(lambda each: not each.late, latest))),
        "days_since_late": (as_of - max(late_on)).days if late_on else None,
        "repayments_of_6": len(latest[:6]),
        "on_time_of_6": sum(not each.late for each in latest[:6]),
        "collection_error_ratio": sum(row["collection_failures"] for row in owed) / attempts if attempts else 0.0,
        "largest_repaid": max((each.amount for each in repaid), default=0),
    }


def user_facts(rows: Rows, as_of: date, currency: str) -> Facts:
    """What the user, subscription, loan and score services and the screening say."""
    found: Facts = {}
    for row in rows.get("users", ()):
        found |= {"user_found": True} | {name: row[name] for name in ("good_standing", "fraud_hit", "segment")}
        status, looked_up = row["covered_borrower"], row["covered_borrower_on"]
        if status is not None and looked_up is not None and looked_up <= as_of:
            found |= {"user_covered_borrower": status, "user_covered_borrower_age_days": (as_of - looked_up).days}
    if rows.get("subscriptions"):
        paid = [row for row in rows.get("renewals", ()) if row["paid_on"] is not None and row["paid_on"] <= as_of]
        found |= {"renewals_paid": len(paid), "subscription_rank": min(8, len(paid))}
        unpaid = [row["due_on"] for row in rows.get("renewals", ()) if row not in paid and row["due_on"] < as_of]
        found["renewals_in_a_row"] = sum(not unpaid or row["due_on"] > max(unpaid) for row in paid)
        ages = [max(0, (as_of - row["due_on"]).days) for row in paid]
        found["days_since_renewal"] = min(ages, default=None)
    for row in rows.get("ongoing_loans", ()):
        if row["currency"] == currency:
            running = [
                loan for loan in rows.get("loans", ()) if loan["status"] == "open" and loan["opened_on"] <= as_of
            ]
            found["loans_open"] = len(running)
            found["loan_instalments"] = sum(loan["monthly_instalment"] for loan in running)
    for row in rows.get("scores", ()):
        found["payback_prediction"] = row["payback_prediction"]
        found["score_model"] = " ".join(filter(None, (row.get("model"), row.get("model_version")))) or None
        ranked = sorted(rows.get("score_factors", ()), key=lambda factor: factor["rank"])
        found |= {f"score_factor_{place}": factor["text"] for place, factor in enumerate(ranked, start=1)}
        for bracket in rows.get("bracket_scores", ()):
            name = f"cash_advance_score_{bracket['bracket']}"
            found[name] = min(bracket["score"], found.get(name, bracket["score"]))
    for row in rows.get("list_screenings", ()):
        found["list_match_score"], found["list_match_evidence"] = row["match_score"], row["match_evidence"]
        found["list_confirmed_score"] = row["confirmed_score"] or 0.0
        found["list_age_days"] = row["list_age_days"]
    return found


def limit_facts(rows: Rows, as_of: date, currency: str) -> Facts:
    found: Facts = {}
    for row in rows.get("current_limits", ()):
        raised_on = row["raised_on"]
        lowered_on, below_since = row["lowered_on"], row["below_since"]
        if row["currency"] != currency or any(day is not None and day > as_of for day in (raised_on, lowered_on)):
            continue
        found |= {"current_limit": row["amount"], "runs_below": row["runs_below"]}
        if raised_on is not None:
            found["days_since_raise"] = (as_of - raised_on).days
        if lowered_on is not None:
            found["days_since_lowering"] = (as_of - lowered_on).days
        if below_since is not None and row["runs_below"]:
            found["days_below"] = (as_of - below_since).days
        if _has_floats(rows, currency):
            on_time = [each for each in taken_floats(rows, as_of) if each.repaid_on and not each.late]
            found["on_time_since_raise"] = sum(raised_on is None or each.repaid_on > raised_on for each in on_time)
    return found
