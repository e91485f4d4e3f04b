"""What looks like pay and is none, what looks like nothing and is pay, and what a reversal takes back."""

from datetime import timedelta

import pytest
from support.feeds import AS_OF, CHECKING, SAVINGS, feed, judged, row
from support.users import user_facts_of

from underwriting.domain.histories import INCOME

OTHER_INCOME = ("INCOME_OTHER_INCOME", "INCOME")
WAGES = ("INCOME_WAGES", "INCOME")
RENT = ("RENT_AND_UTILITIES_RENT", "RENT_AND_UTILITIES")


def days_ago(days):
    return AS_OF - timedelta(days=days)


@pytest.mark.parametrize(
    ("says", "category"),
    [
        # Lenders and advances, also of names that no list has.
        ("LENDUMO DIRECT DEP", "loan"),
        ("QZ LOANS DES:PAYROLL ID:0042 PPD", "loan"),
        ("PAYROLL ADVANCE XYZ", "advance"),
        ("XYZ SALARY ADVANCE DIRECT DEP", "advance"),
        ("BRIGHTADVANCE DIRECT DEP", "advance"),
        ("EARNIN DIRECT DEP", "advance"),
        ("DAVE DIRECT DEP", "advance"),
        ("ADVANCE AUTO PARTS PAYROLL", None),
        ("QUIKCASH DIRECT DEP", None),
        ("SPOTLOAN DIRECT DEP", "loan"),
        ("NORTH FUNDING DIRECT DEP", None),
        # Winnings, assets sold, claims, retirement savings.
        ("CASINO PAYOUT", "gambling"),
        ("STATE LOTTERY PRIZE", "gambling"),
        ("COINBASE PAYOUT", "proceeds"),
        ("SCHWAB BROKERAGE MONEYLINK", "proceeds"),
        ("GEICO CLAIM PAYMENT", "proceeds"),
        ("401K WITHDRAWAL", "proceeds"),
        ("VANGUARD ROTH IRA DISTRIBUTION", "proceeds"),
        ("EBAY PAYOUT", "proceeds"),
        ("QZX PAYOUT", None),
        # What comes from the state once, from persons, and over a counter.
        ("STATE TAX REFUND", "transfer"),
        ("CITY DEPT OF REVENUE", "transfer"),
        ("ZELLE FROM JANE ROE UNEMPLOYMENT PAYROLL", "transfer"),
        ("VENMO CASHOUT UBER", "transfer"),
        ("CHECK FROM EDD SMITH", None),
        ("CHECK FROM IRA SNAP", None),
        ("CASH DEPOSIT", None),
        ("STUDENT LOAN DISBURSEMENT", "loan"),
        ("UNIVERSITY FINANCIAL AID", "proceeds"),
        ("KLARNA PAYOUT", "loan"),
        ("CASH BACK REWARD", "refund"),
    ],
)
@pytest.mark.parametrize("codes", [(), OTHER_INCOME])
def test_no_income(says, category, codes):
    assert judged(5000, says, codes=codes)[0] == category


@pytest.mark.parametrize(
    ("says", "codes", "category"),
    [
        ("ACME STAFFING PAYROLL", (), "wages"),
        ("ACME CASINO PAYROLL", (), "wages"),
        ("GUSTO ACME 0042", (), "wages"),
        ("NÓMINA ACME SA", (), "wages"),
        ("ACME GMBH LOHN", (), "wages"),
        ("QUICKFETCH COURIER PAYOUT", (), "gig"),
        ("QUICKFETCH DRIVER EARNINGS", ("TRANSFER_IN_ACCOUNT_TRANSFER", "TRANSFER_IN"), "gig"),
        ("QZX PAYOUT", ("INCOME_GIG_ECONOMY", "INCOME"), "gig"),
        ("QZX 0042", ("INCOME_CONTRACTOR", "INCOME"), "gig"),
        ("QZX 0042", WAGES, "wages"),
        ("STATE OF CALIFORNIA EDD", (), "benefits"),
        ("SSA TREAS 310", (), "benefits"),
        ("ADVANCED HEALTH PAYROLL", (), "wages"),
        ("SLOAN HOSPITAL PAYROLL", (), "wages"),
    ],
)
def test_pay_that_does_not_look_like_it(says, codes, category):
    assert judged(160, says, codes=codes)[0] == category


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("TRANSFER_IN_CASH_ADVANCES_AND_LOANS", "loan"),
        ("LOAN_DISBURSEMENTS_EWA", "advance"),
        ("LOAN_DISBURSEMENTS_PERSONAL", "loan"),
        ("ENTERTAINMENT_CASINOS_AND_GAMBLING", "gambling"),
        ("TRANSFER_IN_ACCOUNT_TRANSFER", "wages"),
    ],
)
def test_a_provider_that_says_debt_or_bet_is_believed_before_the_words_of_pay(code, category):
    primary = "LOAN_DISBURSEMENTS" if code.startswith("LOAN") else "TRANSFER_IN"
    assert judged(500, "KZQ PAYROLL DIRECT DEP", codes=(code, primary))[0] == category


