"""Evaluations of what a user may take: the request, the results of books and rules, and the floats they authorised."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from underwriting.domain.application import Product, State
from underwriting.domain.decision import FactValue, Result, Verdict
from underwriting.store.columns import Bytewise, Sealed
from underwriting.store.models.base import Base, Claimable, index_of_due, index_of_turns, index_of_undecided


class EvaluationRow(Claimable):
    """One evaluation: whom it is about, its state, and who owns it by which fence."""

    __tablename__ = "evaluations"

    user_id: Mapped[str]
    product: Mapped[Product]


index_of_undecided(EvaluationRow)
index_of_turns(EvaluationRow)
_owed = EvaluationRow.state.in_((State.PENDING.value, State.RUNNING.value))
Index("ix_evaluations_user", EvaluationRow.tenant, EvaluationRow.user_id, EvaluationRow.id)
Index("ix_evaluations_product", EvaluationRow.tenant, EvaluationRow.user_id, EvaluationRow.product, EvaluationRow.id)
Index("ix_evaluations_owed", EvaluationRow.state, EvaluationRow.id, postgresql_where=_owed, sqlite_where=_owed)
# Only one evaluation of a user for a product and a day is under way at a time.
Index(
    "uq_evaluations_under_way",
    EvaluationRow.tenant,
    EvaluationRow.user_id,
    EvaluationRow.product,
    EvaluationRow.as_of,
    unique=True,
    postgresql_where=_owed,
    sqlite_where=_owed,
)


class EvaluationKeyRow(Base):
    """The evaluation of a caller's idempotency key; several keys may share one that was under way."""

    __tablename__ = "evaluation_keys"

    request_key: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    # Empty only inside the accepting transaction, which stores the key before it knows the evaluation.
    evaluation_id: Mapped[str | None] = mapped_column(ForeignKey(EvaluationRow.id), index=True)


class CallbackRow(Base):
    """An address that the result of an evaluation is posted to."""

    __tablename__ = "evaluation_callbacks"

    evaluation_id: Mapped[str] = mapped_column(ForeignKey(EvaluationRow.id), primary_key=True)
    target: Mapped[str] = mapped_column(primary_key=True)


class EligibilityRow(Base):
    """The result of an evaluation. `body` is what the API answers, byte for byte; amounts are minor units."""

    __tablename__ = "eligibilities"

    evaluation_id: Mapped[str] = mapped_column(ForeignKey(EvaluationRow.id), primary_key=True)
    verdict: Mapped[Verdict]
    currency: Mapped[str] = mapped_column(String(3))
    approved_amounts: Mapped[list[int]]
    affordability_cap: Mapped[int | None]
    # The book that approved; empty where none did.
    rulebook: Mapped[str | None]
    rulebook_version: Mapped[int | None]
    rulebook_digest: Mapped[str | None] = mapped_column(String(64))
    arm: Mapped[str | None]
    reasons: Mapped[list[dict[str, str]]]
    facts: Mapped[dict[str, FactValue]]
    troubles: Mapped[dict[str, str]]
    # What else it rests on: the set of all books in force, the profile, and how many floats events had reported.
    books_digest: Mapped[str] = mapped_column(String(64))
    profile_version: Mapped[int]
    floats_reported: Mapped[int]
    notice_due: Mapped[date | None]
    decided_at: Mapped[datetime]
    body: Mapped[bytes]


index_of_due(EligibilityRow)


class StaffDecisionRow(Base):
    """The decision of staff on an evaluation that was referred. `body` is what the API answers from then on."""

    # Sealed notes are bound to the name of their table, so it cannot be renamed.
    __tablename__ = "settlements"

    evaluation_id: Mapped[str] = mapped_column(ForeignKey(EligibilityRow.evaluation_id), primary_key=True)
    verdict: Mapped[Verdict]
    approved_amounts: Mapped[list[int]]
    notice_due: Mapped[date | None]
    decided_by: Mapped[str]
    note: Mapped[Sealed]
    decided_at: Mapped[datetime]
    body: Mapped[bytes]


index_of_due(StaffDecisionRow)


class BookRow(Base):
    """The result of one rulebook in one evaluation, whether or not it decided."""

    __tablename__ = "evaluation_books"
    __table_args__ = (Index("ix_evaluation_books_rulebook_result", "rulebook", "result"),)

    evaluation_id: Mapped[str] = mapped_column(ForeignKey(EligibilityRow.evaluation_id), primary_key=True)
    book_position: Mapped[int] = mapped_column(primary_key=True)
    rulebook: Mapped[str]
    rulebook_version: Mapped[int]
    rulebook_digest: Mapped[str] = mapped_column(String(64))
    priority: Mapped[int]
    superseding: Mapped[bool]
    arm: Mapped[str | None]
    # False where it is not known whether the book applies.
    certain: Mapped[bool]
    result: Mapped[Result]
    first_failed: Mapped[str | None]
    cap: Mapped[int | None]


class RuleOutcomeRow(Base):
    """The result of one rule in one book of an evaluation, and the facts that it read."""

    __tablename__ = "evaluation_outcomes"
    __table_args__ = (
        ForeignKeyConstraint(["evaluation_id", "book_position"], [BookRow.evaluation_id, BookRow.book_position]),
        Index("ix_evaluation_outcomes_rule_result", "rule", "result"),
    )

    evaluation_id: Mapped[str] = mapped_column(String(30), primary_key=True)
    book_position: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    rule: Mapped[str]
    result: Mapped[Result]
    reason: Mapped[str | None]
    refers: Mapped[bool]
    observed: Mapped[dict[str, FactValue]]


class ReportedFloatRow(Base):
    """A float that an event reported, whether or not the evaluation that it names authorised it."""

    __tablename__ = "reported_floats"
    __table_args__ = (Index("ix_reported_floats_user", "tenant", "user_id"),)

    tenant: Mapped[str] = mapped_column(primary_key=True)
    float_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(Bytewise)
    # As in the event, which may name an evaluation that does not exist, or not yet.
    evaluation_id: Mapped[str] = mapped_column(String(30))
    taken_on: Mapped[date]
    reported_at: Mapped[datetime]
    # Empty until the evaluation was checked.
    authorised: Mapped[bool | None]


class FrozenRow(Base):
    """The evaluation that authorised a float, as it was answered; never changed. It authorises one float only."""

    __tablename__ = "historical_evaluations"
    __table_args__ = (Index("ix_historical_evaluations_user", "tenant", "user_id", "product"),)

    tenant: Mapped[str] = mapped_column(primary_key=True)
    float_id: Mapped[str] = mapped_column(primary_key=True)
    evaluation_id: Mapped[str] = mapped_column(ForeignKey(EvaluationRow.id), unique=True)
    user_id: Mapped[str]
    product: Mapped[Product]
    event_id: Mapped[str]
    frozen_at: Mapped[datetime]
    body: Mapped[bytes]


class FloatRankRow(Base):
    """How many floats of a product a user took here, and the last of them."""

    __tablename__ = "float_ranks"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(primary_key=True)
    product: Mapped[Product] = mapped_column(primary_key=True)
    floats_taken: Mapped[int]
    last_float_id: Mapped[str]
    last_evaluation_id: Mapped[str] = mapped_column(String(30))
    updated_at: Mapped[datetime]
