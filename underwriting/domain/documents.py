"""The answers of the outside services: one strict model for each document, and its rows as tables for the facts.

Amounts are minor units of the document's currency, signed from the holder's side (positive is money in). An impossible
value (negative revenue, a date in the future, NaN) is refused here, with its place.

A field is required if leaving it out would be ambiguous: an empty list means none, a missing one that the source did
not check. If a field has a default, leaving it out makes the facts that depend on it unknown.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from underwriting.domain.ids import SourceId
from underwriting.domain.money import MAX_MINOR, CurrencyCode
from underwriting.domain.plausible import BirthDate, Count, FoundingDate, PastDate, PlainText, RowNumber

Amount = Annotated[int, Field(strict=True, ge=-MAX_MINOR, le=MAX_MINOR)]
NonNegativeAmount = Annotated[int, Field(strict=True, ge=0, le=MAX_MINOR)]
Share = Annotated[FiniteFloat, Field(ge=0, le=1)]
Name = Annotated[PlainText, Field(min_length=1, max_length=200)]
CountryCode = Annotated[str, Field(pattern="^[A-Z]{2}$", description="two capital letters of ISO 3166-1, such as US")]


class Row(BaseModel):
    """One row of the input table `table`."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, hide_input_in_errors=True)
    table: ClassVar[str]


