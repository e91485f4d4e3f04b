"""Each service's document about a persona."""

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
from underwriting.domain.service import Service
from underwriting.playground.sandbox.personas import COMPANY_PREFIX, Persona
from underwriting.playground.sandbox.source_request import SourceRequest
from underwriting.playground.sandbox.statement_plans import bank_statements, month_start, seeded

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
# The earlier instalment loan of every persona: twelve instalments, the last more than a year ago.
LOAN_MONTHS, LOAN_ENDED_MONTHS_AGO = 12, 13


def person(who: Persona, request: SourceRequest) -> Person:
    """The user service's record; the birth date gives the same age on any date."""
    rng = seeded("person", request.subject)
    return Person(
        given_name=who.given_name or rng.choice(GIVEN_NAMES),
        family_name=who.family_name or rng.choice(FAMILY_NAMES),
        birth_date=who.birth_date
        or date(request.as_of.year - who.age_years, 1, 1) + timedelta(days=rng.randrange(365)),
        identity_document=f"D{rng.randrange(10**8):08}" if who.identity_document else None,
        street=f"{rng.randrange(1, 400)} {rng.choice(STREETS)}",
        residence_country=who.residence,
        email_verified=who.contact_verified,
        phone_verified=who.contact_verified,
        company_number=f"{COMPANY_PREFIX}{request.subject}" if who.company else None,
    )


def company(who: Persona, request: SourceRequest) -> Company | None:
    """The registry's record of a persona that is a company."""
    if who.company is None:
        return None
    name = f"{seeded('company', request.subject).choice(FAMILY_NAMES)} & Daughters Ltd"
    return Company(
        name=name, status=who.company, incorporated_on=date(request.as_of.year - 6, 5, 2), country=who.residence
    )


def accounts(who: Persona, request: SourceRequest) -> FinancialStatements | None:
    """Three years of a company's accounts, up to the last calendar year."""
    if who.company is None:
        return None
    unit = seeded("accounts", request.subject).uniform(0.94, 1.06) * request.unit
    years = []
    for back in (3, 2, 1):
        revenue = 456_000 * unit / (1 + who.growth) ** (back - 1)
        years.append(
            FinancialYear(
                period_end=date(request.as_of.year - back, 12, 31),
                revenue=round(revenue),
                profit=round(revenue * who.margin),
                operating_cash_flow=round(revenue * (who.margin + 0.05)),
                debt_service=round(18_000 * unit),
            )
        )
    return FinancialStatements(currency=request.currency, years=tuple(years))


def credit_report(who: Persona, request: SourceRequest) -> CreditReport:
    """The bureau's file, with entries spread over the last months."""
    rng = seeded("bureau", request.subject)
    if who.file in WITHOUT_ENTRIES:
        return _without_file(who, request)
    limit = round(rng.uniform(9_000, 13_000) * request.unit)
    dated = [(CreditEventKind.INQUIRY, 20 * number) for number in range(1, who.inquiries + 1)]
    dated += [(CreditEventKind.DELINQUENCY, 70 * number) for number in range(1, who.delinquencies + 1)]
    dated += [(CreditEventKind.INSOLVENCY, 400)] * who.insolvent
    score = None if who.score is None else who.score + rng.randint(-8, 8)
    return CreditReport(
        currency=request.currency,
        bureau=BUREAU,
        reported_on=request.as_of,
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
                balance=round(who.liabilities * 30) * request.unit,
                monthly_payment=round(who.liabilities) * request.unit,
            ),
        ),
        events=tuple(CreditEvent(kind=kind, occurred_on=request.as_of - timedelta(days=ago)) for kind, ago in dated),
    )


def _without_file(who: Persona, request: SourceRequest) -> CreditReport:
    """An answer without a file, with the reason."""
    return CreditReport(
        currency=request.currency,
        bureau=BUREAU,
        reported_on=request.as_of,
        file_status=who.file,
        alerts=tuple(CreditAlert(kind=kind) for kind in who.alerts),
        key_factors=(),
        covered_borrower=who.covered_borrower,
        liabilities=(),
        events=(),
    )


def loans(who: Persona, request: SourceRequest) -> OngoingLoans:
    """One closed loan, and the persona's open ones."""
    unit = request.unit
    closed = Loan(
        loan_id=f"{request.subject}-0",
        opened_on=month_start(request.as_of, LOAN_ENDED_MONTHS_AGO + LOAN_MONTHS),
        status=LoanStatus.WRITTEN_OFF if who.write_offs else LoanStatus.REPAID,
        outstanding=0,
        monthly_instalment=110 * unit,
    )
    still_open = [
        Loan(
            loan_id=f"{request.subject}-{number}",
            opened_on=month_start(request.as_of, number),
            status=LoanStatus.OPEN,
            outstanding=900 * unit,
            monthly_instalment=85 * unit,
        )
        for number in range(1, who.open_loans + 1)
    ]
    return OngoingLoans(currency=request.currency, loans=(closed, *still_open))


def payments(who: Persona, request: SourceRequest) -> PaymentHistory:
    """The closed loan's instalments; every third was late by the persona's days."""
    due = [month_start(request.as_of, LOAN_ENDED_MONTHS_AGO + back) for back in range(LOAN_MONTHS)][::-1]
    return PaymentHistory(
        write_offs=who.write_offs,
        instalments=tuple(
            Instalment(
                loan_id=f"{request.subject}-0",
                due_on=day,
                paid_on=day + timedelta(days=who.days_late if number % 3 == 0 else 0),
            )
            for number, day in enumerate(due)
        ),
    )


def statements(who: Persona, request: SourceRequest) -> BankStatements:
    """The persona's main account, as far back as it goes."""
    return bank_statements(who.plan, who.opening, replace(request, months=min(request.months, who.months)))


def exposure(who: Persona, request: SourceRequest) -> Exposure:
    """What the persona owes us over all products."""
    return Exposure(currency=request.currency, outstanding=round(who.exposure * request.unit))


def fraud_report(who: Persona, _: SourceRequest) -> FraudReport:
    """The fraud service's report."""
    return FraudReport(
        identity_consistent=who.identity_consistent,
        applications_30d=who.applications_30d,
        device_risk=who.device_risk,
    )


# Every service's correct answer; None where it does not know the subject.
RECORDS: dict[Service, Callable[[Persona, SourceRequest], Document | None]] = {
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
