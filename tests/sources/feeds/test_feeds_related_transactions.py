"""What several transactions tell together: which lines are one lender's, and which debits came back unpaid."""

from datetime import timedelta

import pytest
from support.feeds import AS_OF, feed, row

SHOP = ("GENERAL_MERCHANDISE_OTHER_GENERAL_MERCHANDISE", "GENERAL_MERCHANDISE")


def days_ago(days):
    return AS_OF - timedelta(days=days)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GREEN DOT LOAN PMT", "GREEN ARROW LOAN PMT"),
        ("BRIGHT CASH ADVANCE", "BRIGHT LENDING"),
        ("AMERICAN EXPRESS ACH PMT", "AMERICAN WEB LOAN"),
        ("CAPITAL ONE AUTO LOAN", "CAPITAL GOOD FUND LOAN"),
        ("CAPITAL ONE MOBILE PMT", "CREDIT ONE BANK PMT"),
        ("LENDING CLUB LOAN PMT", "LENDING POINT LOAN PMT"),
    ],
)
def test_lenders_that_share_a_word_are_two(one, other):
    rows = [row(-100_00, one), row(-100_00, other), row(-100_00, one)]
    first, second, third = feed(*rows).transactions
    assert first.counterparty == third.counterparty != second.counterparty


@pytest.mark.parametrize(
    "lines",
    [
        ("KOLBAR FINANCE LLC LOAN", "KOLBAR FINANCE 4711 LOAN", "KOLBAR FIN LOAN PMT", "KOLBAR FINANCE LOAN AUSTIN TX"),
        ("KOLBAR LOANS NEW YORK NY", "KOLBAR LOANS SALT LAKE CITY UT", "KOLBAR LOAN COLLECTION 0042"),
        ("KOLBAR CASH ADVANCE", "KOLBAR ADVANCE REPAYMENT", "KOLBAR INC CASH ADVANCE LOS ANGELES"),
    ],
)
def test_one_lender_is_one_whatever_its_lines_add(lines):
    assert len({one.counterparty for one in feed(*(row(-100_00, says) for says in lines)).transactions}) == 1


def test_what_begins_the_names_of_two_lenders_is_neither():
    lines = ("GREEN LOAN PMT", "GREEN DOT LOAN PMT", "GREEN ARROW LOAN PMT")
    assert len({one.counterparty for one in feed(*(row(-100_00, says) for says in lines)).transactions}) == 3


class TestReturnedDebits:
    @pytest.mark.parametrize(
        ("says", "category"),
        [
            ("PLANET GYM RTN UNCOLLECTED", "returned"),
            ("UNPAID PLANET GYM", "returned"),
            ("REJECTED 0042", "returned"),
            # May be the bank or the merchant.
            ("PLANET GYM", None),
            ("REVERSAL PLANET GYM", None),
            ("RETURN PLANET GYM", None),
            # A merchant gives back what was bought.
            ("PLANET GYM REFUND", "refund"),
            ("PURCHASE PLANET GYM", "refund"),
            ("ZETA BOOKS", "refund"),
        ],
    )
    @pytest.mark.parametrize(("days", "is_near"), [(0, True), (7, True), (8, False)])
    def test_all_of_a_debit_that_comes_back_within_days(self, says, category, days, is_near):
        rows = [row(-40_00, "PLANET GYM 0042", on=days_ago(9)), row(40_00, says, on=days_ago(9 - days), codes=SHOP)]
        if not is_near:
            category = None if category == "returned" else "refund"
        assert feed(*rows).transactions[1].category == category

    @pytest.mark.parametrize(("amount", "category"), [(39_99, "refund"), (40_00, None), (40_01, "refund")])
    def test_a_part_of_a_debit_is_a_merchant_s_refund(self, amount, category):
        rows = [row(-40_00, "PLANET GYM", on=days_ago(1)), row(amount, "PLANET GYM", codes=SHOP)]
        assert feed(*rows).transactions[1].category == category

    def test_a_purchase_by_card_is_not_sent_back_unpaid(self):
        rows = [row(-40_00, "POS PURCHASE PLANET GYM", on=days_ago(1)), row(40_00, "PLANET GYM", codes=SHOP)]
        assert feed(*rows).transactions[1].category == "refund"

    @pytest.mark.parametrize(
        ("says", "category"), [("KOLBAR RTN UNPAID", "returned"), ("KOLBAR 0042", None), ("ZETA 0042", "loan")]
    )
    def test_a_payment_on_a_debt_that_comes_back(self, says, category):
        codes = ("LOAN_PAYMENTS_CREDIT_CARD_PAYMENT", "LOAN_PAYMENTS")
        rows = [row(-200_00, "KOLBAR 0042", on=days_ago(2), codes=codes), row(200_00, says, codes=codes)]
        assert feed(*rows).transactions[1].category == category

    def test_an_advance_of_what_was_just_repaid_is_an_advance(self):
        rows = [row(-100_00, "EARNIN", on=days_ago(1)), row(100_00, "EARNIN")]
        assert {one.category for one in feed(*rows).transactions} == {"advance"}

    def test_without_a_code_it_is_known_by_the_debit(self):
        rows = [row(-40_00, "PLANET GYM", on=days_ago(1)), row(40_00, "PLANET GYM BOUNCED")]
        assert feed(*rows).transactions[1].category == "returned"
