"""Random users of floats: documents as sources might send them, dated before and after the day of judgement.

Drawn from a seed and not from hypothesis's own strategies, whose examples of so many rows are mostly empty.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from underwriting.domain.documents import Document, ListScreening
from underwriting.domain.histories import (
    Bracket,
    BracketScore,
    Category,
    CurrentLimit,
    Float,
    FloatHistory,
    Renewal,
    ScoreFactor,
    Scores,
    Subscription,
    Transaction,
    TransactionFeed,
    User,
)

AS_OFS = st.dates(date(2023, 12, 1), date(2024, 1, 31))
MIDDLE = date(2024, 1, 1)


def _day(draw: Random, before: int, after: int) -> date:
    return MIDDLE + timedelta(days=draw.randint(-before, after))


def _maybe(draw: Random, value: Any) -> Any:
    return draw.choice([None, value, value])


def _user(draw: Random) -> User:
    flags = {name: _maybe(draw, draw.random() < 0.5) for name in ("good_standing", "fraud_hit")}
    looked_up = _maybe(draw, _day(draw, 60, 40))
    covered = None if looked_up is None else draw.random() < 0.5
    return User(segment=_maybe(draw, "gig"), covered_borrower=covered, covered_borrower_on=looked_up, **flags)


def _subscription(draw: Random) -> Subscription:
    days = [_day(draw, 90, 60) for _ in range(draw.randrange(12))]
    return Subscription(renewals=tuple(Renewal(due_on=day, paid_on=_maybe(draw, _day(draw, 90, 60))) for day in days))


def random_feed(draw: Random) -> TransactionFeed:
    """A feed that knows everything of its days."""
    start, lasts = _day(draw, 200, 20), draw.randint(0, 260)
    bookings = [
        (draw.randint(-5, lasts + 5), draw.randint(-60_000, 60_000), _maybe(draw, draw.choice(list(Category))), payer)
        for payer in draw.choices([None, "", "A", "B"], k=draw.randrange(30))
    ]
    first, period = draw.randint(0, 30), draw.choice([7, 14, 30])
    pays = range(first, first + period * draw.randrange(8), period)
    bookings += [(day, draw.randint(10_000, 40_000), Category.WAGES, "Acme") for day in pays]
    bookings.sort(key=lambda booking: booking[0])
    return TransactionFeed(
        currency=_currency(draw),
        institution_id=_maybe(draw, "bank"),
        linked_accounts=_maybe(draw, draw.randrange(4)),
        covered_from=start,
        opening_balance=draw.randint(-60_000, 60_000),
        holds=draw.randrange(60_000),
        refreshed_at=datetime(start.year, start.month, start.day, tzinfo=UTC)
        + timedelta(days=lasts, hours=draw.randrange(24)),
        transactions=tuple(
            Transaction(line_no=number, booked_on=start + timedelta(day), amount=amount, category=kind, counterparty=of)
            for number, (day, amount, kind, of) in enumerate(bookings)
        ),
    )


def _float(draw: Random) -> Float:
    taken = _day(draw, 120, 60)
    return Float(
        float_id="f",
        amount=draw.randrange(60_000),
        fee=0,
        taken_on=taken,
        due_on=taken + timedelta(days=draw.randint(0, 30)),
        repaid_on=_maybe(draw, taken + timedelta(days=draw.randint(0, 60))),
        collection_attempts=draw.randint(3, 5),
        collection_failures=draw.randint(0, 3),
    )


def _floats(draw: Random) -> FloatHistory:
    return FloatHistory(currency=_currency(draw), floats=tuple(_float(draw) for _ in range(draw.randrange(12))))


def _scores(draw: Random) -> Scores:
    scores = [BracketScore(bracket=draw.choice(list(Bracket)), score=draw.randint(0, 1000)) for _ in range(4)]
    ranks = draw.sample(range(1, 5), draw.randrange(5))
    return Scores(
        model=_maybe(draw, "payback"),
        model_version=_maybe(draw, "7"),
        key_factors=tuple(ScoreFactor(rank=rank, code="c", text=f"factor {rank}") for rank in ranks),
        payback_prediction=_maybe(draw, draw.random()),
        cash_advance=tuple(scores[: draw.randrange(5)]),
    )


def _limit(draw: Random) -> CurrentLimit:
    raised_on = _maybe(draw, _day(draw, 120, 60))
    return CurrentLimit(
        currency=_currency(draw),
        amount=draw.randrange(60_000),
        raised_on=raised_on,
        runs_below=draw.randrange(4),
        lowered_on=_maybe(draw, _day(draw, 120, 40)),
        below_since=_maybe(draw, _day(draw, 60, 0)),
    )


def _screening(draw: Random) -> ListScreening:
    return ListScreening(match_score=draw.random())


def _currency(draw: Random) -> str:
    return draw.choice(["USD", "USD", "USD", "EUR"])


DOCUMENTS: tuple[Callable[[Random], Document], ...] = (
    _user,
    _subscription,
    random_feed,
    _floats,
    _scores,
    _limit,
    _screening,
)


def _answers(seed: int) -> tuple[Document, ...]:
    draw = Random(seed)
    return tuple(document(draw) for document in DOCUMENTS if draw.random() < 0.8)


# What the sources answered on one user; any of them may have given nothing.
USERS = st.integers(0, 2**64).map(_answers)
