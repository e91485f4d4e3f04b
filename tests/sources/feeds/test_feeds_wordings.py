"""Wordings that stand in no list as they are: behind a wallet, turned round, shortened, beside other words."""

import pytest
from support.feeds import judged

OTHER_INCOME = ("INCOME_OTHER_INCOME", "INCOME")
SHOP = ("GENERAL_MERCHANDISE_OTHER_GENERAL_MERCHANDISE", "GENERAL_MERCHANDISE")


@pytest.mark.parametrize(
    "says",
    [
        "PAYPAL *DRAFTKINGS",
        "APPLE PAY FANDUEL",
        "SQ *LUCKY SLOTS",
        "PAYPAL *FANDUELSPOR",
        "PAYPAL *BETRIVERS",
        "VENMO *UNDERDOG",
        "CASH APP*PRIZEPICKS",
        "GOOGLE PAY HARD ROCK BET",
    ],
)
@pytest.mark.parametrize("codes", [(), SHOP])
def test_gambling_through_a_wallet(says, codes):
    assert judged(-50, says, codes=codes)[0] == "gambling"


@pytest.mark.parametrize(
    "says",
    [
        "OD ITEM CHG",
        "O/D CHARGE",
        "FEE - OVERDRAFT",
        "RET ITEM FEE",
        "UNCOLLECTED FUNDS CHARGE",
        "NEGATIVE BALANCE FEE",
    ],
)
@pytest.mark.parametrize("codes", [(), SHOP])
def test_a_fee_for_being_short_is_one_however_it_is_called(says, codes):
    assert judged(-34, says, codes=codes)[0] == "overdraft_fee"


@pytest.mark.parametrize(
    "says",
    ["R01 INSUFF FUNDS", "ELECTRONIC PMT RETURNED", "RETURN OF ACH DEBIT", "REVERSE ACH DEBIT", "DISHONORED ITEM"],
)
@pytest.mark.parametrize("codes", [(), SHOP, OTHER_INCOME])
def test_a_debit_sent_back_is_one_however_it_is_called(says, codes):
    assert judged(90, says, codes=codes)[0] == "returned"


@pytest.mark.parametrize(
    ("amount", "says", "category"),
    [
        (-5, "OVERDRAFT PROTECTION TRANSFER FEE", "fee"),
        (90, "RETURNED PURCHASE PAYMENT ZETA", None),
        (900, "ACH CREDIT ACME PAYROLL RTN 0042", "wages"),
        (900, "CALPERS RETIREMENT ACH RET", "benefits"),
        (-40, "FOODLAND EWA BEACH HI", "spending"),
        (900, "KZQ CREDIT LINE DRAW PAYROLL", None),
        (900, "KZQ SALARY ADV", None),
        (900, "ETRADE ESPP PAYROLL", "proceeds"),
        (900, "ESCROW REFUND", "proceeds"),
        (900, "ONLINE TRANSFER FROM RETIREMENT 0042", None),
        (900, "PAYPAL DOE UNEMPLOYMENT", None),
        (900, "WIRE IN DOE PENSION", None),
        (900, "TRANSFER FROM DOE CHILD SUPPORT", None),
        (900, "EDEPOSIT IN BRANCH", None),
        (35, "POS CREDIT ZETA", "refund"),
        (-55, "KZQ ADVANCE", None),
        (-55, "KZQ ADVANCE REPAYMENT", "loan"),
    ],
)
def test_words_with_another_sense_beside_others(amount, says, category):
    assert judged(amount, says)[0] == category


@pytest.mark.parametrize("says", ["PROVISIONAL CREDIT REVERSAL", "REVERSED TEMPORARY CREDIT"])
def test_a_provisional_credit_taken_back_is_no_spending(says):
    assert judged(-300, says)[0] == "proceeds"
