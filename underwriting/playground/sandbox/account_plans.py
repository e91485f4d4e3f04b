"""The recurring bookings of the sandbox's users: pay, expenses, and problems."""

from underwriting.playground.sandbox.account_bookings import RecurringBooking

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(7)
PAY_DESCRIPTION = "NORTHWIND TRADERS DES:PAYROLL ID:XXXXX1907 INDN:XXX XXX CO ID:XXXXXX4411 PPD"
# About 2,000 a month, 1,600 of it essential.
EXPENSES = (
    RecurringBooking("RENT ACH ALDER PROPERTY MANAGEMENT WEB ID: XXXX2201", -980, day=4),
    RecurringBooking("TRI COUNTY ELECTRIC BILL PAYMENT", -110, day=9, spread=0.15),
    RecurringBooking("T-MOBILE AUTOPAY PCS SVC XXXX0911", -70, day=12),
    RecurringBooking("GEICO PREM COLL PPD ID: XXXX0075", -120, day=16),
    RecurringBooking("POS PURCHASE KROGER #XXXX SPRINGFIELD", -75, day=SATURDAY, every=7, spread=0.2),
    RecurringBooking("SHELL SERVICE STATION XXXX2211", -35, day=TUESDAY, every=7, spread=0.2),
    RecurringBooking("CHECKCARD XXXX TEXAS ROADHOUSE #2140", -32, day=SUNDAY, every=7, spread=0.4),
    RecurringBooking("STARBUCKS STORE 0412", -7, day=WEDNESDAY, every=7, spread=0.3),
)
# About 1,250 a month, 1,190 of it essential.
LOW_EXPENSES = (
    RecurringBooking("RENT ACH ALDER PROPERTY MANAGEMENT WEB ID: XXXX2201", -740, day=5),
    RecurringBooking("HUMANA INS PREM WEB PMTS", -95, day=8),
    RecurringBooking("CITY WATER UTILITY PAYMENT", -85, day=11, spread=0.1),
    RecurringBooking("WALGREENS STORE 2210 PHARMACY", -30, day=14, spread=0.2),
    RecurringBooking("POS PURCHASE ALDI 0771 SPRINGFIELD", -55, day=FRIDAY, every=7, spread=0.2),
    RecurringBooking("DBT CRD COFFEE HOUSE 88", -12, day=MONDAY, every=7, spread=0.3),
)
SALARY_AND_EXPENSES = (RecurringBooking(PAY_DESCRIPTION, 1150, day=FRIDAY, every=14), *EXPENSES)
ADVANCES = tuple(
    booking
    for payout, collection, amount, weekday in (
        ("Dave Inc LOS ANGELES CA", "DEBIT CARD PURCHASE AT Dave Inc, Los Angeles, CA", 150, MONDAY),
        ("EARNIN TRANSFER XXXX8817", "Earnin PAYMENTRET XXXX8817 WEB ID: XXXX2210", 100, TUESDAY),
        ("Brigit XX/XX PMNT RCVD Brigit Visa Direct NY", "BRIGIT NEW YORK NY CARD XXXX", 75, WEDNESDAY),
        ("Instacash Funds NEW YORK NY", "MONEYLION INSTACASH PAYBACK", 100, THURSDAY),
    )
    for booking in (
        RecurringBooking(payout, amount, day=weekday, every=14),
        RecurringBooking(collection, -amount - 6, day=weekday + 11, every=14, ended=35),
    )
)
RETURNED_DEBITS = tuple(
    booking
    for day in (6, 13, 20, 27)
    for booking in (
        RecurringBooking("PROGRESSIVE INS PREM WEB PMTS", -96, day=day),
        RecurringBooking("RETURNED ITEM PROGRESSIVE INS PREM NSF", 96, day=day),
        RecurringBooking("NSF FEE RETURNED ITEM", -34, day=day),
    )
)
OVERDRAFTS = (
    RecurringBooking("DISCOVER E-PAYMENT XXXX", -700, day=7),
    *(RecurringBooking("OVERDRAFT FEE FOR A TRANSACTION POSTED ON XX/XX", -35, day=day) for day in (8, 17, 23)),
)
# 56 purchases a day.
MANY_PURCHASES = tuple(
    RecurringBooking(f"POS PURCHASE SNACK VENDING #{number}", -0.3, day=0, every=1, spread=0.5, times=8)
    for number in range(7)
)
