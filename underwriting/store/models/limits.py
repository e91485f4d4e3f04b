"""Limit runs: the request, the state of each shard, and one record for each user."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column

from underwriting.domain.application import Product
from underwriting.domain.limits import LimitRunState, LimitShardState
from underwriting.store.columns import Bytewise, Sealed
from underwriting.store.models.base import Base, LeasedRow, index_of_due


class LimitRunRow(LeasedRow):
    """One run for one business date: its policy, its history and its state. `note` is sealed."""

    __tablename__ = "limit_runs"

    tenant: Mapped[str]
    product: Mapped[Product]
    business_date: Mapped[date]
    # Its users: empty for everybody, else `segment:…` or `user:…`.
    scope: Mapped[str]
    history: Mapped[str]
    judged_at: Mapped[datetime]
    # How it was asked for last, for whoever resumes it: whether every row is read again, and the number of shards.
    full: Mapped[bool] = mapped_column(server_default=false())
    shards: Mapped[int | None]
    currency: Mapped[str] = mapped_column(String(3))
    policy: Mapped[str]
    policy_version: Mapped[int]
    policy_digest: Mapped[str] = mapped_column(String(64))
    policy_text: Mapped[str]
    # The numbers that its facts rest on (`rules.facts.terms`); empty in runs from before they were kept.
    fact_terms: Mapped[str | None]
    fact_terms_version: Mapped[int | None]
    fact_terms_digest: Mapped[str | None] = mapped_column(String(64))

    state: Mapped[LimitRunState]
    # Sums over the shards and the guard's verdict on them, once all are calculated.
    totals: Mapped[dict[str, Any] | None]
    guard: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    note: Mapped[Sealed | None]
    # When its records were deleted, all of them: nothing can be rolled back any more.
    purged_at: Mapped[datetime | None]


# One run counts for a date; those that were discarded or rolled back make room for another.
_counts = LimitRunRow.state.not_in((LimitRunState.DISCARDED.value, LimitRunState.ROLLED_BACK.value))
Index(
    "uq_limit_runs_business_date",
    LimitRunRow.tenant,
    LimitRunRow.product,
    LimitRunRow.business_date,
    LimitRunRow.scope,
    unique=True,
    postgresql_where=_counts,
    sqlite_where=_counts,
)


class LimitShardRow(Base):
    """One range of ids of a run; an empty bound is open. `version` and `digest` identify its input."""

    __tablename__ = "limit_shards"

    run_id: Mapped[str] = mapped_column(ForeignKey(LimitRunRow.id), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    first_id: Mapped[str | None]
    end_id: Mapped[str | None]
    state: Mapped[LimitShardState]
    # The files that it needed, and the rows in them.
    version: Mapped[str | None] = mapped_column(String(64))
    digest: Mapped[str | None] = mapped_column(String(64))
    # The SHA-256 of its records as a file.
    records_digest: Mapped[str | None] = mapped_column(String(64))
    totals: Mapped[dict[str, Any] | None]
    # Rows of each input table, and those that are malformed by reason.
    intake: Mapped[dict[str, Any] | None]
    trouble: Mapped[str | None]
    # How often its calculation was begun without an end; too often, and it may be what kills the workers.
    tries: Mapped[int] = mapped_column(server_default="0")
    proposed_at: Mapped[datetime | None]
    applied_at: Mapped[datetime | None]


class LimitRecordRow(Base):
    """What one run decided about one user. Amounts are minor units of the run's currency; spaces separate codes."""

    __tablename__ = "limit_records"
    __table_args__ = (
        ForeignKeyConstraint(["run_id", "shard"], [LimitShardRow.run_id, LimitShardRow.number]),
        Index("ix_limit_records_user", "user_id", "run_id"),
    )

    run_id: Mapped[str] = mapped_column(String(30), primary_key=True)
    user_id: Mapped[str] = mapped_column(Bytewise, primary_key=True)
    shard: Mapped[int]
    move: Mapped[str] = mapped_column(String(16))
    before: Mapped[int | None]
    after: Mapped[int | None]
    target: Mapped[int | None]
    affordability_cap: Mapped[int | None]
    runs_below: Mapped[int]
    below_since: Mapped[date | None]
    raised_on: Mapped[date | None]
    lowered_on: Mapped[date | None]
    reasons: Mapped[str]
    gates_held: Mapped[str]
    notice_due: Mapped[date | None]
    # The facts that were known, as JSON.
    facts: Mapped[str]
    # What the decision rests on besides the limit before, so that the run decides the same again.
    base_raised_on: Mapped[date | None]
    base_lowered_on: Mapped[date | None]
    base_runs_below: Mapped[int]
    base_below_since: Mapped[date | None]
    # The limit in force as far as this run knows, and the version of the profile that has it, which the next version
    # follows; 0 if there was no profile. If `after` is another limit, it is still to be applied.
    in_force: Mapped[int]
    base_version: Mapped[int]
    # The version that this run wrote last, if any.
    applied_version: Mapped[int | None]
    # Whether this run has paused the product. If `move` differs, it is still to be applied.
    paused: Mapped[bool]
    # The highest limit that was in force before the run or by it; empty before it is applied.
    highest: Mapped[int | None]


index_of_due(LimitRecordRow)