@pytest.mark.parametrize(
    ("amount", "says", "codes", "category"),
    [
        (34, "NSF FEE REFUND", (), "overdraft_fee"),
        (34, "NSF FEE", (), "overdraft_fee"),
        (34, "REVERSAL 0042", ("BANK_FEES_INSUFFICIENT_FUNDS", "BANK_FEES"), "overdraft_fee"),
        (34, "OVERDRAFT FEE REVERSAL", ("INCOME_OTHER_INCOME", "INCOME"), "overdraft_fee"),
        (12, "MONTHLY FEE WAIVED", (), "fee"),
        (-1200, "REVERSAL ACME PAYROLL", (), "wages"),
        (-1200, "ACME PAYROLL REVERSED", ("TRANSFER_OUT_ACCOUNT_TRANSFER", "TRANSFER_OUT"), "wages"),
        (-1200, "RETURN ACME 0042", WAGES, "wages"),
        (-300, "UNEMPLOYMENT BENEFIT CORRECTION", (), "benefits"),
        (-100, "REVERSAL EARNIN", (), "advance"),
        (-100, "REVERSAL CASINO PAYOUT", (), "gambling"),
        (80, "KROGER REFUND", (), "refund"),
        (96, "RETURNED ITEM PROGRESSIVE", (), "returned"),
        (96, "DEBIT REVERSAL PROGRESSIVE", (), "returned"),
        # Money out that only sounds like it.
        (-20, "RETURN TO NATURE SHOP", (), "spending"),
        (-900, "REVERSE OSMOSIS WATER", (), "utilities"),
    ],
)
def test_a_reversal_has_the_category_of_what_it_reverses(amount, says, codes, category):
    assert judged(amount, says, codes=codes)[0] == category


@pytest.mark.parametrize(
    ("says", "codes", "category"),
    [
        ("ZELLE TO JOHN DOE", RENT, "housing"),
        ("VENMO PAYMENT RENT MARCH", (), "housing"),
        ("CHECK 1052 RENT", (), "housing"),
        ("ONLINE TRANSFER TO LANDLORD", ("TRANSFER_OUT_ACCOUNT_TRANSFER", "TRANSFER_OUT"), "housing"),
        ("ZELLE TO JOHN DOE", (), "transfer"),
        ("BILL PAY LENDUMO", ("TRANSFER_OUT_ACCOUNT_TRANSFER", "TRANSFER_OUT"), "loan"),
        ("ZELLE TO LENDUMO", (), "loan"),
        ("QZX 0042", ("LOAN_PAYMENTS_MORTGAGE_PAYMENT", "LOAN_PAYMENTS"), "loan"),
        ("QZX 0042", ("LOAN_PAYMENTS_CREDIT_CARD_PAYMENT", "LOAN_PAYMENTS"), "loan"),
        ("AFTERPAY INSTALLMENT", (), "loan"),
        ("LUCKY CASINO", (), "gambling"),
    ],
)
def test_rent_and_debts_are_what_they_are_whoever_passes_them_on(says, codes, category):
    assert judged(-900, says, codes=codes)[0] == category


@pytest.mark.parametrize(
    ("paid", "collected"),
    [
        ("BRIGHTADVANCE DIRECT DEP", "BRIGHTADVANCE REPAYMENT WEB ID 0042"),
        ("PAYROLL ADVANCE KASHKO INC", "KASHKO WAGE ADVANCE PMT AUSTIN TX"),
        ("LENDUMO LLC FUNDING", "ACH DEBIT LENDUMO LOAN PMT"),
        ("EARNIN 100", "Earnin PAYMENTRET 0042 WEB ID"),
        ("ONE MAIN LOAN PROCEEDS", "ONE MAIN LOAN PAYMENT OH"),
    ],
)
def test_a_lender_has_one_name_in_and_out(paid, collected):
    (kind, name), (kind_out, name_out) = judged(200, paid), judged(-209, collected)
    assert (kind, name) == (kind_out, name_out)
    assert kind in {"advance", "loan"}


