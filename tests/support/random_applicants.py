"""Random applicants: documents as sources might send them, dated before and after the day of judgement.

No date comes near the clock's: documents refuse the future.
"""

from datetime import date, timedelta
from itertools import accumulate

from hypothesis import strategies as st

from underwriting.domain.documents import (
    AlertKind,
    BankStatements,
    Company,
    CompanyStatus,
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
    LineCategory,
    ListScreening,
    Loan,
    LoanStatus,
    OngoingLoans,
    PaymentHistory,
    Person,
    RequestTerms,
    StatementLine,
)

DAYS = st.dates(date(2022, 6, 1), date(2023, 12, 31))
AS_OFS = st.dates(date(2023, 1, 1), date(2023, 9, 30))
AMOUNTS = st.integers(-500_000, 500_000)
POSITIVE = st.integers(0, 500_000)
CURRENCY = st.sampled_from(["USD", "USD", "USD", "EUR"])


def _maybe(strategy):
    return st.none() | strategy


PEOPLE = st.builds(
    Person,
    given_name=_maybe(st.just("Ada")),
    family_name=_maybe(st.just("Byron")),
    identity_document=_maybe(st.just("X-1")),
    street=_maybe(st.just("1 Main St")),
    birth_date=_maybe(st.dates(date(1950, 1, 1), date(2023, 12, 31))),
    residence_country=_maybe(st.sampled_from(["US", "DE"])),
    email_verified=_maybe(st.booleans()),
    phone_verified=_maybe(st.booleans()),
    company_number=_maybe(st.just("C-1")),
)
COMPANIES = st.builds(
    Company,
    name=st.just("C"),
    status=st.sampled_from(CompanyStatus),
    incorporated_on=DAYS,
    country=_maybe(st.just("US")),
)


@st.composite
def _statements(draw):
    start, length = draw(DAYS), draw(st.integers(0, 400))
    days = sorted(draw(st.lists(st.integers(0, length), max_size=20)))
    amounts = [draw(AMOUNTS) for _ in days]
    opening = draw(AMOUNTS)
    # Every eighth or so does not add up.
    balances = list(accumulate(amounts, initial=opening + draw(st.sampled_from([0] * 7 + [1]))))[1:]
    lines = [
        StatementLine(
            line_no=number,
            booked_on=start + timedelta(days=day),
            amount=amount,
            balance=balance,
            category=draw(_maybe(st.sampled_from(LineCategory))),
        )
        for number, (day, amount, balance) in enumerate(zip(days, amounts, balances, strict=True))
    ]
    return BankStatements(
        currency=draw(CURRENCY),
        period_start=start,
        period_end=start + timedelta(days=length),
        opening_balance=opening,
        lines=tuple(lines),
    )


YEARS = st.builds(
    FinancialYear,
    period_end=st.dates(date(2020, 1, 1), date(2023, 12, 31)),
    revenue=POSITIVE,
    profit=AMOUNTS,
    operating_cash_flow=AMOUNTS,
    debt_service=POSITIVE,
)
EVENTS = st.builds(
    CreditEvent, kind=st.sampled_from(CreditEventKind), occurred_on=st.dates(date(2020, 1, 1), date(2023, 12, 31))
)
LIABILITIES = st.builds(
    Liability, kind=st.sampled_from(LiabilityKind), balance=POSITIVE, monthly_payment=_maybe(POSITIVE)
)
LOANS = st.builds(
    Loan,
    loan_id=st.just("l"),
    opened_on=DAYS,
    status=st.sampled_from(LoanStatus),
    outstanding=POSITIVE,
    monthly_instalment=POSITIVE,
)
INSTALMENTS = st.builds(Instalment, loan_id=st.just("l"), due_on=DAYS, paid_on=_maybe(DAYS))


def _few(rows):
    return st.lists(rows, max_size=6).map(tuple)


DOCUMENTS: tuple[st.SearchStrategy[Document], ...] = (
    PEOPLE,
    COMPANIES,
    _statements(),
    st.builds(FinancialStatements, currency=CURRENCY, years=_few(YEARS)),
    st.builds(
        CreditReport,
        currency=CURRENCY,
        bureau=st.just("B"),
        reported_on=DAYS,
        file_status=st.sampled_from([FileStatus.FOUND] * 7 + list(FileStatus)),
        alerts=st.lists(st.builds(CreditAlert, kind=st.sampled_from(AlertKind)), max_size=1).map(tuple),
        score=_maybe(st.integers(0, 1000)),
        score_model=_maybe(st.just("M")),
        score_min=_maybe(st.just(300)),
        score_max=_maybe(st.just(850)),
        exclusion_code=st.sampled_from([None, None, None, "4"]),
        key_factors=st.just((KeyFactor(rank=1, code="14", text="Few accounts"),)),
        inquiries_factor=_maybe(st.booleans()),
        covered_borrower=_maybe(st.booleans()),
        liabilities=_few(LIABILITIES),
        revolving_balance=_maybe(POSITIVE),
        revolving_limit=_maybe(POSITIVE),
        events=_few(EVENTS),
    ),
    st.builds(RequestTerms, bureau_permitted=_maybe(st.booleans()), mapr=_maybe(st.floats(0, 1))),
    st.builds(Exposure, currency=CURRENCY, outstanding=POSITIVE),
    st.builds(
        FraudReport,
        identity_consistent=_maybe(st.booleans()),
        applications_30d=_maybe(st.integers(0, 9)),
        device_risk=_maybe(st.floats(0, 1)),
    ),
    st.builds(ListScreening, match_score=st.floats(0, 1)),
    st.builds(OngoingLoans, currency=CURRENCY, loans=_few(LOANS)),
    st.builds(PaymentHistory, write_offs=st.integers(0, 3), instalments=_few(INSTALMENTS)),
)
# What the sources answered on one applicant; any of them may have given nothing.
APPLICANTS = st.tuples(*(_maybe(document) for document in DOCUMENTS)).map(
    lambda answers: tuple(answer for answer in answers if answer is not None)
)
