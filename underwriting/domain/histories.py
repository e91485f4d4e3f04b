"""The answers of the services about users of floats: one strict model for each document, as in `documents`.

Amounts are minor units of the document's currency, signed from the holder's side (positive is money in). A moment is
UTC. The tables of these documents are also the columns of a Parquet history of many users (`rules.facts.tables`).
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from underwriting.domain.documents import Amount, Document, KeyFactor, NonNegativeAmount, Row, Share
from underwriting.domain.ids import SourceId
from underwriting.domain.money import CurrencyCode
from underwriting.domain.plausible import Count, Day, Moment, PastDate, PlainText, RowNumber

Points = Annotated[int, Field(strict=True, ge=0, le=1000)]


class Category(StrEnum):
    """The purpose of a transaction. The sign of the amount distinguishes money in from money out.

    A reversal has the category of the transaction that it reverses, and the opposite sign: a refunded overdraft fee is
    an overdraft fee with a positive amount, a reversed pay is wages with a negative amount.
    """

    # Income. Public assistance and pensions count like wages (US Regulation B, 12 CFR 1002.6(b)(2), (5)).
    WAGES = "wages"
    BENEFITS = "benefits"
    GIG = "gig"
    OTHER_INCOME = "other_income"
    # Essential spending.
    HOUSING = "housing"
    UTILITIES = "utilities"
    GROCERIES = "groceries"
    TRANSPORT = "transport"
    HEALTH = "health"
    INSURANCE = "insurance"
    FAMILY = "family"
    # Other spending, cash drawn included.
    SPENDING = "spending"
    CASH = "cash"
    # Between own accounts or persons; neither income nor spending.
    TRANSFER = "transfer"
    # Another provider's cash advance, and its repayment; our own float, and its repayment.
    ADVANCE = "advance"
    OWN_FLOAT = "own_float"
    # A loan paid out (in) or served (out).
    LOAN = "loan"
    # What the bank charges, and what it sent back: a returned debit is money in again.
    OVERDRAFT_FEE = "overdraft_fee"
    FEE = "fee"
    RETURNED = "returned"
    # A merchant's refund, and interest of the account.
    REFUND = "refund"
    INTEREST = "interest"
    # Stakes (out) and winnings (in).
    GAMBLING = "gambling"
    # Money in that is no recurring income: assets sold, insurance claims, withdrawals of retirement savings.
    PROCEEDS = "proceeds"


INCOME = frozenset({Category.WAGES, Category.BENEFITS, Category.GIG, Category.OTHER_INCOME})
ESSENTIAL = frozenset(
    {
        Category.HOUSING,
        Category.UTILITIES,
        Category.GROCERIES,
        Category.TRANSPORT,
        Category.HEALTH,
        Category.INSURANCE,
        Category.FAMILY,
    }
)


class User(Document):
    """The user service's record of a user."""

    table: ClassVar[str] = "users"

    segment: PlainText | None = Field(default=None, max_length=64)
    # Neither blocked nor in dispute with us; whether fraud was confirmed.
    good_standing: bool | None = None
    fraud_hit: bool | None = None
    # The status under the Military Lending Act, and the day it was looked up.
    covered_borrower: bool | None = None
    covered_borrower_on: PastDate | None = None

    @model_validator(mode="after")
    def _status_has_its_day(self) -> Self:
        if (self.covered_borrower is None) != (self.covered_borrower_on is None):
            raise ValueError("only one of covered_borrower and covered_borrower_on is given; give both, or neither")
        return self


class Renewal(Row):
    """One renewal of the subscription that fell due; `paid_on` is null while it is open."""

    table: ClassVar[str] = "renewals"

    due_on: PastDate
    paid_on: PastDate | None


class Subscription(Document):
    """The user's subscription; a user who never subscribed has one without renewals."""

    table: ClassVar[str] = "subscriptions"

    renewals: tuple[Renewal, ...] = Field(max_length=1_000)


class Transaction(Row):
    """One booked transaction. Lines come in booking order, which is their order within a day."""

    table: ClassVar[str] = "transactions"

    line_no: RowNumber
    booked_on: PastDate
    amount: Amount
    # None if unknown.
    category: Category | None = None
    # The counterparty in a stable spelling: one payer always has the same name.
    counterparty: PlainText | None = Field(default=None, max_length=100)