@pytest.mark.parametrize(
    ("says", "category"),
    [
        # What persons and remittances bring is no pay, whatever the memo is.
        ("ZELLE FROM JOHN DOE SALARY", "transfer"),
        ("VENMO CASHOUT WAGES", "transfer"),
        ("CASH APP*JOHN DOE PAYROLL", "transfer"),
        ("ZELLEPAY JOHN DOE SALARY", "transfer"),
        ("REMITLY SALARY JANE", "transfer"),
        ("XOOM WAGES", "transfer"),
        ("PAYPAL JOHN DOE SALARY", None),
        ("WISE INC SALARY", None),
        ("ONLINE TRANSFER FROM DOE J SALARY", None),
        ("WIRE IN ORIG JOHN DOE PMT DET SALARY", None),
        ("REAL TIME PAYMENT CREDIT JOHN DOE WAGES", None),
        # Lent by the bank until a dispute is settled.
        ("PROVISIONAL CREDIT 0042", "proceeds"),
        ("PROVISIONAL CR AMAZON REFUND", "proceeds"),
        ("TEMPORARY CREDIT FOR DISPUTED CHARGE", "proceeds"),
        ("DISPUTE CREDIT AMAZON", "proceeds"),
        # Spent for the employer before.
        ("ACME PAYROLL EXPENSE REIMBURSEMENT", "proceeds"),
        ("RAMP REIMB DIRECT DEP", "proceeds"),
        # What is left of a student's loan.
        ("STATE UNIV STUDENT REFUND DIRECT DEP", "proceeds"),
        ("ECSI REFUND 0042", "proceeds"),
        ("AFLAC INS BENEFIT DIRECT DEP", None),
        ("PROGRESSIVE CLMS", "proceeds"),
        # Advances on pay.
        ("IMMEDIATE SOLUTIONS EWA PAYROLL", "advance"),
        ("ACME ON DEMAND PAY DIRECT DEP", "advance"),
        ("DAYFORCE WALLET", "advance"),
        ("CRYPTO.COM SALE", "proceeds"),
    ],
)
def test_no_income_by_memo_dispute_or_detour(says, category):
    assert judged(900, says)[0] == category


@pytest.mark.parametrize("code", ["INCOME_WAGES", "TRANSFER_IN_ACCOUNT_TRANSFER", "INCOME_OTHER_INCOME"])
@pytest.mark.parametrize("says", ["ZELLE FROM JOHN DOE SALARY", "REMITLY WAGES", "PAYPAL DOE SALARY"])
def test_a_person_s_memo_is_no_pay_whatever_the_provider_makes_of_it(says, code):
    assert judged(900, says, codes=(code, "INCOME"))[0] not in INCOME


@pytest.mark.parametrize(
    ("says", "codes", "category"),
    [
        ("WIRE TRANSFER ACME CORP SALARY", WAGES, "wages"),
        ("BEACON INSURANCE DIRECT DEP", WAGES, "wages"),
        ("BEACON INSURANCE PAYROLL", (), "wages"),
        ("WISE FOODS PAYROLL", (), "wages"),
    ],
)
def test_pay_with_further_evidence(says, codes, category):
    assert judged(900, says, codes=codes)[0] == category


