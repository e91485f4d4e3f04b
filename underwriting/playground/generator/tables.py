"""The histories of some users as Arrow tables."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from underwriting.playground.generator import services
from underwriting.playground.generator.bookings import CATEGORIES, numbered
from underwriting.playground.generator.columns import Column, days, optional, subject_ids, table, text
from underwriting.playground.generator.draws import Ints
from underwriting.playground.generator.floats import Floats
from underwriting.playground.generator.histories import Histories
from underwriting.playground.generator.layout import CURRENT_LIMITS, REPAYMENTS, schema
from underwriting.playground.generator.services import Rows
from underwriting.playground.generator.traits import NEVER

_MICROSECONDS_A_MINUTE, _MINUTES_A_DAY = 60_000_000, 1_440
# Feeds are refreshed in the first hours of a day, before the nightly run.
_REFRESHED_BEFORE = 300


def tables(histories: Histories) -> dict[str, pa.Table]:
    """Every table of the layout and every side file, rows by user."""
    ids = subject_ids(histories.numbers)
    return {name: _table(histories, name, ids, *rows(histories)) for name, rows in _ROWS.items()}


def _table(histories: Histories, name: str, ids: list[str], user: Ints, columns: dict[str, Column]) -> pa.Table:
    if "currency" in schema(name).names:
        columns = {**columns, "currency": text(np.zeros(len(user), dtype=np.int64), [histories.world.currency])}
    return table(schema(name), ids, user, columns)


def _everybody(histories: Histories) -> Rows:
    return np.arange(len(histories.numbers)), {}


def _transactions(histories: Histories) -> Rows:
    shown = histories.bookings.take(histories.seen)
    columns = {
        "line_no": numbered(shown.user),
        "booked_on": days(shown.day + histories.window.epoch),
        "amount": shown.amount,
        "category": text(shown.category, CATEGORIES),
        "counterparty": text(shown.payee, histories.payees.names),
    }
    return shown.user, columns


def _feeds(histories: Histories) -> Rows:
    data, draws, traits = histories.world.account, histories.draws, histories.traits
    user, opened_on = np.arange(len(histories.numbers)), traits.opened_on
    before = np.where(opened_on > 0, histories.account.balances[user, opened_on - 1], histories.account.opening)
    minute = draws.between("refreshed", 0, _REFRESHED_BEFORE)
    day = traits.refreshed_on + histories.window.epoch
    columns: dict[str, Column] = {
        "institution_id": text(draws.pick("institution", data.institution_shares), data.institutions),
        "linked_accounts": 1 + draws.pick("linked", data.linked),
        "covered_from": days(opened_on + histories.window.epoch),
        "opening_balance": before,
        "holds": np.where(draws.chance("holds", data.holds), draws.between("held", *data.held), 0),
        "refreshed_at": pa.array((day * _MINUTES_A_DAY + minute) * _MICROSECONDS_A_MINUTE).cast(
            schema("feeds").field("refreshed_at").type
        ),
    }
    return user, columns


def _floats(histories: Histories) -> Rows:
    floats, window = histories.floats, histories.window
    attempts, failures = floats.collections(window.days - 1)
    open_ = floats.repaid_on > window.days - 1
    columns = {
        "float_id": _float_ids(histories, floats),
        "amount": floats.amount,
        "fee": floats.fee,
        "taken_on": days(floats.taken_on + window.epoch),
        "due_on": days(floats.due_on + window.epoch),
        "repaid_on": days(floats.repaid_on + window.epoch, open_),
        "collection_attempts": attempts,
        "collection_failures": failures,
    }
    return floats.user, columns


def _float_ids(histories: Histories, floats: Floats) -> pa.Array:
    owners = histories.numbers[floats.user].tolist()
    ids = [f"f{owner:09d}-{number}" for owner, number in zip(owners, floats.number.tolist(), strict=True)]
    return pa.array(ids, pa.string())


def _current_limits(histories: Histories) -> Rows:
    limits = histories.limits
    columns: dict[str, Column] = {
        "amount": limits.amount,
        "raised_on": days(limits.raised_on + histories.window.epoch, limits.raised_on == NEVER),
        "runs_below": np.zeros_like(limits.amount),
    }
    return np.arange(len(limits.amount)), columns


def _repayments(histories: Histories) -> Rows:
    """A row for each user and month, from the window's first to the one after its last."""
    window, floats = histories.window, histories.floats
    months = np.r_[window.month_numbers, window.month_numbers[-1] + 1]
    users = np.arange(len(histories.numbers))
    capacity = histories.capacity.of(users, np.broadcast_to(months, (len(users), len(months)))).ravel()
    month = window.month_of(floats.taken_on) - months[0]
    cell = (floats.user * len(months) + month)[month >= 0]

    def total(of: Ints) -> Ints:
        weights = np.broadcast_to(of, month.shape)[month >= 0]
        return np.bincount(cell, weights=weights, minlength=len(capacity)).astype(np.int64)

    advanced, lost = total(floats.amount), total(floats.amount * (floats.repaid_on == NEVER))
    late = total((floats.repaid_on > floats.due_on).astype(np.int64))
    columns: dict[str, Column] = {
        "month": days(np.tile(window.month_start(months) + window.epoch, len(users))),
        "advanced": advanced,
        "on_time": optional(late == 0, advanced == 0),
        "loss": lost,
        "repays_up_to": capacity,
        "returns_up_to": np.floor(capacity * histories.world.floats.lost_above).astype(np.int64),
    }
    return np.repeat(users, len(months)), columns


_ROWS: dict[str, Callable[[Histories], Rows]] = {
    "transactions": _transactions,
    "feeds": _feeds,
    "floats": _floats,
    "float_histories": _everybody,
    "users": lambda of: services.users(of.world, of.window, of.draws),
    "subscriptions": _everybody,
    "renewals": lambda of: services.renewals(of.world, of.window, of.traits, of.draws),
    "scores": lambda of: services.predictions(of.world, of.traits, of.draws),
    "bracket_scores": lambda of: services.bracket_scores(of.world, of.traits, of.draws),
    "list_screenings": lambda of: services.screenings(of.world, of.draws),
    CURRENT_LIMITS: _current_limits,
    REPAYMENTS: _repayments,
}
