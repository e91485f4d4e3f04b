"""The histories: money reconciles, days lie where they may, and shares are those of the world."""

from datetime import date, timedelta

import numpy as np
import pytest

from underwriting.domain.histories import Category
from underwriting.playground.generator.bookings import code_of
from underwriting.playground.generator.calendar import Window, months_before
from underwriting.playground.generator.histories import Histories
from underwriting.playground.generator.tables import tables
from underwriting.playground.generator.traits import NEVER, kind
from underwriting.playground.generator.world import shipped_world

NOT_GENERATED = {
    Category.OTHER_INCOME,
    Category.REFUND,
    Category.INTEREST,
    Category.GAMBLING,
    Category.PROCEEDS,
}


@pytest.fixture(scope="module")
def rows(histories: Histories):
    return {name: table.to_pandas() for name, table in tables(histories).items()}


def test_the_opening_balance_and_all_amounts_make_the_balance_of_the_last_day(histories: Histories, rows) -> None:
    feeds = rows["feeds"].set_index("subject_id")
    booked = rows["transactions"].groupby("subject_id")["amount"].sum().reindex(feeds.index, fill_value=0)
    users = np.arange(len(feeds))
    closing = histories.account.balances[users, histories.traits.refreshed_on]
    assert (feeds["opening_balance"] + booked).tolist() == closing.tolist()


def test_a_floats_bookings_are_its_amount_and_its_repayment_with_the_fee(rows) -> None:
    feeds = rows["feeds"].set_index("subject_id")
    floats = rows["floats"].join(feeds[["covered_from", "refreshed_at"]], on="subject_id")
    until = floats["refreshed_at"].dt.date
    taken = floats[(floats["taken_on"] >= floats["covered_from"]) & (floats["taken_on"] <= until)]
    repaid = floats[floats["repaid_on"].notna()]
    repaid = repaid[(repaid["repaid_on"] >= repaid["covered_from"]) & (repaid["repaid_on"] <= until[repaid.index])]
    expected = [
        (who, day, amount) for who, day, amount in zip(taken.subject_id, taken.taken_on, taken.amount, strict=True)
    ]
    expected += [
        (who, day, -amount)
        for who, day, amount in zip(repaid.subject_id, repaid.repaid_on, repaid.amount + repaid.fee, strict=True)
    ]
    booked = rows["transactions"].query("category == 'own_float'")
    assert sorted(expected) == sorted(zip(booked.subject_id, booked.booked_on, booked.amount, strict=True))


def test_lines_are_numbered_from_zero_in_the_order_of_their_days(rows) -> None:
    for _, lines in rows["transactions"].groupby("subject_id"):
        assert lines["line_no"].tolist() == list(range(len(lines)))
        assert lines["booked_on"].is_monotonic_increasing


def test_nothing_is_booked_outside_the_feed(rows, window: Window) -> None:
    feeds = rows["feeds"].set_index("subject_id")
    lines = rows["transactions"].join(feeds[["covered_from", "refreshed_at"]], on="subject_id")
    assert (lines["booked_on"] >= lines["covered_from"]).all()
    assert (lines["booked_on"] <= lines["refreshed_at"].dt.date).all()
    assert feeds["refreshed_at"].dt.date.max() == window.end
    for table, column in (
        ("floats", "taken_on"),
        ("floats", "repaid_on"),
        ("renewals", "due_on"),
        ("renewals", "paid_on"),
    ):
        assert rows[table][column].dropna().max() <= window.end


def test_no_float_is_taken_while_another_is_open(rows) -> None:
    for _, floats in rows["floats"].groupby("subject_id"):
        ends = floats["repaid_on"].tolist()
        assert None not in ends[:-1]
        assert all(taken > end for taken, end in zip(floats["taken_on"].tolist()[1:], ends[:-1], strict=True))