class TestOfSeveralTransactions:
    def test_a_payer_that_collects_as_much_as_it_pays_is_no_employer(self):
        rows = [row(500_00, "KASHABLY DES:PAYROLL", on=days_ago(14 * n)) for n in range(6)]
        rows += [row(-545_00, "KASHABLY WEB PMT", on=days_ago(14 * n + 1)) for n in range(5)]
        assert {(one.category, one.counterparty) for one in feed(*rows).transactions} == {("loan", "kashably")}

    @pytest.mark.parametrize(
        ("code", "category"),
        [
            ("LOAN_PAYMENTS_EWA", "advance"),
            ("LOAN_PAYMENTS_PERSONAL_LOAN_PAYMENT", "loan"),
            ("ENTERTAINMENT_CASINOS_AND_GAMBLING", "gambling"),
            ("ENTERTAINMENT_VIDEO_GAMES", None),
        ],
    )
    def test_what_it_collects_tells_what_it_pays(self, code, category):
        codes = (code, "_".join(code.split("_")[:2]) if code.startswith("LOAN") else "ENTERTAINMENT")
        rows = [row(500_00, "KASHABLY DIRECT DEP", on=days_ago(14 * n)) for n in range(6)]
        rows += [row(-545_00, "KASHABLY", codes=codes, on=days_ago(14 * n + 1)) for n in range(5)]
        assert {one.category for one in feed(*rows).transactions if one.amount > 0} == {category}

    @pytest.mark.parametrize(
        ("repaid_as", "category"),
        [
            (("LOAN_PAYMENTS_CASH_ADVANCES",), "advance"),
            (("LOAN_PAYMENTS_CASH_ADVANCES", "LOAN_PAYMENTS_PERSONAL_LOAN_PAYMENT"), "loan"),
            (("LOAN_PAYMENTS_PERSONAL_LOAN_PAYMENT",), "loan"),
            ((), "loan"),
        ],
    )
    def test_who_collects_advances_only_has_paid_out_advances(self, repaid_as, category):
        paid = row(150_00, "QZX ADV", on=days_ago(30), codes=("TRANSFER_IN_CASH_ADVANCES_AND_LOANS",))
        repaid = [
            row(-155_00, "QZX ADV", on=days_ago(10 - number), codes=(code, "LOAN_PAYMENTS"))
            for number, code in enumerate(repaid_as)
        ]
        assert feed(paid, *repaid).transactions[0].category == category

    @pytest.mark.parametrize(
        ("employer", "lender"),
        [
            ("AMERICAN AIRLINES PAYROLL", "AMERICAN EXPRESS ACH PMT"),
            ("KOLBAR ACH CREDIT", "KOLBAR FINANCE LOAN PMT"),
            ("KOLBAR STAFFING DIRECT DEP", "KOLBAR LENDING WEB PMT"),
        ],
    )
    @pytest.mark.parametrize(
        ("codes", "pays", "taken", "category"),
        [
            (WAGES, 5, 1999_99, "wages"),
            # As much as was paid before the last pay: a lender has not collected that one yet.
            (WAGES, 5, 2000_00, None),
            (WAGES, 5, 2000_01, None),
            ((), 5, 1700_00, None),
            (WAGES, 2, 550_00, None),
        ],
    )
    def test_an_employer_and_a_lender_with_the_same_first_word(self, employer, lender, codes, pays, taken, category):
        wages = [row(1500_00, employer, on=days_ago(14 * n), codes=codes) for n in range(pays)]
        debts = [row(-taken, lender, on=days_ago(30 * n + 2)) for n in range(3)]
        found = feed(*wages, *debts).transactions
        if codes or "DIRECT" in employer or "PAYROLL" in employer:
            assert {one.category for one in found if one.amount > 0} == {category}
        assert {one.category for one in found if one.amount < 0} == {"loan"}

    @pytest.mark.parametrize(("taken", "category"), [(1999_99, None), (2000_00, "loan"), (2000_01, "loan")])
    def test_an_employer_that_lends_under_the_same_name_is_not_told(self, taken, category):
        wages = [row(1500_00, "KOLBAR PAYROLL", on=days_ago(14 * n), codes=WAGES) for n in range(5)]
        debts = [row(-taken, "KOLBAR MORTGAGE PMT", on=days_ago(30 * n + 2)) for n in range(3)]
        assert {one.category for one in feed(*wages, *debts).transactions if one.amount > 0} == {category}

    def test_a_lender_s_payouts_are_no_wages_whatever_code_they_have(self):
        paid = [row(500_00, "KASHABLY PAYROLL SVCS", on=days_ago(14 * n), codes=WAGES) for n in range(6)]
        taken = [row(-545_00, "KASHABLY LENDING WEB PMT", on=days_ago(14 * n + 1)) for n in range(5)]
        assert {one.category for one in feed(*paid, *taken).transactions if one.amount > 0} == {None}

    def test_a_cancelled_booking_is_no_pay_of_the_platform(self):
        rows = [row(-900_00, "AIRBNB HM4KX", on=days_ago(14 * n + 6)) for n in range(4)]
        rows += [row(900_00, "AIRBNB HM4KX", on=days_ago(14 * n + 1)) for n in range(4)]
        assert not {one.category for one in feed(*rows).transactions if one.amount > 0} & INCOME

    def test_wages_are_no_transfer_where_savings_are_moved_on_the_same_days(self):
        rows = [row(1000_00, "ZUNZEN KOLBAR ACH CREDIT", on=days_ago(14 * n + 2), codes=WAGES) for n in range(4)]
        rows += [row(-1000_00, "TRANSFER TO VANGUARD", account="savings", on=days_ago(14 * n)) for n in range(4)]
        found = feed(*rows, accounts=(CHECKING, SAVINGS)).transactions
        assert {one.category for one in found} == {"wages"}

    @pytest.mark.parametrize(("taken", "category"), [(499_99, "wages"), (500_00, "loan"), (500_01, "loan")])
    def test_half_of_what_it_pays_is_the_threshold(self, taken, category):
        rows = [row(500_00, "KASHABLY DES:PAYROLL", on=days_ago(day)) for day in (23, 9)]
        assert feed(*rows, row(-taken, "KASHABLY WEB PMT")).transactions[0].category == category

    def test_groceries_bought_from_one_s_employer_do_not_count(self):
        rows = [row(1000_00, "KROGER PAYROLL", on=days_ago(9)), row(-600_00, "KROGER")]
        assert feed(*rows).transactions[0].category == "wages"

    @pytest.mark.parametrize("codes", [(), OTHER_INCOME, ("TRANSFER_IN_SAVINGS", "TRANSFER_IN")])
    def test_savings_moved_over_are_a_transfer_even_if_the_code_calls_them_income(self, codes):
        rows = [row(500_00, "MISC CREDIT", codes=codes, on=days_ago(14 * n)) for n in range(6)]
        rows += [row(-500_00, "WITHDRAWAL", account="savings", on=days_ago(14 * n + 1)) for n in range(6)]
        found = feed(*rows, accounts=[CHECKING, SAVINGS])
        assert {one.category for one in found.transactions} == {"transfer"}
        assert user_facts_of("transactions", found, as_of=AS_OF)["recurring_deposits"] in {0, None}

    def test_savings_said_to_be_transferred_are_no_direct_deposit(self):
        rows = [row(500_00, "ALLIANCE BANK DIRECT DEP"), row(-500_00, "ONLINE TRANSFER TO CHK", account="savings")]
        assert [one.category for one in feed(*rows, accounts=[CHECKING, SAVINGS]).transactions] == ["transfer"]

    def test_wages_by_code_stay_where_as_much_leaves_for_somebody_else(self):
        rows = [row(900_00, "ACME CORP", codes=WAGES), row(-900_00, "CHECK 7", account="savings")]
        assert [one.category for one in feed(*rows, accounts=[CHECKING, SAVINGS]).transactions] == ["wages"]

    def test_four_fees_given_back_the_next_day(self):
        rows = [row(-34_00, "NSF FEE", on=days_ago(8 - n)) for n in range(4)]
        rows += [row(34_00, "FEE REVERSAL", on=days_ago(7 - n)) for n in range(4)]
        lines = feed(*rows).transactions
        assert {one.category for one in lines} == {"overdraft_fee"}
        assert sum(one.amount for one in lines) == 0

    @pytest.mark.parametrize(
        ("after", "says", "category"),
        [
            (1, "ACME CORP DES:REVERSAL", "wages"),
            (60, "ACME CORP DES:REVERSAL", "wages"),
            (61, "ACME CORP DES:REVERSAL", None),
            # To the cent what was paid, taken back within days, without a word.
            (0, "ACME CORP 0042", "wages"),
            (7, "ACME CORP 0042", "wages"),
            (8, "ACME CORP 0042", None),
            (1, "ZETA CORP DES:REVERSAL", None),
        ],
    )
    def test_a_pay_taken_back(self, after, says, category):
        pay = row(1200_00, "ACME CORP DES:PAYROLL", on=days_ago(70))
        back = feed(pay, row(-1200_00, says, on=days_ago(70 - after))).transactions[1]
        assert back.category == category

    def test_a_pay_booked_twice_and_reversed_once_is_one_pay(self):
        pays = [row(1200_00, "ACME PAYROLL", on=days_ago(14)) for _ in range(2)]
        lines = feed(*pays, row(-1200_00, "REVERSAL ACME PAYROLL", on=days_ago(13))).transactions
        assert sum(one.amount for one in lines if one.category in INCOME and one.counterparty == "acme") == 1200_00
