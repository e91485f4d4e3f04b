"""What a feed does not know makes unknown what depends on it, and nothing else."""

from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from support.random_users import random_feed
from support.slow_facts import transaction_facts
from support.users import AS_OF, JUDGED_AT, ago, feed, pay, user_facts_of

from rules.facts import compute_facts, tables_of, users_as_of
from underwriting.domain.decision import FactValue
from underwriting.domain.histories import TransactionFeed

LIVING = [(ago(days), -2_000, "groceries") for days in range(1, 89, 8)]
FORTNIGHTLY = pay(range(2, 300, 14), 120_000)
# Everything that the balances of the days before today are in.
BALANCES = {"average_balance", "cycle_available_balance", "negative_days_30d", "overdraft_days_60d", "healthy_days_60d"}
STREAM = {
    "recurring_deposits",
    "recurring_deposit_amount",
    "recurring_income_cv",
    "pay_period_days",
    "days_since_pay",
    "income_streams",
    "essential_spend_per_pay",
}
# What an unclassified transaction of either sign leaves open, and what was spent.
SPENT = {"spend_to_income", "essential_spend_per_pay"}


def control_feed(**changes: Any) -> TransactionFeed:
    """The control user: fortnightly wages of 1,200, ordinary spending."""
    given = {"opening": 100_000, "start": ago(300), "institution_id": "ins_3", "linked_accounts": 2}
    return feed(*FORTNIGHTLY, *LIVING, **given | changes)


def facts(**changes: Any) -> dict[str, FactValue]:
    return user_facts_of("transactions", control_feed(**changes))


def unknown(**changes: Any) -> set[str]:
    """The facts that a complete feed knows and the changed one does not; all others are as before."""
    before, now = facts(), facts(**changes)
    lost = {name for name, value in now.items() if value is None and before[name] is not None}
    kept = {name: value for name, value in now.items() if name not in lost}
    differ = {name for name, value in kept.items() if value != before[name]}
    assert differ <= {"feed_complete", "feed_connected", "balance_days_60d"}
    return lost


def test_a_complete_feed_leaves_nothing_open() -> None:
    assert [name for name, value in facts().items() if value is None] == []
    assert (facts()["feed_complete"], facts()["feed_connected"]) == (True, True)
    assert unknown(still_reading=False, login_required=False, changes_unknown=False) == set()


def test_while_older_transactions_are_read_the_age_and_the_streams_are_unknown() -> None:
    now = facts(still_reading=True)
    assert now["feed_complete"] is False
    per_pay = {"cycle_available_balance", "debt_service_per_pay"}
    assert unknown(still_reading=True) == {"history_days"} | per_pay | STREAM
    assert (now["current_balance"], now["negative_days_30d"]) == (facts()["current_balance"], 0)


def test_no_income_is_no_known_zero_while_older_transactions_are_read() -> None:
    said = user_facts_of("transactions", feed(*LIVING, start=ago(300), still_reading=True))
    assert (said["recurring_deposits"], said["income_streams"]) == (None, None)
    said = user_facts_of("transactions", feed(*LIVING, start=ago(300)))
    assert (said["recurring_deposits"], said["income_streams"]) == (0, 0)


def test_a_bank_that_was_not_asked_yet_says_only_that() -> None:
    said = user_facts_of(
        "transactions", feed(start=AS_OF).model_copy(update={"refreshed_at": None, "still_reading": True})
    )
    known = {name: value for name, value in said.items() if value is not None}
    assert known == {"feed_complete": False, "feed_connected": True}


def test_a_login_that_is_required_is_a_fact_of_its_own() -> None:
    assert facts(login_required=True)["feed_connected"] is False
    assert unknown(login_required=True) == set()


def test_without_a_current_balance_all_balances_are_unknown() -> None:
    lost = unknown(opening=None)
    assert lost == BALANCES | {"current_balance", "available_balance"}
    assert facts(opening=None)["balance_days_60d"] == 0


def test_what_the_bank_calls_available_stands_in_for_a_current_balance_that_is_not_known() -> None:
    said = facts(opening=None, available_balance=77_00)
    assert (said["current_balance"], said["available_balance"]) == (None, 77_00)
    assert facts(available_balance=77_00) == facts()
    assert facts(holds=None)["available_balance"] is None
    assert facts(holds=None, available_balance=77_00)["available_balance"] == 77_00
    assert unknown(holds=None) == {"available_balance", "cycle_available_balance"}
    told = control_feed().opening_balance + sum(line.amount for line in control_feed().transactions) - 10_00
    assert facts(holds=None, available_balance=told) == facts(holds=10_00)
    assert facts(opening=None, available_balance=77_00, refreshed=ago(4))["available_balance"] is None