def test_the_truth_of_a_month_is_what_its_floats_came_to(histories: Histories, rows) -> None:
    floats, window = histories.floats, histories.window
    truth = rows["repayments"].set_index(["subject_id", "month"])
    for number in np.flatnonzero(floats.taken_on >= window.month_start(window.month_numbers)[0]):
        who = f"u{floats.user[number]:09d}"
        month = (window.first + timedelta(days=int(floats.taken_on[number]))).replace(day=1)
        row, amount = truth.loc[who, month], floats.amount[number]
        assert (amount <= row.repays_up_to) == (floats.repaid_on[number] <= floats.due_on[number])
        assert (amount > row.returns_up_to) == (floats.repaid_on[number] == NEVER)
        assert row.advanced >= amount
        if amount > row.repays_up_to:
            assert not row.on_time
    assert truth["on_time"].isna().equals(truth["advanced"] == 0)
    assert (truth["loss"] <= truth["advanced"]).all()
    assert rows["repayments"]["month"].max() == date(2025, 9, 1)


def test_reliability_drives_history_and_repayment(histories: Histories) -> None:
    reliable = histories.traits.reliability > 0
    negative = (histories.account.balances < 0).mean(axis=1)
    late = np.bincount(
        histories.floats.user, weights=histories.floats.repaid_on > histories.floats.due_on, minlength=len(reliable)
    )
    assert negative[reliable].mean() < negative[~reliable].mean()
    assert late[reliable].mean() < late[~reliable].mean() / 2


def test_shares_are_those_of_the_world(histories: Histories, rows) -> None:
    world, traits, count = shipped_world(), histories.traits, len(histories.numbers)

    def near(found: float, share: float, of: int = count) -> bool:
        return abs(found - share) <= 4 * (share * (1 - share) / of) ** 0.5

    for name, share in world.pay.kinds.items():
        assert near(float((traits.pay == kind(world, name)).mean()), share), name
    wages = traits.pay == kind(world, "wages")
    for place, (name, share) in enumerate(world.pay.cycles.items()):
        assert near(float((traits.cycle[wages] == place).mean()), share, int(wages.sum())), name
    users = rows["users"]
    for name, share in world.users.segments.items():
        assert near(float((users["segment"] == name).mean()), share), name
    assert near(float(users["fraud_hit"].isna().mean()), world.users.fraud_unknown)
    assert near(1 - len(rows["scores"]) / count, world.scores.missing / 2)
    assert near(float((traits.refreshed_on < histories.window.days - 1).mean()), world.account.stale)
    assert near(float((traits.opened_on > 0).mean()), world.account.young)


@pytest.mark.parametrize("category", [each for each in Category if each not in NOT_GENERATED])
def test_every_kind_of_booking_occurs(histories: Histories, category: Category) -> None:
    assert (histories.bookings.category == code_of(category)).any()


def test_pay_never_comes_on_a_weekend_unless_late(histories: Histories) -> None:
    bookings, world = histories.bookings, shipped_world()
    wages = bookings.category == code_of(Category.WAGES)
    weekend = histories.window.weekday(bookings.day[wages]) > 4
    assert weekend.mean() < world.pay.late


@pytest.mark.parametrize(
    ("day", "months", "earlier"),
    [
        (date(2024, 3, 31), 1, date(2024, 2, 29)),
        (date(2025, 3, 31), 1, date(2025, 2, 28)),
        (date(2024, 2, 29), 12, date(2023, 2, 28)),
        (date(2025, 1, 15), 13, date(2023, 12, 15)),
    ],
)
def test_months_before_a_day_end_with_the_month(day: date, months: int, earlier: date) -> None:
    assert months_before(day, months) == earlier


def test_a_leap_day_is_a_day_of_the_window() -> None:
    window = Window(date(2024, 3, 31), 2)
    assert (window.first, window.days) == (date(2024, 2, 1), 60)
    (last,) = window.day_of_month(np.array([2024 * 12 + 1]), np.array([31]))
    assert window.first + timedelta(days=int(last)) == date(2024, 2, 29)
    (wednesday,) = window.nth_wednesday(np.array([2024 * 12 + 2]), np.array([2]))
    assert window.first + timedelta(days=int(wednesday)) == date(2024, 3, 13)
