"""What each service says of a persona, as a document of the domain."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

from underwriting.domain.documents import (
    BankStatements,
    Company,
    CreditAlert,
    CreditEvent,
    CreditEventKind,
    CreditReport,
    Document,
    Exposure,
    FileStatus,
    FinancialStatements,
    FinancialYear,
    FraudReport,
    Instalment,
    KeyFactor,
    Liability,
    LiabilityKind,
    Loan,
    LoanStatus,
    OngoingLoans,
    PaymentHistory,
    Person,
)
from underwriting.playground.sandbox.histories import bank_statements, month_start, seeded
from underwriting.playground.sandbox.personas import COMPANY_PREFIX, Persona
from underwriting.playground.sandbox.question import Question
from underwriting.sources.sources import Service

GIVEN_NAMES = ("Avery", "Clara", "Dashiell", "Edith", "Fern", "Harriet", "Juniper", "Linnea", "Rowan", "Theodora")
FAMILY_NAMES = (
    "Appleyard",
    "Birdwhistle",
    "Cobblepot",
    "Dunwoody",
    "Fairweather",
    "Greenhalgh",
    "Merriweather",
    "Oakenshaw",
    "Thistlewood",
    "Winterbourne",
)
STREETS = ("Alder Street", "Beech Avenue", "Chestnut Lane", "Dogwood Drive", "Elm Court")
BUREAU, SCORE_MODEL = "Sandbox Credit Bureau", "Sandbox Score 3"
KEY_FACTORS = (
    KeyFactor(rank=1, code="14", text="Length of time accounts have been established"),
    KeyFactor(rank=2, code="10", text="Proportion of balances to credit limits on revolving accounts"),
)
WITHOUT_ENTRIES = {FileStatus.NO_HIT, FileStatus.FROZEN, FileStatus.LOCKED, FileStatus.DECEASED}
# The instalment loan that every persona has behind it: twelve instalments, the last more than a year ago.
LOAN_MONTHS, LOAN_ENDED_MONTHS_AGO = 12, 13


def person(who: Persona, asked: Question) -> Person:
    """The user service's record; birthdays keep the age in years on any date."""
    chance = seeded("person", asked.subject)
    return Person(
        given_name=who.given_name or chance.choice(GIVEN_NAMES),
        family_name=who.family_name or chance.choice(FAMILY_NAMES),
        birth_date=who.birth_date
        or date(asked.as_of.year - who.age_years, 1, 1) + timedelta(days=chance.randrange(365)),
        identity_document=f"D{chance.randrange(10**8):08}" if who.identity_document else None,
        street=f"{chance.randrange(1, 400)} {chance.choice(STREETS)}",
        residence_country=who.residence,
        email_verified=who.contact_verified,
        phone_verified=who.contact_verified,
        company_number=f"{COMPANY_PREFIX}{asked.subject}" if who.company else None,
    )


def company(who: Persona, asked: Question) -> Company | None:
    """The registry's record of a persona that is a company."""
    if who.company is None:
        return None
    name = f"{seeded('company', asked.subject).choice(FAMILY_NAMES)} & Daughters Ltd"
    return Company(
        name=name, status=who.company, incorporated_on=date(asked.as_of.year - 6, 5, 2), country=who.residence
    )


def accounts(who: Persona, asked: Question) -> FinancialStatements | None:
    """Three years of a company's accounts, the last one ended with the calendar year before."""
    if who.company is None:
        return None
    unit = seeded("accounts", asked.subject).uniform(0.94, 1.06) * asked.unit
    years = []
    for back in (3, 2, 1):
        revenue = 456_000 * unit / (1 + who.growth) ** (back - 1)
        years.append(
            FinancialYear(
                period_end=date(asked.as_of.year - back, 12, 31),
                revenue=round(revenue),
                profit=round(revenue * who.margin),
                operating_cash_flow=round(revenue * (who.margin + 0.05)),
                debt_service=round(18_000 * unit),
            )
        )
    return FinancialStatements(currency=asked.currency, years=tuple(years))


