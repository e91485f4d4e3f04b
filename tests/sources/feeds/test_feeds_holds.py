"""A pending debit holds money until it is booked, until it expires, or until its booking is there without saying so."""

from datetime import timedelta

import pytest
from support.feeds import AS_OF, feed, row


def on(days: int):
    return AS_OF - timedelta(days=days)


@pytest.mark.parametrize(("days", "held"), [(0, 50_00), (9, 50_00), (10, 50_00), (11, 0), (90, 0)])
def test_a_hold_expires_after_ten_days(days, held):
    assert feed(row(-50_00, "SHELL", on=on(days), pending=True)).holds == held


@pytest.mark.parametrize(
    ("booked", "held"),
    [(50_00, 0), (35_00, 0), (34_99, 50_00), (65_00, 0), (65_01, 50_00)],
)
def test_a_booking_of_about_the_amount_ends_the_hold_of_its_payee(booked, held):
    rows = [row(-50_00, "LA TRATTORIA", on=on(3), pending=True), row(-booked, "LA TRATTORIA", on=on(1))]
    assert feed(*rows).holds == held


@pytest.mark.parametrize(("apart", "held"), [(-1, 50_00), (0, 0), (7, 0), (8, 50_00)])
def test_it_follows_within_a_week(apart, held):
    rows = [row(-50_00, "LA TRATTORIA", on=on(9), pending=True), row(-50_00, "LA TRATTORIA", on=on(9 - apart))]
    assert feed(*rows).holds == held


def test_another_payee_s_booking_ends_nothing():
    rows = [row(-50_00, "LA TRATTORIA", on=on(3), pending=True), row(-50_00, "BARNES NOBLE", on=on(1))]
    assert feed(*rows).holds == 50_00


def test_one_booking_ends_one_hold():
    pending = [row(-50_00, "LA TRATTORIA", on=on(days), pending=True) for days in (3, 2)]
    assert feed(*pending, row(-52_00, "LA TRATTORIA", on=on(1))).holds == 50_00
    assert feed(*pending, *[row(-52_00, "LA TRATTORIA", on=on(1))] * 2).holds == 0


def test_a_booking_that_names_its_hold_ends_no_other():
    rows = [
        row(-50_00, "LA TRATTORIA", on=on(3), pending=True, transaction_id="p"),
        row(-51_00, "LA TRATTORIA", on=on(3), pending=True, transaction_id="q"),
        row(-50_00, "LA TRATTORIA", on=on(1), transaction_id="b", settles="p"),
    ]
    assert feed(*rows).holds == 51_00


@pytest.mark.parametrize("asked", [1_00, 175_00])
def test_a_fuel_pump_asks_for_any_amount(asked):
    gas = {"codes": ("TRANSPORTATION_GAS", "TRANSPORTATION")}
    rows = [row(-asked, "SHELL", on=on(2), pending=True, **gas), row(-43_21, "SHELL", on=on(1), **gas)]
    assert feed(*rows).holds == 0


def test_a_deposit_on_its_way_holds_nothing_and_ends_nothing():
    rows = [row(50_00, "LA TRATTORIA", on=on(3), pending=True), row(-50_00, "LA TRATTORIA", on=on(2), pending=True)]
    assert feed(*rows, row(50_00, "LA TRATTORIA", on=on(1))).holds == 50_00