class Document(Row):
    """One answer of one source: a header row, and the rows of its tuple fields, each in a table of its own.

    The header row shows that the source answered; without it every fact of the source is unknown. A header without
    lines means that there are none.
    """

    currency: CurrencyCode | None = None

    def rows(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Every (table, row) of the document, the header first."""
        nested = {name for name, field in type(self).model_fields.items() if row_model(field.annotation)}
        yield self.table, self.model_dump(exclude=nested)
        for name in sorted(nested):
            for row in getattr(self, name):
                yield row.table, row.model_dump()


def row_model(annotation: object) -> type[Row] | None:
    """The row model of a field annotated `tuple[SomeRow, ...]`, else None."""
    inner = get_args(annotation)[:1]
    if inner and isinstance(inner[0], type) and issubclass(inner[0], Row):
        return inner[0]
    return None


class Person(Document):
    """The user service's record: the applicant, or the person who acts for the applying company."""

    table: ClassVar[str] = "people"

    # None: not on file, which rejects. A missing member makes the answer malformed.
    given_name: Name | None
    family_name: Name | None
    birth_date: BirthDate | None
    identity_document: PlainText | None = Field(max_length=64)
    street: PlainText | None = Field(max_length=200)
    residence_country: CountryCode | None = None
    email_verified: bool | None = None
    phone_verified: bool | None = None
    # Set if a company applies; all financial data is then the company's. None: a person applies.
    company_number: str | None = Field(max_length=64, pattern="^[A-Za-z0-9-]+$")


class NoPerson(Document):
    """The user service's answer 404: it has no customer of this id."""

    table: ClassVar[str] = "unknown_people"


class CompanyStatus(StrEnum):
    """The registry's status of a company."""

    ACTIVE = "active"
    DORMANT = "dormant"
    IN_LIQUIDATION = "in_liquidation"
    DISSOLVED = "dissolved"


class Company(Document):
    """The company registry's record."""

    table: ClassVar[str] = "companies"

    name: Name
    status: CompanyStatus
    incorporated_on: FoundingDate
    country: CountryCode | None = None


class LineCategory(StrEnum):
    """What a statement line is for, as the statements service classifies it."""

    INCOME = "income"
    SPENDING = "spending"
    TRANSFER = "transfer"
    LOAN_PAYOUT = "loan_payout"
    DEBT_SERVICE = "debt_service"
    FEE = "fee"
    RETURNED = "returned"


class StatementLine(Row):
    """One booking, and the balance after it. Lines come in booking order, which is their order within a day."""

    table: ClassVar[str] = "statement_lines"

    line_no: RowNumber
    booked_on: PastDate
    amount: Amount
    balance: Amount
    category: LineCategory | None = None


class BankStatements(Document):
    """The main account's statements over a period without gaps, both days included."""

    table: ClassVar[str] = "statements"

    currency: CurrencyCode
    period_start: PastDate
    period_end: PastDate
    opening_balance: Amount
    lines: tuple[StatementLine, ...] = Field(max_length=50_000)


class FinancialYear(Row):
    """One financial year of a company's accounts; profit may be a loss."""

    table: ClassVar[str] = "financial_years"

    period_end: PastDate
    revenue: NonNegativeAmount
    profit: Amount
    # Cash from operations before interest and principal, and what was paid of both.
    operating_cash_flow: Amount
    debt_service: NonNegativeAmount


class FinancialStatements(Document):
    """A company's accounts."""

    table: ClassVar[str] = "financial_statements"

    currency: CurrencyCode
    years: tuple[FinancialYear, ...] = Field(max_length=50)


class CreditEventKind(StrEnum):
    """The kinds of dated entries of a bureau file."""

    DELINQUENCY = "delinquency"
    INSOLVENCY = "insolvency"
    INQUIRY = "inquiry"


class CreditEvent(Row):
    """One dated entry of a bureau file."""

    table: ClassVar[str] = "credit_events"

    kind: CreditEventKind
    occurred_on: PastDate


class FileStatus(StrEnum):
    """The state of the applicant's file. Only a found or thin file has information about credit."""

    FOUND = "found"
    THIN = "thin"
    NO_HIT = "no_hit"
    FROZEN = "frozen"
    LOCKED = "locked"
    DISPUTED = "disputed"
    DECEASED = "deceased"


class AlertKind(StrEnum):
    """The alerts that a consumer may put on the file (US 15 U.S.C. 1681c-1)."""

    FRAUD_ALERT = "fraud_alert"
    ACTIVE_DUTY = "active_duty"
    SECURITY_FREEZE = "security_freeze"


class CreditAlert(Row):
    """One alert on the file."""

    table: ClassVar[str] = "credit_alerts"

    kind: AlertKind


class LiabilityKind(StrEnum):
    """The kind of an open obligation."""

    MORTGAGE = "mortgage"
    VEHICLE = "vehicle"
    STUDENT = "student"
    INSTALMENT = "instalment"
    REVOLVING = "revolving"
    OTHER = "other"


class Liability(Row):
    """One open obligation of the applicant, with any lender; the payment is None if the bureau does not know it."""

    table: ClassVar[str] = "liabilities"

    kind: LiabilityKind
    balance: NonNegativeAmount
    monthly_payment: NonNegativeAmount | None = None


class KeyFactor(Row):
    """One factor that lowered the score, in the bureau's words; rank 1 weighs the most."""

    table: ClassVar[str] = "key_factors"

    rank: int = Field(strict=True, ge=1, le=4)
    code: PlainText = Field(min_length=1, max_length=16)
    text: Name


class CreditReport(Document):
    """A bureau's answer to a pull. Without a file its lists are empty.

    A score outside the range of its model is an exclusion code, not a score.
    """

    table: ClassVar[str] = "credit_reports"

    currency: CurrencyCode
    bureau: Name
    reported_on: PastDate
    file_status: FileStatus
    alerts: tuple[CreditAlert, ...] = Field(max_length=20)
    score: int | None = Field(default=None, strict=True, ge=-9_999, le=99_999)
    score_model: Name | None = None
    score_min: int | None = Field(default=None, strict=True, ge=0, le=1_000)
    score_max: int | None = Field(default=None, strict=True, ge=0, le=1_000)
    exclusion_code: PlainText | None = Field(default=None, min_length=1, max_length=16)
    key_factors: tuple[KeyFactor, ...] = Field(max_length=4)
    # Whether inquiries were a key factor, even if not among the four (15 U.S.C. 1681g(f)(9)).
    inquiries_factor: bool | None = None
    # The status under the Military Lending Act that a nationwide bureau may state (32 CFR 232.5(b)).
    covered_borrower: bool | None = None
    revolving_balance: NonNegativeAmount | None = None
    revolving_limit: NonNegativeAmount | None = None
    liabilities: tuple[Liability, ...] = Field(max_length=1_000)
    events: tuple[CreditEvent, ...] = Field(max_length=5_000)


class RequestTerms(Document):
    """Data of the application itself: whether a bureau pull is permitted, and the cost of the loan."""

    table: ClassVar[str] = "request_terms"

    bureau_permitted: bool | None = None
    # The military annual percentage rate of the loan applied for, 0.36 is 36%.
    mapr: Annotated[FiniteFloat, Field(ge=0)] | None = None


class Exposure(Document):
    """What the customer already owes us over all products."""

    table: ClassVar[str] = "exposures"

    currency: CurrencyCode
    outstanding: NonNegativeAmount


class FraudReport(Document):
    """The fraud service's report."""

    table: ClassVar[str] = "fraud_reports"

    identity_consistent: bool | None = None
    applications_30d: Count | None = None
    device_risk: Share | None = None


class ListScreening(Document):
    """The best match on the sanction and block lists, 0 (none) to 1 (identical), and its entry.

    A match by name alone has to be checked by a person; `confirmed_score` is that of the best match which the day of
    birth or a document confirms. Matches that a person cleared do not count.
    """

    table: ClassVar[str] = "list_screenings"

    match_score: Share
    list_entry: PlainText | None = None
    confirmed_score: Share | None = None
    # What was found besides the name, such as "born on the same day"; it has no personal data.
    match_evidence: PlainText | None = Field(default=None, max_length=200)
    # Days since the oldest list was loaded or found unchanged.
    list_age_days: Count | None = None


class LoanStatus(StrEnum):
    """The status of an earlier loan of ours."""

    OPEN = "open"
    REPAID = "repaid"
    WRITTEN_OFF = "written_off"


class Loan(Row):
    """One loan we gave."""

    table: ClassVar[str] = "loans"

    loan_id: SourceId
    opened_on: PastDate
    status: LoanStatus
    outstanding: NonNegativeAmount
    monthly_instalment: NonNegativeAmount


class OngoingLoans(Document):
    """The loan service's list of the customer's loans, closed ones included."""

    table: ClassVar[str] = "ongoing_loans"

    currency: CurrencyCode
    loans: tuple[Loan, ...] = Field(max_length=1_000)


class Instalment(Row):
    """One instalment that fell due; `paid_on` is null while it is open."""

    table: ClassVar[str] = "instalments"

    loan_id: SourceId
    due_on: PastDate
    paid_on: PastDate | None


class PaymentHistory(Document):
    """How earlier loans of ours were paid back."""

    table: ClassVar[str] = "payment_histories"

    write_offs: Count
    instalments: tuple[Instalment, ...] = Field(max_length=10_000)


DOCUMENTS: tuple[type[Document], ...] = (
    Person,
    NoPerson,
    Company,
    BankStatements,
    FinancialStatements,
    CreditReport,
    RequestTerms,
    Exposure,
    FraudReport,
    ListScreening,
    OngoingLoans,
    PaymentHistory,
)
