"""The sandbox's customers: one table of kinds, each good except for one special property.

A customer id is a persona's own (`good`), or a variant of it (`good-00017`): the same kind with small differences.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial

from underwriting.domain.decision import Verdict
from underwriting.domain.documents import AlertKind, CompanyStatus, FileStatus, LineCategory
from underwriting.playground.sandbox.statement_plans import BUSINESS, HOUSEHOLD, MonthlyBooking
from underwriting.sources.sources import Service

APPROVED, REJECTED, REFERRED = Verdict.APPROVED, Verdict.REJECTED, Verdict.REFERRED
INCOMPLETE, COUNTEROFFER = Verdict.INCOMPLETE, Verdict.COUNTEROFFER


@dataclass(frozen=True)
class Persona:
    """One kind of customer: the decision of the shipped rulebook on an application for 2,500, and why."""

    id: str
    special: str
    verdict: Verdict
    # Code of the first reason; empty for an approval.
    reason: str = ""

    # The answers of the user service and the registry; names that are not given are seeded.
    given_name: str = ""
    family_name: str = ""
    birth_date: date | None = None
    age_years: int = 38
    residence: str = "US"
    identity_document: bool = True
    contact_verified: bool = True
    company: CompanyStatus | None = None

    # The main account: monthly bookings, the opening balance, the months of its history.
    plan: tuple[MonthlyBooking, ...] = HOUSEHOLD
    opening: float = 3600
    months: int = 120

    # A company's accounts: profit by revenue, revenue by that of the year before.
    margin: float = 0.09
    growth: float = 0.06

    # The bureau's file; score None: the file is too thin for one. Liabilities are monthly, in major units.
    file: FileStatus = FileStatus.FOUND
    alerts: tuple[AlertKind, ...] = ()
    score: int | None = 742
    exclusion: int | None = None
    liabilities: float = 95
    covered_borrower: bool | None = False
    utilisation: float = 0.18
    delinquencies: int = 0
    inquiries: int = 1
    insolvent: bool = False

    # The debt with us, major units; the fraud service's answer; earlier loans and their payment.
    exposure: float = 0
    identity_consistent: bool = True
    applications_30d: int = 1
    device_risk: float = 0.08
    open_loans: int = 0
    days_late: int = 0
    write_offs: int = 0

    # Services that fail for this customer, and fields that their answers have wrong.
    down: Service | None = None
    slow: Service | None = None
    huge: Service | None = None
    wrong_fields: Mapping[Service, Mapping[str, object]] = field(default_factory=dict)


_company = partial(Persona, company=CompanyStatus.ACTIVE, plan=BUSINESS, opening=24_000)

# Spends all its income; a smaller transfer keeps the account level.
_LEVEL = (*HOUSEHOLD[:-1], MonthlyBooking(26, -2115, LineCategory.TRANSFER))
# In two months of three the money is on another account at the month's end.
_SWINGS = (
    *(MonthlyBooking(1, 3700, LineCategory.TRANSFER, every=3, offset=month) for month in (1, 2)),
    *(MonthlyBooking(27, -3700, LineCategory.TRANSFER, every=3, offset=month) for month in (0, 1)),
)
# A purchase every third month, larger than all other spending and paid from savings.
_SPREE = (
    MonthlyBooking(18, 7000, LineCategory.TRANSFER, every=3, offset=2),
    MonthlyBooking(19, -7000, LineCategory.SPENDING, every=3, offset=2),
)
_BOUNCED = (
    MonthlyBooking(17, -85, LineCategory.SPENDING),
    MonthlyBooking(18, 85, LineCategory.RETURNED),
    MonthlyBooking(18, -25, LineCategory.FEE),
)
_DEBTS = (*HOUSEHOLD[:-1], MonthlyBooking(26, -2000, LineCategory.DEBT_SERVICE))
_NO_YEAR = {"period_end": "2019-12-31", "revenue": -1, "profit": 10**9, "operating_cash_flow": 10**9, "debt_service": 0}

TABLE = (
    Persona("good", "steady salary, clean file, one loan repaid on time", APPROVED),
    _company("good-company", "a company with sound accounts", APPROVED),
    # Customer information.
    Persona("incomplete", "no identity document on file", INCOMPLETE, "identity_incomplete", identity_document=False),
    Persona("underage", "16 years old", REJECTED, "under_age", age_years=16),
    Persona("abroad", "lives in Brazil", REJECTED, "residence_not_served", residence="BR"),
    _company(
        "dissolved-company",
        "struck off the register",
        REJECTED,
        "company_not_established",
        company=CompanyStatus.DISSOLVED,
    ),
    Persona("unreachable", "nothing verified", INCOMPLETE, "contact_not_verified", contact_verified=False),
    # Bank statements.
    Persona("new-account", "less than two months of statements", REJECTED, "statements_incomplete", months=1),
    Persona(
        "unstable-balances",
        "two months of three end almost empty",
        REJECTED,
        "balance_unstable",
        plan=_SWINGS + _LEVEL,
        opening=4000,
    ),
    Persona("erratic-spender", "a spree every third month", REJECTED, "spending_unstable", plan=_LEVEL + _SPREE),
    Persona("overdrawn", "below zero before every pay day", REJECTED, "account_overdrawn", plan=_LEVEL, opening=1400),
    Persona(
        "returned-payments", "one bounced payment a month", REJECTED, "payments_returned", plan=HOUSEHOLD + _BOUNCED
    ),
    Persona(
        "edited-statements",
        "an opening balance that leads nowhere",
        REFERRED,
        "statements_inconsistent",
        wrong_fields={Service.STATEMENTS: {"opening_balance": 10**9}},
    ),
    # Financial statements.
    _company("loss-making", "accounts show losses", REJECTED, "profit_insufficient", margin=-0.08),
    _company("shrinking-company", "a third of the revenue lost each year", REJECTED, "income_falling", growth=-0.35),
    Persona("over-indebted", "44% of the income serves debt", REJECTED, "repayment_capacity_low", plan=_DEBTS),
    # Credit report.
    Persona(
        "thin-file",
        "the bureau's file is too thin for a score",
        REFERRED,
        "credit_file_thin",
        file=FileStatus.THIN,
        score=None,
    ),
    Persona("no-file", "the bureau has no file", REFERRED, "credit_file_not_found", file=FileStatus.NO_HIT),
    Persona("frozen-file", "a security freeze", REFERRED, "credit_file_frozen", file=FileStatus.FROZEN),
    Persona("reported-deceased", "reported as deceased", REFERRED, "credit_file_deceased", file=FileStatus.DECEASED),
    Persona("disputed-file", "disputes entries", REFERRED, "credit_file_disputed", file=FileStatus.DISPUTED),
    Persona(
        "fraud-alert",
        "a fraud alert on a sound file",
        REFERRED,
        "credit_file_fraud_alert",
        alerts=(AlertKind.FRAUD_ALERT,),
    ),
    Persona("excluded-score", "an exclusion code, 4, for a score", REFERRED, "credit_score_excluded", exclusion=4),
    Persona(
        "hidden-debts",
        "debts with others that the account does not show",
        REJECTED,
        "reported_repayment_capacity_low",
        liabilities=2_400,
    ),
    Persona("military", "a covered borrower, below the highest rate", APPROVED, covered_borrower=True),
    Persona("low-score", "a bureau score of about 480", REJECTED, "credit_score_low", score=480),
    Persona("maxed-out", "96% of the card limits drawn", REJECTED, "utilisation_high", utilisation=0.96),
    Persona("delinquent", "six delinquencies in two years", REJECTED, "delinquent_obligations", delinquencies=6),
    Persona("insolvent", "an insolvency on the bureau's file", REJECTED, "insolvency", insolvent=True),
    Persona("shopping-around", "eight inquiries in half a year", REJECTED, "inquiries_many", inquiries=8),
    # Internal exposure.
    Persona("exposed", "owes us 60,000 already", REJECTED, "exposure_limit", exposure=60_000),
    Persona("near-limit", "owes us 23,500: 1,500 more is possible", COUNTEROFFER, "exposure_limit", exposure=23_500),
    # Fraud.
    Persona(
        "listed",
        "on the public OFAC list, by name and birth date",
        REJECTED,
        "list_match",
        given_name="Viktor Anatolijevitch",
        family_name="Bout",
        birth_date=date(1967, 1, 13),
    ),
    Persona(
        "possible-match",
        "a name like one on the list, another birth date",
        REFERRED,
        "list_match_possible",
        given_name="Victor",
        family_name="Bout",
        birth_date=date(1969, 6, 3),
    ),
    Persona("impostor", "identity does not fit together", REJECTED, "identity_inconsistent", identity_consistent=False),
    Persona("velocity", "nine applications in 30 days", REJECTED, "applications_frequent", applications_30d=9),
    Persona("risky-device", "a device of risk 0.97", REJECTED, "device_risk_high", device_risk=0.97),
    # Ongoing loans and payment history.
    Persona("many-loans", "six loans of ours still open", REJECTED, "open_loans_many", open_loans=6),
    Persona("late-payer", "every third instalment 45 days late", REJECTED, "payments_late", days_late=45),
    Persona("written-off", "an earlier loan of ours was written off", REJECTED, "loan_written_off", write_offs=1),
    # Sources that fail.
    Persona("dead-source", "the fraud service is down", REFERRED, "fraud_check_unavailable", down=Service.FRAUD),
    Persona("slow-source", "the loan service outlasts the timeout", REFERRED, "open_loans_unknown", slow=Service.LOANS),
    Persona(
        "malformed",
        "the exposure service answers against its model",
        REFERRED,
        "exposure_unknown",
        wrong_fields={Service.EXPOSURE: {"outstanding": "a lot"}},
    ),
    _company(
        "liar",
        "statements from the future, negative revenue, NaN from the bureau",
        REFERRED,
        "statements_unavailable",
        wrong_fields={
            Service.STATEMENTS: {"period_end": "2999-12-31"},
            Service.ACCOUNTS: {"years": [_NO_YEAR]},
            Service.BUREAU: {"revolving_balance": float("nan")},
        },
    ),
    Persona("huge", "50 MB of statements", REFERRED, "statements_unavailable", huge=Service.STATEMENTS),
)
# A persona's company has the number CO-good-company.
COMPANY_PREFIX = "CO-"
PERSONAS = {persona.id: persona for persona in TABLE}


def find(customer_id: str) -> Persona | None:
    """The persona behind a customer id: its own, or with a hyphen and a number after it."""
    return PERSONAS.get(re.sub(r"-[0-9]+$", "", customer_id))
