"""Each service's document about a user of floats."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from pydantic import BaseModel

from rules.limits.tiers import TIERS
from underwriting.domain.documents import Loan, LoanStatus, OngoingLoans, Person
from underwriting.domain.histories import (
    Bracket,
    BracketScore,
    Float,
    FloatHistory,
    Renewal,
    ScoreFactor,
    Scores,
    Subscription,
    User,
)
from underwriting.domain.service import Service
from underwriting.playground.sandbox import records
from underwriting.playground.sandbox.account_bookings import ANCHOR, Booking, month_of, with_savings
from underwriting.playground.sandbox.float_user import FloatUser
from underwriting.playground.sandbox.personas import PERSONAS
from underwriting.playground.sandbox.source_request import SourceRequest
from underwriting.playground.sandbox.statement_plans import month_start
from underwriting.sources.feeds.native import NativeAccount, NativeFeed, NativeTransaction
from underwriting.sources.feeds.raw import AccountKind

# Days between the starts of floats, until they are due, and by which late ones are late.
FLOAT_EVERY, FLOAT_DAYS, LATE_DAYS = 21, 14, 6
RENEWAL_DAY = 2
MAIN = "acc-main"


def person(who: FloatUser, request: SourceRequest) -> Person:
    """The person behind the user, for screening."""
    return records.person(PERSONAS[who.person], request)


def user(who: FloatUser, request: SourceRequest) -> User:
    """The user service's record."""
    return User(
        segment=who.segment,
        good_standing=who.good_standing,
        fraud_hit=who.fraud_hit,
        covered_borrower=who.covered_borrower,
        covered_borrower_on=None if who.covered_borrower is None else request.as_of,
    )


def subscription(who: FloatUser, request: SourceRequest) -> Subscription:
    """A renewal on the second of every month; the latest ones may be open."""
    running = 0 if request.as_of.day >= RENEWAL_DAY else 1
    total = who.renewals + who.unpaid_renewals
    due = [month_start(request.as_of, running + back) + timedelta(days=RENEWAL_DAY - 1) for back in range(total)]
    return Subscription(
        renewals=tuple(
            Renewal(due_on=day, paid_on=day if number >= who.unpaid_renewals else None)
            for number, day in reversed(list(enumerate(due)))
        )
    )


