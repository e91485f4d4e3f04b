"""Generated users with a known right decision, as bank feeds in Plaid's format.

Each kind has users who should be offered a float and users who should not. Names of employers, lenders and shops are
invented from syllables, so that no word list contains them: the provider's code, the words around the name, or the
bookings themselves have to identify the payer.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import product
from random import Random
from typing import Any

from underwriting.sources.feeds.category_rules import phrase_indexes
from underwriting.sources.feeds.words import words

END = date(2026, 3, 31)
DAYS = 180
SYLLABLES = [first + vowel + last for first, vowel, last in product("bdfgkmptvz", "aeiou", "lnr")]
A_DAY = timedelta(days=1)
CHECKING, SAVINGS = "checking", "savings"
# Plaid's codes: primary and detailed.
WAGES = ("INCOME", "INCOME_WAGES")
GROCERIES = ("FOOD_AND_DRINK", "FOOD_AND_DRINK_GROCERIES")
RENT = ("RENT_AND_UTILITIES", "RENT_AND_UTILITIES_RENT")
POWER = ("RENT_AND_UTILITIES", "RENT_AND_UTILITIES_GAS_AND_ELECTRICITY")
SHOP = ("GENERAL_MERCHANDISE", "GENERAL_MERCHANDISE_OTHER_GENERAL_MERCHANDISE")
OTHER_INCOME = ("INCOME", "INCOME_OTHER_INCOME")
ADVANCE_IN = ("TRANSFER_IN", "TRANSFER_IN_CASH_ADVANCES_AND_LOANS")
NEW_ADVANCE_IN = ("LOAN_DISBURSEMENTS", "LOAN_DISBURSEMENTS_CASH_ADVANCES")
ADVANCE_OUT = ("LOAN_PAYMENTS", "LOAN_PAYMENTS_CASH_ADVANCES")
GAMBLING = ("ENTERTAINMENT", "ENTERTAINMENT_CASINOS_AND_GAMBLING")
GIG = ("INCOME", "INCOME_GIG_ECONOMY")
TRANSFER_OUT = ("TRANSFER_OUT", "TRANSFER_OUT_ACCOUNT_TRANSFER")
TRANSFER_IN = ("TRANSFER_IN", "TRANSFER_IN_ACCOUNT_TRANSFER")

Code = tuple[str, str] | None


@dataclass
class User:
    """One user's bookings, signed from the holder's side in cents, and the opening balance of the checking account."""

    user_id: str
    kind: str
    variant: str
    good: bool
    random: Random
    opening: int = 250_000
    rows: list[dict[str, Any]] = field(default_factory=list)

    def book(self, day: date, cents: int, says: str, code: Code = None, account: str = CHECKING) -> None:
        """Add a booking, unless it is before or after the history."""
        if not END - timedelta(days=DAYS - 1) <= day <= END:
            return
        category = code and {"primary": code[0], "detailed": code[1]}
        self.rows.append(
            {
                "transaction_id": f"{self.user_id}-{len(self.rows)}",
                "account_id": account,
                "amount": -cents / 100,
                "iso_currency_code": "USD",
                "date": day.isoformat(),
                "name": says,
                "personal_finance_category": category,
                "pending": False,
            }
        )

    def name(self) -> str:
        """An invented name without any word of the word lists."""
        while True:
            name = " ".join("".join(self.random.sample(SYLLABLES, 3)) for _ in range(2)).upper()
            if not any(book.matches([words(name)]) for book in phrase_indexes()):
                return name

    def about(self, cents: int, spread: float = 0.05) -> int:
        """An amount near this one."""
        return round(cents * self.random.uniform(1 - spread, 1 + spread))

    def answer(self) -> dict[str, Any]:
        """The transactions as Plaid's transactions/get answers them, refreshed on the evening of the last day."""
        rows = sorted(self.rows, key=lambda row: row["date"], reverse=True)
        moved = {name: -sum(row["amount"] for row in rows if row["account_id"] == name) for name in (CHECKING, SAVINGS)}
        opening = {CHECKING: self.opening / 100, SAVINGS: 20_000.0}
        used = [CHECKING, *([SAVINGS] if any(row["account_id"] == SAVINGS for row in rows) else [])]
        return {
            "accounts": [
                {
                    "account_id": name,
                    "type": "depository",
                    "subtype": name,
                    "balances": {
                        "current": round(opening[name] + moved[name], 2),
                        "available": round(opening[name] + moved[name], 2),
                        "iso_currency_code": "USD",
                    },
                }
                for name in used
            ],
            "item": {"institution_id": "ins_1"},
            "status": {"transactions": {"last_successful_update": f"{END}T20:00:00Z"}},
            "transactions_update_status": "HISTORICAL_UPDATE_COMPLETE",
            "total_transactions": len(rows),
            "transactions": rows,
        }


# Living costs that the income would cover, for users with only one reason against them.
FRUGAL = {"rent": 20_000, "groceries": 1_500}