def credit_report(who: Persona, asked: Question) -> CreditReport:
    """The bureau's file: entries are spread over the last months."""
    chance = seeded("bureau", asked.subject)
    if who.file in WITHOUT_ENTRIES:
        return _without_file(who, asked)
    limit = round(chance.uniform(9_000, 13_000) * asked.unit)
    dated = [(CreditEventKind.INQUIRY, 20 * number) for number in range(1, who.inquiries + 1)]
    dated += [(CreditEventKind.DELINQUENCY, 70 * number) for number in range(1, who.delinquencies + 1)]
    dated += [(CreditEventKind.INSOLVENCY, 400)] * who.insolvent
    score = None if who.score is None else who.score + chance.randint(-8, 8)
    return CreditReport(
        currency=asked.currency,
        bureau=BUREAU,
        reported_on=asked.as_of,
        file_status=who.file,
        alerts=tuple(CreditAlert(kind=kind) for kind in who.alerts),
        score=score if who.exclusion is None else who.exclusion,
        score_model=SCORE_MODEL,
        score_min=300,
        score_max=850,
        key_factors=KEY_FACTORS,
        inquiries_factor=who.inquiries > 1,
        covered_borrower=who.covered_borrower,
        revolving_balance=round(limit * who.utilisation),
        revolving_limit=limit,
        liabilities=(
            Liability(
                kind=LiabilityKind.VEHICLE,
                balance=round(who.liabilities * 30) * asked.unit,
                monthly_payment=round(who.liabilities) * asked.unit,
            ),
        ),
        events=tuple(CreditEvent(kind=kind, occurred_on=asked.as_of - timedelta(days=ago)) for kind, ago in dated),
    )


def _without_file(who: Persona, asked: Question) -> CreditReport:
    """An answer that says only why there is no file."""
    return CreditReport(
        currency=asked.currency,
        bureau=BUREAU,
        reported_on=asked.as_of,
        file_status=who.file,
        alerts=tuple(CreditAlert(kind=kind) for kind in who.alerts),
        key_factors=(),
        covered_borrower=who.covered_borrower,
        liabilities=(),
        events=(),
    )


def loans(who: Persona, asked: Question) -> OngoingLoans:
    """One closed loan, and as many open ones as the persona has."""
    unit = asked.unit
    closed = Loan(
        loan_id=f"{asked.subject}-0",
        opened_on=month_start(asked.as_of, LOAN_ENDED_MONTHS_AGO + LOAN_MONTHS),
        status=LoanStatus.WRITTEN_OFF if who.write_offs else LoanStatus.REPAID,
        outstanding=0,
        monthly_instalment=110 * unit,
    )
    still_open = [
        Loan(
            loan_id=f"{asked.subject}-{number}",
            opened_on=month_start(asked.as_of, number),
            status=LoanStatus.OPEN,
            outstanding=900 * unit,
            monthly_instalment=85 * unit,
        )
        for number in range(1, who.open_loans + 1)
    ]
    return OngoingLoans(currency=asked.currency, loans=(closed, *still_open))


def payments(who: Persona, asked: Question) -> PaymentHistory:
    """The closed loan's instalments, every third of them late by the persona's days."""
    due = [month_start(asked.as_of, LOAN_ENDED_MONTHS_AGO + back) for back in range(LOAN_MONTHS)][::-1]
    return PaymentHistory(
        write_offs=who.write_offs,
        instalments=tuple(
            Instalment(
                loan_id=f"{asked.subject}-0",
                due_on=day,
                paid_on=day + timedelta(days=who.days_late if number % 3 == 0 else 0),
            )
            for number, day in enumerate(due)
        ),
    )


def statements(who: Persona, asked: Question) -> BankStatements:
    """The persona's main account, as far back as it goes."""
    return bank_statements(who.plan, who.opening, replace(asked, months=min(asked.months, who.months)))


def exposure(who: Persona, asked: Question) -> Exposure:
    """What the persona owes us over all products."""
    return Exposure(currency=asked.currency, outstanding=round(who.exposure * asked.unit))


def fraud_report(who: Persona, _: Question) -> FraudReport:
    """The fraud service's word."""
    return FraudReport(
        identity_consistent=who.identity_consistent,
        applications_30d=who.applications_30d,
        device_risk=who.device_risk,
    )


# Every service's honest answer; None where it does not know the subject.
RECORDS: dict[Service, Callable[[Persona, Question], Document | None]] = {
    Service.USERS: person,
    Service.REGISTRY: company,
    Service.STATEMENTS: statements,
    Service.ACCOUNTS: accounts,
    Service.BUREAU: credit_report,
    Service.EXPOSURE: exposure,
    Service.FRAUD: fraud_report,
    Service.LOANS: loans,
    Service.PAYMENTS: payments,
}