def float_history(who: FloatUser, request: SourceRequest) -> FloatHistory:
    """The latest repaid floats, and the open one."""
    last = request.as_of.toordinal() - FLOAT_DAYS - LATE_DAYS - ANCHOR.toordinal()
    starts = [ANCHOR + timedelta(days=(last // FLOAT_EVERY - back) * FLOAT_EVERY) for back in range(who.floats)][::-1]
    floats = [
        _float(request, number, start, late=number >= who.floats - who.late) for number, start in enumerate(starts)
    ]
    if who.open_past_due is not None:
        taken = request.as_of - timedelta(days=FLOAT_DAYS + who.open_past_due if who.open_past_due else 5)
        floats.append(_float(request, who.floats, taken, late=False, repaid=False))
        if who.open_past_due:
            failed = {"collection_attempts": 2, "collection_failures": 2}
            floats[-1] = floats[-1].model_copy(update=failed)
    return FloatHistory(currency=request.currency, floats=tuple(floats))


def _float(request: SourceRequest, number: int, taken_on: date, *, late: bool, repaid: bool = True) -> Float:
    tier = TIERS[min(number // 2 + 1, len(TIERS) - 2)]
    due_on = taken_on + timedelta(days=FLOAT_DAYS)
    return Float(
        float_id=f"{request.subject}-f{taken_on.toordinal()}",
        amount=tier.amount * request.unit // 100,
        fee=tier.fee * request.unit // 100,
        taken_on=taken_on,
        due_on=due_on,
        repaid_on=due_on + timedelta(days=LATE_DAYS if late else 0) if repaid else None,
        collection_attempts=2 if late else 1,
        collection_failures=1 if late else 0,
    )


def ongoing_loans(who: FloatUser, request: SourceRequest) -> OngoingLoans:
    """The user's open loans: each of 300 in four monthly instalments, one of them paid."""
    opened_on = request.as_of - timedelta(days=40)
    loans = tuple(
        Loan(
            loan_id=f"{request.subject}-l{number}",
            opened_on=opened_on,
            status=LoanStatus.OPEN,
            outstanding=225 * request.unit,
            monthly_instalment=75 * request.unit,
        )
        for number in range(who.open_loans)
    )
    return OngoingLoans(currency=request.currency, loans=loans)


SCORE_FACTORS = (
    ScoreFactor(rank=1, code="INC2", text="Time since the first regular payment of income"),
    ScoreFactor(rank=2, code="BAL1", text="Balance of the account before a payment of income"),
)


def scores(who: FloatUser, _: SourceRequest) -> Scores:
    """The score service's scores; larger advances have lower ones."""
    brackets = () if who.advance_score is None else tuple(Bracket)
    return Scores(
        model="payback",
        model_version="2026.2",
        key_factors=SCORE_FACTORS,
        payback_prediction=who.payback,
        cash_advance=tuple(
            BracketScore(bracket=bracket, score=(who.advance_score or 0) - 20 * place)
            for place, bracket in enumerate(brackets)
        ),
    )


def transactions(who: FloatUser, request: SourceRequest) -> NativeFeed:
    """All linked accounts in the project's own format; the savings account has no transactions."""
    refreshed = request.as_of - timedelta(days=who.stale_days)
    since = max(request.as_of - timedelta(days=request.days - 1), request.as_of - timedelta(days=who.history_days))
    booked = [one for one in _bookings(who, request, since) if one.on <= refreshed]
    main = NativeAccount(
        account_id=MAIN,
        kind=AccountKind.CHECKING,
        currency=request.currency,
        balance=round(who.floor * request.unit) + sum(one.amount for one in booked),
        institution_id=who.institution,
        covered_from=since,
    )
    savings = NativeAccount(account_id="acc-savings", kind=AccountKind.SAVINGS, currency=request.currency, balance=0)
    return NativeFeed(
        # The refresh is at midnight, so that it never is in the future.
        refreshed_at=datetime.combine(refreshed, time(), UTC),
        accounts=(main, savings),
        transactions=tuple(
            NativeTransaction(account_id=MAIN, booked_on=one.on, amount=one.amount, description=one.description)
            for one in booked
            if one.on >= since
        ),
    )


def _bookings(who: FloatUser, request: SourceRequest, since: date) -> list[Booking]:
    """Every booking from the start of the month of `since`, where the balance is `floor`, to the current month."""
    own = [booked for one in float_history(who, request).floats for booked in _own_bookings(one)]
    found, first = list[Booking](), month_start(since, 0)
    while first <= request.as_of:
        of_month = [one for one in own if month_start(one.on, 0) == first]
        found += with_savings([*month_of(who.plan, request.subject, first, request), *of_month], first)
        first = month_start(first, -1)
    return found


def _own_bookings(one: Float) -> list[Booking]:
    came = [Booking(one.taken_on, one.amount, "UNDERWRITING FLOAT ADVANCE")]
    paid = Booking(one.repaid_on, -one.amount - one.fee, "UNDERWRITING FLOAT REPAYMENT") if one.repaid_on else None
    return came if paid is None else [*came, paid]


# Every part of every service that knows users, by its path below the service's prefix.
USER_RECORDS: dict[tuple[Service, str], Callable[[FloatUser, SourceRequest], BaseModel]] = {
    (Service.USERS, ""): person,
    (Service.USERS, "user"): user,
    (Service.USERS, "subscription"): subscription,
    (Service.FLOATS, ""): float_history,
    (Service.TRANSACTIONS, ""): transactions,
    (Service.LOANS, ""): ongoing_loans,
    (Service.SCORES, ""): scores,
}