def days_back(every: int, first: int = 0, last: int = DAYS) -> Iterator[date]:
    """Days at this interval, from `first` days before the end back to `last` days before it."""
    return (END - timedelta(days=age) for age in range(first, last, every))


def daily_life(user: User, rent: int = 60_000, groceries: int = 4_000) -> None:
    """Monthly rent, power, groceries every third day, some shopping: about 1,100 a month by default."""
    landlord, power, grocer, shop = (user.name() for _ in range(4))
    for day in days_back(30, first=user.random.randrange(1, 28)):
        if rent:
            user.book(day, -rent, f"{landlord} RENT", RENT)
        user.book(day + A_DAY, -user.about(8_000), f"{power} ENERGY", POWER)
    for day in days_back(3):
        user.book(day, -user.about(groceries, 0.3), f"POS PURCHASE {grocer}", GROCERIES)
    for day in days_back(7, first=2):
        user.book(day, -user.about(2_500, 0.5), f"POS PURCHASE {shop}", SHOP)


def says_pay(user: User, employer: str) -> tuple[str, Code]:
    """A bank's description of a pay: with Plaid's code, or with NACHA's wording only."""
    return user.random.choice(
        [
            (f"{employer} DES:DIR DEP ID:{user.random.randrange(10**6)}", WAGES),
            (f"{employer} PAYROLL", None),
            (f"{employer} ACH CREDIT", WAGES),
        ]
    )


def wages(user: User, cents: int = 120_000, every: int = 14, first: int = 4, last: int = DAYS) -> None:
    """A pay at this interval of days."""
    says, code = says_pay(user, user.name())
    for day in days_back(every, first, last):
        user.book(day, user.about(cents, 0.01), says, code)


def paid_daily(user: User) -> None:
    """Paid each weekday; not by those whose pay ended six weeks ago, or comes to too little."""
    daily_life(user)
    says, code = user.random.choice([(f"{user.name()} PAYOUT", GIG), (f"{user.name()} DAILY PAY PAYROLL", WAGES)])
    user.variant = "paid" if user.good else user.random.choice(["ended", "tiny"])
    first, cents = (45, 16_000) if user.variant == "ended" else (0, 700 if user.variant == "tiny" else 16_000)
    for day in days_back(1, first):
        if day.weekday() < 5:
            user.book(day, user.about(cents, 0.2), says, code)


def weekly_gig(user: User) -> None:
    """A platform pays every week, unevenly; not by those whose work ended, or whose debits come back unpaid."""
    daily_life(user)
    says, code = user.random.choice([(f"{user.name()} DRIVER PAYOUT", GIG), (f"{user.name()} ACH CREDIT", GIG)])
    user.variant = "paid" if user.good else user.random.choice(["ended", "returned"])
    for day in days_back(7, 60 if user.variant == "ended" else 3):
        user.book(day, user.about(55_000, 0.25), says, code)
    if user.variant == "returned":
        payee = user.name()
        back = user.random.choice([("RETURNED ITEM UNPAID", None), (f"{payee} RTN UNCOLL", SHOP), (payee, SHOP)])
        for day in days_back(5, 2, 22):
            user.book(day, -9_000, f"{payee} ACH DEBIT", SHOP)
            user.book(day + A_DAY, 9_000, *back)


def semimonthly(user: User) -> None:
    """Paid on the 15th and on the last day; not those who are overdrawn for weeks, or whose account is new."""
    daily_life(user)
    user.variant = "paid" if user.good else user.random.choice(["overdrawn", "new"])
    says, code = says_pay(user, user.name())
    cents = user.about(130_000, 0.2)
    for day in days_back(1):
        if day.day == 15 or (day + A_DAY).day == 1:
            user.book(day, cents, says, code)
    if user.variant == "overdrawn":
        spent = sum(-row["amount"] for row in user.rows if row["date"] <= (END - timedelta(days=20)).isoformat())
        user.book(END - timedelta(days=20), -(user.opening + round(spent * 100) + 300_000), f"{user.name()} SHOP", SHOP)
    if user.variant == "new":
        user.rows = [row for row in user.rows if row["date"] > (END - timedelta(days=30)).isoformat()]


def pay_in_parts(user: User) -> None:
    """A pay that comes in two parts on two days; not those who spend all of it, or whose pay stopped."""
    user.variant = "paid" if user.good else user.random.choice(["spent", "stopped"])
    daily_life(user, *((200_000, 7_000) if user.variant == "spent" else (60_000, 4_000)))
    user.opening = 900_000 if user.variant == "spent" else 250_000
    says, code = says_pay(user, user.name())
    for day in days_back(14, 28 if user.variant == "stopped" else 5):
        user.book(day, 100_000, says, code)
        user.book(day + A_DAY, 20_000, says, code)


