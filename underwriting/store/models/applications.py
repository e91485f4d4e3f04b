"""Applications: the request, the results of checks and rules, the decisions, and what was paid for."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from underwriting.domain.application import Product, State
from underwriting.domain.decision import FactValue, Result, Verdict
from underwriting.store.columns import Sealed
from underwriting.store.models.base import Base, Claimable, index_of_due, index_of_turns, index_of_undecided
from underwriting.store.models.states import EffectState


class ApplicationRow(Claimable):
    """One application: the request, its state, and its owner's fence."""

    __tablename__ = "applications"

    fingerprint: Mapped[str] = mapped_column(String(64))
    customer_id: Mapped[str]
    product: Mapped[Product]
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    term_months: Mapped[int | None]
    # The lender's day on which the customer supplied what was missing; the deadline for the customer's answer; and when
    # the application moves on without an answer.
    completed_on: Mapped[date | None]
    respond_by: Mapped[datetime | None]
    wake_at: Mapped[datetime | None]
    # The permissible purpose of a bureau pull and the customer's consent; both or neither.
    bureau_purpose: Mapped[str | None] = mapped_column(String(32))
    consented_at: Mapped[datetime | None]


index_of_undecided(ApplicationRow)
index_of_turns(ApplicationRow)
_owed = ApplicationRow.state.in_((State.PENDING.value, State.RUNNING.value))
Index("ix_applications_tenant_id", ApplicationRow.tenant, ApplicationRow.id)
Index("ix_applications_customer", ApplicationRow.tenant, ApplicationRow.customer_id)
_waits = ApplicationRow.wake_at.is_not(None)
Index("ix_applications_wake_at", ApplicationRow.wake_at, postgresql_where=_waits, sqlite_where=_waits)
Index("ix_applications_owed", ApplicationRow.state, ApplicationRow.id, postgresql_where=_owed, sqlite_where=_owed)


class DecisionRow(Base):
    """One decision, numbered in order: by the rulebook, by staff, or by the customer's answer.

    `body` is what the API answers, byte for byte.
    """

    __tablename__ = "decisions"

    application_id: Mapped[str] = mapped_column(ForeignKey(ApplicationRow.id), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    verdict: Mapped[Verdict]
    approved: Mapped[int | None]
    reasons: Mapped[list[dict[str, str]]]
    # What an incomplete application lacks; the counteroffer; the customer's deadline for both.
    missing: Mapped[list[dict[str, Any]] | None]
    offer: Mapped[dict[str, Any] | None]
    respond_by: Mapped[datetime | None]
    rulebook: Mapped[str]
    rulebook_version: Mapped[int]
    rulebook_digest: Mapped[str] = mapped_column(String(64))
    arm: Mapped[str | None]
    decided_by: Mapped[str]
    decided_at: Mapped[datetime]
    notice_due: Mapped[date | None]
    note: Mapped[Sealed | None]
    body: Mapped[bytes]


index_of_due(DecisionRow)


class CheckRow(Base):
    """One check of the newest review, all its facts, and why its source gave nothing, if it did."""

    __tablename__ = "checks"

    application_id: Mapped[str] = mapped_column(ForeignKey(ApplicationRow.id), primary_key=True)
    check_name: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    facts: Mapped[dict[str, FactValue]]
    trouble: Mapped[str | None]
    # The facts that depend on the request, for each alternative of the rulebook.
    alternatives: Mapped[list[dict[str, Any]] | None]


class OutcomeRow(Base):
    """The result of one rule, and the facts that it read."""

    __tablename__ = "outcomes"
    __table_args__ = (
        ForeignKeyConstraint(["application_id", "check_name"], [CheckRow.application_id, CheckRow.check_name]),
        Index("ix_outcomes_rule_result", "rule", "result"),
    )

    application_id: Mapped[str] = mapped_column(String(30), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    check_name: Mapped[str]
    rule: Mapped[str]
    result: Mapped[Result]
    reason: Mapped[str | None]
    refers: Mapped[bool]
    observed: Mapped[dict[str, FactValue]]


class EffectRow(Base):
    """One paid or irreversible call: the intent before it, the sealed answer after it."""

    __tablename__ = "effects"

    application_id: Mapped[str] = mapped_column(ForeignKey(ApplicationRow.id), primary_key=True)
    effect: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[EffectState]
    fence: Mapped[int]
    payload: Mapped[Sealed | None]
    begun_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