class TransactionFeed(Document):
    """The bank feed of the user's main account, without gaps from `covered_from` to the day of `refreshed_at`.

    Balances are not sent: the balance at the end of a day is `opening_balance` plus all amounts booked up to it.
    Unknown values are None, and the fields from `still_reading` on state what else is missing.
    """

    table: ClassVar[str] = "feeds"

    currency: CurrencyCode
    institution_id: SourceId | None = None
    linked_accounts: Count | None = None
    covered_from: PastDate
    # None if the bank did not state the current balance.
    opening_balance: Amount | None
    # Debits that are authorised and not yet booked: the available balance is the current one less these.
    holds: NonNegativeAmount | None
    # The bank's own available balance; used if the balance or the holds are unknown.
    available_balance: Amount | None = None
    # None before the first refresh.
    refreshed_at: Moment | None
    # The provider is still reading transactions before `covered_from`.
    still_reading: bool | None = None
    # The bank requires the user to log in again.
    login_required: bool | None = None
    # The provider did not state which transactions the bank has changed or removed.
    changes_unknown: bool | None = None
    # The latest day with a transaction that could not be read; balances before it are not known.
    unread_on: PastDate | None = None
    transactions: tuple[Transaction, ...] = Field(max_length=100_000)


class Float(Row):
    """One float that the user took; `repaid_on` is null while it is open."""

    table: ClassVar[str] = "floats"

    float_id: SourceId
    amount: NonNegativeAmount
    fee: NonNegativeAmount
    taken_on: PastDate
    # May be in the future.
    due_on: Day
    repaid_on: PastDate | None
    # Tries to collect it, and those of them that the bank refused.
    collection_attempts: Count
    collection_failures: Count

    @model_validator(mode="after")
    def _fails_no_more_often_than_tried(self) -> Self:
        if self.collection_failures > self.collection_attempts:
            raise ValueError("more collections failed than were attempted")
        return self

    @model_validator(mode="after")
    def _is_taken_first(self) -> Self:
        if self.taken_on > min(self.due_on, self.repaid_on or self.due_on):
            raise ValueError("it was due or repaid before it was taken")
        return self


class FloatHistory(Document):
    """Every float that the user took from us; a new user has a history without floats."""

    table: ClassVar[str] = "float_histories"

    currency: CurrencyCode
    floats: tuple[Float, ...] = Field(max_length=10_000)


class Bracket(StrEnum):
    """The range of amounts of one cash-advance score, in major units."""

    TO_50 = "to_50"
    TO_100 = "to_100"
    TO_200 = "to_200"
    TO_350 = "to_350"


class BracketScore(Row):
    """The probability that an advance of the bracket is repaid, per thousand."""

    table: ClassVar[str] = "bracket_scores"

    bracket: Bracket
    score: Points


class ScoreFactor(KeyFactor):
    """One factor that lowered the scores, in words that the customer may read; rank 1 weighs the most."""

    table: ClassVar[str] = "score_factors"


class Scores(Document):
    """The score service's scores, their model, and what lowered them. A missing score is unknown."""

    table: ClassVar[str] = "scores"

    model: PlainText | None = Field(default=None, min_length=1, max_length=100)
    model_version: PlainText | None = Field(default=None, min_length=1, max_length=64)
    key_factors: tuple[ScoreFactor, ...] = Field(max_length=4)
    payback_prediction: Share | None = None
    cash_advance: tuple[BracketScore, ...] = Field(max_length=10)


class CurrentLimit(Document):
    """The user's limit in our store: the highest enabled tier, and its last changes."""

    table: ClassVar[str] = "current_limits"

    currency: CurrencyCode
    amount: NonNegativeAmount
    # None where it was never raised.
    raised_on: date | None
    # Runs in a row, up to the last one, whose target was below the limit.
    runs_below: Count
    # None where it was never lowered; the day of the first of those runs, None where there is none.
    lowered_on: date | None
    below_since: date | None


HISTORIES: tuple[type[Document], ...] = (User, Subscription, TransactionFeed, FloatHistory, Scores, CurrentLimit)