def stacked(user: User) -> None:
    """Wages, and advances of others: one provider's, repaid each time; or those of several at once, all open.

    They may be on another account than the one that is paid into.
    """
    daily_life(user)
    wages(user)
    user.variant = "one, repaid" if user.good else user.random.choice(["several, open", "several, elsewhere"])
    account = SAVINGS if user.variant == "several, elsewhere" else CHECKING
    lenders = [user.name() for _ in range(1 if user.good else 6)]
    for number, lender in enumerate(lenders):
        code_in = user.random.choice([NEW_ADVANCE_IN, ADVANCE_IN])
        for day in days_back(14, 15 if user.good else 1 + number % 3):
            user.book(day, 15_000, f"{lender} ADVANCE", code_in, account)
            user.book(day + timedelta(days=13), -15_500, f"{lender} ADVANCE REPAYMENT", ADVANCE_OUT, account)


def lender_payouts(user: User) -> None:
    """A lender's payouts as the only income; those who should be approved have wages, and one loan that they serve."""
    daily_life(user, **FRUGAL)
    lender = user.name()
    says = {"coded": f"{lender} DIRECT DEP", "worded": f"{lender} LOANS DIRECT DEP", "repaid": f"{lender} DIRECT DEP"}
    user.variant = user.random.choice(sorted(says))
    user.opening = 900_000
    code = user.random.choice([ADVANCE_IN, NEW_ADVANCE_IN]) if user.variant == "coded" else None
    if user.good:
        wages(user)
        user.variant, code = "wages, a loan", ADVANCE_IN
        user.book(END - timedelta(days=80), 90_000, f"{lender} LOANS", code)
        for day in days_back(30, 5, 60):
            user.book(day, -15_000, f"{lender} LOANS", ("LOAN_PAYMENTS", "LOAN_PAYMENTS_PERSONAL_LOAN_PAYMENT"))
        return
    for day in days_back(14, 3):
        user.book(day, 90_000, says[user.variant], code)
        if user.variant == "repaid":
            user.book(day + timedelta(days=12), -95_000, f"{lender} DIRECT DEBIT", None)


def winnings(user: User) -> None:
    """Winnings as the only money in; those who should be approved have wages, and play for little."""
    daily_life(user, **FRUGAL)
    user.opening = 900_000
    house = user.name()
    user.variant = (
        "wages" if user.good else user.random.choice(["casino", "sportsbook", "coded", "crypto", "insurance"])
    )
    if user.good:
        wages(user)
        for day in days_back(7, 3):
            user.book(day, -1_000, f"{house} LOTTERY", GAMBLING)
        return
    says, code = {
        "casino": (f"{house} CASINO PAYOUT", None),
        "sportsbook": (f"{house} SPORTSBOOK PAYOUT", None),
        "coded": (f"{house} PAYOUT", GAMBLING),
        "crypto": (f"{house} CRYPTO SALE PAYOUT", None),
        "insurance": (f"{house} INSURANCE CLAIM PAYOUT", None),
    }[user.variant]
    for day in days_back(14, 3):
        user.book(day, 90_000, says, code)


def own_transfers(user: User) -> None:
    """Own savings moved over every fortnight, whatever the provider calls it; the good have wages, too."""
    daily_life(user, **FRUGAL)
    user.opening = 500_000
    user.variant = user.random.choice(["weak code", "transfer code", "no code"])
    code = {"weak code": OTHER_INCOME, "transfer code": TRANSFER_IN, "no code": None}[user.variant]
    if user.good:
        wages(user)
    for day in days_back(14, 6):
        user.book(day - A_DAY, -90_000, "ACH WITHDRAWAL", TRANSFER_OUT, SAVINGS)
        user.book(day, 90_000, "ACH DEPOSIT", code)


def rent_by_transfer(user: User) -> None:
    """Rent paid by Zelle: affordable, or more than a month's pay."""
    user.variant = user.random.choice(["rent code", "rent words"])
    code = RENT if user.variant == "rent code" else TRANSFER_OUT
    daily_life(user, rent=0)
    wages(user, 130_000 if user.good else 70_000)
    user.opening = 250_000 if user.good else 1_200_000
    rent = 70_000 if user.good else 160_000
    for day in days_back(30, 10):
        user.book(day, -rent, f"ZELLE TO {user.name()} RENT", code)


KINDS: dict[str, Callable[[User], None]] = {
    maker.__name__: maker
    for maker in (
        paid_daily,
        weekly_gig,
        semimonthly,
        pay_in_parts,
        stacked,
        lender_payouts,
        winnings,
        own_transfers,
        rent_by_transfer,
    )
}


def users(per_kind: int, seed: int) -> Iterator[User]:
    """So many users of each kind; every second one should be offered a float."""
    for kind, make in KINDS.items():
        for number in range(per_kind):
            user_id = f"{kind.replace('_', '-')}-{number}"
            user = User(user_id, kind, "", good=number % 2 == 0, random=Random(f"{seed}:{user_id}"))
            make(user)
            yield user
