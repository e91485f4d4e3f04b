"""What comes back on the accounts of the sandbox's users: pay, living, and what goes wrong."""

from underwriting.playground.sandbox.accounts import Regular

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(7)
PAY = "NORTHWIND TRADERS DES:PAYROLL ID:XXXXX1907 INDN:XXX XXX CO ID:XXXXXX4411 PPD"
# About 2,000 a month, of it 1,600 essential.
LIVING = (
    Regular("RENT ACH ALDER PROPERTY MANAGEMENT WEB ID: XXXX2201", -980, day=4),
    Regular("TRI COUNTY ELECTRIC BILL PAYMENT", -110, day=9, spread=0.15),
    Regular("T-MOBILE AUTOPAY PCS SVC XXXX0911", -70, day=12),
    Regular("GEICO PREM COLL PPD ID: XXXX0075", -120, day=16),
    Regular("POS PURCHASE KROGER #XXXX SPRINGFIELD", -75, day=SATURDAY, every=7, spread=0.2),
    Regular("SHELL SERVICE STATION XXXX2211", -35, day=TUESDAY, every=7, spread=0.2),
    Regular("CHECKCARD XXXX TEXAS ROADHOUSE #2140", -32, day=SUNDAY, every=7, spread=0.4),
    Regular("STARBUCKS STORE 0412", -7, day=WEDNESDAY, every=7, spread=0.3),
)
# The same on less: about 1,250, of it 1,190 essential.
FRUGAL = (
    Regular("RENT ACH ALDER PROPERTY MANAGEMENT WEB ID: XXXX2201", -740, day=5),
    Regular("HUMANA INS PREM WEB PMTS", -95, day=8),
    Regular("CITY WATER UTILITY PAYMENT", -85, day=11, spread=0.1),
    Regular("WALGREENS STORE 2210 PHARMACY", -30, day=14, spread=0.2),
    Regular("POS PURCHASE ALDI 0771 SPRINGFIELD", -55, day=FRIDAY, every=7, spread=0.2),
    Regular("DBT CRD COFFEE HOUSE 88", -12, day=MONDAY, every=7, spread=0.3),
)
STEADY = (Regular(PAY, 1150, day=FRIDAY, every=14), *LIVING)
ADVANCES = tuple(
    booking
    for says_in, says_out, amount, weekday in (
        ("Dave Inc LOS ANGELES CA", "DEBIT CARD PURCHASE AT Dave Inc, Los Angeles, CA", 150, MONDAY),
        ("EARNIN TRANSFER XXXX8817", "Earnin PAYMENTRET XXXX8817 WEB ID: XXXX2210", 100, TUESDAY),
        ("Brigit XX/XX PMNT RCVD Brigit Visa Direct NY", "BRIGIT NEW YORK NY CARD XXXX", 75, WEDNESDAY),
        ("Instacash Funds NEW YORK NY", "MONEYLION INSTACASH PAYBACK", 100, THURSDAY),
    )
    for booking in (
        Regular(says_in, amount, day=weekday, every=14),
        Regular(says_out, -amount - 6, day=weekday + 11, every=14, gone=35),
    )
)
BOUNCED = tuple(
    booking
    for day in (6, 13, 20, 27)
    for booking in (
        Regular("PROGRESSIVE INS PREM WEB PMTS", -96, day=day),
        Regular("RETURNED ITEM PROGRESSIVE INS PREM NSF", 96, day=day),
        Regular("NSF FEE RETURNED ITEM", -34, day=day),
    )
)
UNFORESEEN = (
    Regular("DISCOVER E-PAYMENT XXXX", -700, day=7),
    *(Regular("OVERDRAFT FEE FOR A TRANSACTION POSTED ON XX/XX", -35, day=day) for day in (8, 17, 23)),
)
# 56 purchases a day.
MANY = tuple(
    Regular(f"POS PURCHASE SNACK VENDING #{number}", -0.3, day=0, every=1, spread=0.5, times=8) for number in range(7)
)
