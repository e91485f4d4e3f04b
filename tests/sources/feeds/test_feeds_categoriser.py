"""What a transaction is for, by the words that banks and payers use, by the provider's code, by sign and size."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.feeds import judged, row

from underwriting.domain.histories import INCOME, Category
from underwriting.sources.feeds.categoriser import categorise
from underwriting.sources.feeds.category_rules import category_rules


@pytest.mark.parametrize(
    ("amount", "says", "category", "name"),
    [
        # Payroll, whatever its descriptor adds.
        (1200, "CONTOSO LTD DES:PAYROLL ID:XXXXX INDN:JANE ROE CO ID:9111 PPD", "wages", "contoso"),
        (1200, "Contoso Ltd Payroll 260331", "wages", "contoso"),
        (1200, "Direct Deposit - Contoso Ltd", "wages", "contoso"),
        (1200, "CONTOSO LTD SALARY MARCH", "wages", "contoso"),
        # Public assistance and pensions.
        (1480, "SSA TREAS 310 XXSOC SEC 031526", "benefits", "Social Security"),
        (1480, "Social Security Administration", "benefits", "Social Security"),
        (914, "SSI TREAS 310 XXSUPP SEC", "benefits", "Supplemental Security Income"),
        (330, "VACP TREAS 310 XXVA BENEF", "benefits", "Veterans Affairs"),
        (441, "NYS DOL UI DD UI DD", "benefits", "Unemployment"),
        (441, "STATE OF NJ UNEMPLOYMNT", "benefits", "Unemployment"),
        (210, "CALFRESH EBT DEPOSIT", "benefits", "SNAP"),
        (2100, "CALPERS RETIREMENT PPD", "benefits", "calpers retirement"),
        (1900, "OPM1 TREAS 310 XXCIV SERV", "benefits", "Federal Pension"),
        # Platforms, of whose money out is a ride or a meal.
        (310, "Uber XX/XX PMNT RCVD Uber San Francisco CA", "gig", "Uber"),
        (-9, "UBER TRIP HELP.UBER.COM", "transport", "uber trip help uber"),
        (-19, "UBER EATS 8005928996", "spending", "uber eats"),
        (140, "DOORDASH, INC. DASHER PAYOUT", "gig", "DoorDash"),
        (75, "child support", "other_income", "Child Support"),
        (-75, "CHILD SUPPORT PMT", "family", "Child Support"),
        # Other providers' advances and their repayment.
        (150, "Dave Inc LOS ANGELES CA", "advance", "Dave"),
        (100, "POS Adjustment - Earnin Payment Rec Visa Direct", "advance", "EarnIn"),
        (-106, "Earnin PAYMENTRET XXXXX WEB ID", "advance", "EarnIn"),
        (95, "Brigit XX/XX PMNT RCVD", "advance", "Brigit"),
        (100, "Instacash Funds NEW YORK NY", "advance", "MoneyLion"),
        (110, "KLOVER APP BOOST CHICAGO IL", "advance", "Klover"),
        (60, "Cleo AI cash", "advance", "Cleo"),
        (50, "Albert", "advance", "Albert"),
        (175, "PMNT RCVD Empower Loans", "advance", "Empower"),
        (300, "Dave Jones Plumbing PAYROLL", "wages", "dave jones plumbing"),
        # What the bank charges, and what it sends back.
        (-35, "OVERDRAFT FEE FOR A TRANSACTION POSTED ON 03/02 HULU", "overdraft_fee", "overdraft fee for a"),
        (-34, "NSF FEE RETURNED ITEM", "overdraft_fee", "nsf fee item"),
        (29, "COURTESY NSF FEE RFND", "overdraft_fee", "courtesy nsf fee"),
        (96, "RETURNED ITEM PROGRESSIVE INS PREM NSF", "returned", "item progressive ins prem"),
        (96, "ACH RETURN CITY WATER", "returned", "city water"),
        (-3, "NON-CHASE ATM FEE-WITH", "fee", "non chase atm fee"),
        (-60, "ATM WITHDRAWAL 0042", "cash", "atm"),
        # Neither income nor spending.
        (500, "ZELLE FROM JOHN DOE ON 03/03 FOR SALARY", "transfer", "zelle john doe for"),
        (-40, "VENMO PAYMENT 99 PIZZA", "transfer", "venmo pizza"),
        (203, "NY STATE NYSTTAXRFD PPD", "transfer", "ny state nysttaxrfd"),
        (-300, "Online Banking transfer to SAV 1234", "transfer", "sav"),
        (120, "Internet transfer from Interest Checking", "transfer", "internet interest checking"),
        # Loans, essentials, the rest.
        (-250, "NAVIENT ONLINE PMT", "loan", "navient"),
        (-90, "Discover credit card payment", "loan", "discover"),
        (500, "SUNSHINE LOAN CREDIT", "loan", "sunshine"),
        (-1500, "ROCKET MORTGAGE MTG PYMTS", "loan", "rocket"),
        (-640, "RENT ACH ALDER PROPERTY MANAGEMENT", "housing", "rent alder property management"),
        (-110, "TRI COUNTY ELECTRIC BILL PAYMENT", "utilities", "tri county electric bill"),
        (-75, "POS PURCHASE KROGER #412 SPRINGFIELD", "groceries", "kroger springfield"),
        (-32, "CVS PHARMACY 0712", "health", "cvs pharmacy"),
        (-155, "GEICO PREM COLL PPD ID: 1", "insurance", "geico prem coll"),
        (-8, "NETFLIX.COM LOS GATOS CA", "spending", "netflix com los gatos"),
        (500, "United Airlines **** REFUND ****", "refund", "united airlines"),
        (4.22, "INTRST PYMNT", "interest", "intrst pymnt"),
        # Nobody can tell.
        (480, "Mobile Deposit", None, "mobile deposit"),
        (-480, "CHECK 1052", None, "check"),
        (100, "", None, None),
        (0, "Pending PAYROLL", None, "pending"),
    ],
)  # fmt: skip
def test_words_tell(amount, says, category, name):
    assert judged(amount, says) == (category, name)


@pytest.mark.parametrize(
    ("amount", "category"),
    [(0.99, "transfer"), (1.00, "advance"), (-14.99, "spending"), (-15.00, "advance"), (-15.01, "advance")],
)
def test_a_trial_deposit_is_no_advance_and_a_membership_no_repayment(amount, category):
    assert judged(amount, "DAVE INC LOS ANGELES") == (category, "Dave")


@pytest.mark.parametrize(
    ("amount", "says", "category"),
    [
        (-99.99, "TECTRA SUPPLIES", "spending"),
        (-100.00, "TECTRA SUPPLIES", "spending"),
        (-100.01, "TECTRA SUPPLIES", None),
        (99.99, "TECTRA SUPPLIES", None),
        (-20.00, "DEBIT 4471", None),
    ],
)
def test_a_small_payment_to_somebody_is_spending_and_a_larger_one_is_not_told(amount, says, category):
    assert judged(amount, says)[0] == category


@pytest.mark.parametrize(
    ("amount", "codes", "category"),
    [
        (900, ("INCOME_WAGES", "INCOME"), "wages"),
        (900, ("INCOME_SALARY", "INCOME"), "wages"),
        (900, ("INCOME_SOMETHING_NEW", "INCOME"), "other_income"),
        (900, ("INCOME_RETIREMENT_PENSION", "INCOME"), "benefits"),
        (900, ("INCOME_TAX_REFUND", "INCOME"), "transfer"),
        (-900, ("INCOME_WAGES", "INCOME"), None),
        (-80, ("FOOD_AND_DRINK_GROCERIES", "FOOD_AND_DRINK"), "groceries"),
        (-80, ("GENERAL_MERCHANDISE_SUPERSTORES", "GENERAL_MERCHANDISE"), "groceries"),
        (80, ("GENERAL_MERCHANDISE_ELECTRONICS", "GENERAL_MERCHANDISE"), "refund"),
        (-900, ("RENT_AND_UTILITIES_RENT", "RENT_AND_UTILITIES"), "housing"),
        (-35, ("BANK_FEES_OVERDRAFT_FEES", "BANK_FEES"), "overdraft_fee"),
        (-35, ("BANK_FEES_INSUFFICIENT_FUNDS", "BANK_FEES"), "overdraft_fee"),
        (-35, ("BANK_FEES_ATM_FEES", "BANK_FEES"), "fee"),
        (100, ("LOAN_DISBURSEMENTS_EWA", "LOAN_DISBURSEMENTS"), "advance"),
        (-100, ("LOAN_PAYMENTS_EWA", "LOAN_PAYMENTS"), "advance"),
        (900, ("TRANSFER_IN_CASH_ADVANCES_AND_LOANS", "TRANSFER_IN"), "loan"),
        (900, ("TRANSFER_IN_DEPOSIT", "TRANSFER_IN"), None),
        (900, ("TRANSFER_OUT_WITHDRAWAL", "TRANSFER_OUT"), None),
        (-900, ("A_CODE_OF_NEXT_YEAR",), None),
    ],
)
def test_the_provider_s_code_tells_where_the_sign_agrees(amount, codes, category):
    assert judged(amount, "QZX", codes=codes)[0] == category


def test_decisive_words_go_before_the_code_and_others_after_it():
    assert judged(100, "EARNIN", codes=("INCOME_WAGES", "INCOME"))[0] == "advance"
    assert judged(900, "ACME DES:PAYROLL", codes=("TRANSFER_IN_ACCOUNT_TRANSFER", "TRANSFER_IN"))[0] == "wages"
    assert judged(-100, "PURCHASE ACME", codes=("MEDICAL_DENTAL_CARE", "MEDICAL"))[0] == "health"


def test_a_provider_that_speaks_our_language_is_believed():
    assert judged(-100, "ACME PAYROLL", category=Category.HEALTH)[0] == "health"


def test_the_other_side_s_name_tells_as_well_as_the_description():
    assert judged(1480, "ACH CREDIT 0042", counterparty="Social Security Administration") == (
        "benefits",
        "Social Security",
    )
    assert judged(-40, "POS 0042", counterparty="Walmart") == ("groceries", "walmart")


@pytest.mark.parametrize(
    "descriptions",
    [
        ["ACME CORP DES:PAYROLL ID:0331 INDN:ROE", "ACME CORP DES:PAYROLL ID:0414 INDN:ROE", "Acme Corp. payroll 0428"],
        ["ADP CONTOSO PAYROLL MAR 15", "ADP CONTOSO PAYROLL APR 15"],
        ["SSA TREAS 310 XXSOC SEC", "SOC SEC 031526 SSA", "SOCIAL SECURITY ADMIN"],
        ["UBER USA 6787 EDI PAYMNT 0017", "Uber *PAYOUT 0321"],
    ],
)
def test_one_payer_has_one_name(descriptions):
    assert len({judged(1000, says)[1] for says in descriptions}) == 1


def test_a_name_that_begins_like_a_bank_s_word_is_one():
    assert judged(-20, "WEBSTER TELCO 0331")[1] == "webster telco"
    assert judged(-20, "CONTOSO TEL 0331")[1] == "contoso"


def test_no_words_stand_in_the_file_for_nothing():
    """Words that an earlier rule takes away from every amount would never be heard."""
    deaf = []
    for rule in (rule for layer in category_rules().layers for rule in layer.rules if not rule.reversal):
        size = max(float(rule.at_least), 0.5)
        amounts = [size if rule.sign == "in" else -size] if rule.sign else [size, -size]
        beside = min(rule.beside, default="")
        for text in (*rule.words, *(word for called in rule.names.values() for word in called)):
            says = f"{text.replace('*', 'qz')} {beside}"
            if rule.category not in {judged(amount, says)[0] for amount in amounts}:
                deaf.append((rule.category, rule.sign, text))
    assert deaf == []


def test_a_business_name_s_line_names_the_merchant():
    assert judged(-20, "BREX793 ACH. Merchant name: Brex Inc.")[1] == "brex"


@given(
    st.integers(-(10**12), 10**12),
    st.text(max_size=80),
    st.none() | st.text(max_size=40),
    st.lists(
        st.sampled_from([*(code for layer in category_rules().layers for code in layer.codes), "NEW"]), max_size=2
    ),
)
def test_any_words_have_a_category_that_fits_the_sign(amount, says, counterparty, codes):
    raw = row(amount, says, counterparty=counterparty, codes=tuple(codes))
    one = next(categorise([raw], "USD"))
    category, name = one.category, one.counterparty
    assert name is None or 0 < len(name) <= 100
    assert category is None or amount != 0 or codes
    if amount < 0 and not one.reversal:
        assert category not in INCOME | {Category.RETURNED, Category.REFUND, Category.INTEREST}
    if amount > 0:
        assert category not in {Category.SPENDING, Category.HOUSING, Category.CASH}


@given(st.text(max_size=60), st.integers(1, 10**6))
@example("\u1fb3 bank", 5)
@example("stra\u00dfe", 5)
def test_case_and_punctuation_say_nothing(says, amount):
    spaced = says.replace("-", " ").replace(".", " ")
    if spaced.upper().casefold() == spaced.casefold():
        assert judged(amount / 100, spaced.upper()) == judged(amount / 100, spaced)