def test_the_balances_of_one_user_are_not_another_s() -> None:
    """All accounts share one running sum: one that lacks its balance must not move the others."""
    ids = ["a", "b", "c"]
    feeds = [control_feed(), control_feed(opening=None), control_feed()]
    told = [tables_of(one, [document]) for one, document in zip(ids, feeds, strict=True)]
    tables = {name: pa.concat_tables([each[name] for each in told]) for name in told[0]}
    found = compute_facts("transactions", {**users_as_of(ids, AS_OF, JUDGED_AT, "USD"), **tables})
    alone = facts()
    for name in ("current_balance", "average_balance", "negative_days_30d", "healthy_days_60d"):
        assert [found[name].loc[one] for one in ("a", "c")] == [alone[name]] * 2
        assert found[name].isna().loc["b"]


@pytest.mark.parametrize(
    ("days", "lost"),
    [
        (29, {"overdraft_fees_30d", "returned_debits_30d"}),
        (30, {"negative_days_30d", "overdraft_fees_30d", "returned_debits_30d"}),
    ],
)
def test_an_unread_transaction_leaves_open_what_it_may_worsen_in_its_window(days: int, lost: set[str]) -> None:
    """Balances from its day on are walked back from today's, so they stand."""
    found = unknown(unread_on=ago(days))
    assert found >= {"returned_debits_60d", "returned_debits_90d", "transfer_ratio", "average_balance", *SPENT}
    thirty = {"negative_days_30d", "overdraft_fees_30d", "returned_debits_30d"}
    assert found & thirty == (lost if days < 30 else set())
    assert found & {"monthly_income", "recurring_deposits", "current_balance", "history_days"} == set()


@pytest.mark.parametrize(("days", "known"), [(28, False), (29, True)])
def test_negative_days_need_the_balances_of_the_whole_window(days: int, known: bool) -> None:
    assert (facts(unread_on=ago(days))["negative_days_30d"] is not None) is known


@pytest.mark.parametrize(("days", "known"), [(89, False), (90, True)])
def test_an_unread_transaction_before_the_window_changes_nothing(days: int, known: bool) -> None:
    found = unknown(unread_on=ago(days))
    assert (found == set()) is known
    assert ("spend_to_income" not in found) is known


def test_an_unread_transaction_may_be_the_pay_that_is_overdue() -> None:
    overdue = feed(*pay(range(16, 300, 14)), start=ago(300))
    assert user_facts_of("transactions", overdue)["days_since_pay"] == 16
    unread = overdue.model_copy(update={"unread_on": ago(3)})
    assert user_facts_of("transactions", unread)["days_since_pay"] is None
    none = feed(*LIVING, start=ago(300), unread_on=ago(3))
    assert user_facts_of("transactions", none)["recurring_deposits"] is None


def test_balances_before_an_unread_transaction_that_was_booked_after_the_day_are_unknown() -> None:
    now = facts(unread_on=ago(-1))
    assert (now["current_balance"], now["balance_days_60d"]) == (None, 0)


def test_where_the_bank_may_have_changed_any_transaction_only_dates_and_today_s_balance_stand() -> None:
    said = facts(changes_unknown=True, unread_on=AS_OF)
    assert {name for name, value in said.items() if value is not None} == {
        "feed_complete",
        "feed_connected",
        "history_days",
        "days_since_transaction",
        "feed_age_hours",
        "balance_days_60d",
        "current_balance",
        "available_balance",
        "linked_accounts",
        "institution_id",
    }


@pytest.mark.parametrize(("days", "since"), [(3, 3), (4, None)])
def test_a_stale_feed_does_not_know_the_latest_transaction(days: int, since: int | None) -> None:
    stale = feed((ago(days), -100, "groceries"), start=ago(300), refreshed=ago(days))
    assert user_facts_of("transactions", stale)["days_since_transaction"] == since


def with_gaps(draw: Random) -> tuple[TransactionFeed, date]:
    """A random feed with random gaps, and a day near its refresh."""
    whole = random_feed(draw)
    assert whole.refreshed_at is not None
    as_of = whole.refreshed_at.date() + timedelta(days=draw.choice([0, 0, 0, 1, 3, 4, -1, -5]))
    gaps = {
        "currency": "USD",
        "still_reading": draw.choice([None, False, True]),
        "changes_unknown": draw.choice([None, None, False, True]),
        "login_required": draw.choice([None, True]),
        "unread_on": draw.choice([None, None, as_of - timedelta(days=draw.randrange(-2, 95))]),
        "opening_balance": draw.choice([None, whole.opening_balance, whole.opening_balance]),
        "available_balance": draw.choice([None, 5]),
        "holds": draw.choice([None, 7, whole.holds]),
    }
    return whole.model_copy(update=gaps), as_of


@pytest.mark.parametrize("seed", range(4))
def test_the_slow_calculator_says_the_same_of_any_gaps(seed: int) -> None:
    draw = Random(seed)
    for _ in range(15):
        document, as_of = with_gaps(draw)
        judged_at = datetime(as_of.year, as_of.month, as_of.day, 12, tzinfo=UTC)
        found = user_facts_of("transactions", document, as_of=as_of, judged_at=judged_at)
        rows = {name: table.to_pylist() for name, table in tables_of("u", [document]).items()}
        slow = transaction_facts(rows, as_of, judged_at.replace(tzinfo=None), "USD")
        assert found == {name: pytest.approx(slow.get(name)) for name in found}
