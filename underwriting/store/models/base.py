"""What all tables share: types, constraint names, and the columns of whatever a worker claims."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Enum,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    and_,
    bindparam,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, QueryableAttribute, mapped_column

from underwriting.domain.application import Product, State
from underwriting.domain.decision import FactValue, Result, Verdict
from underwriting.domain.limits import LimitRunState, LimitShardState
from underwriting.domain.notice import NoticeKind
from underwriting.store.columns import Json, UtcDateTime
from underwriting.store.crypto import SealedCell
from underwriting.store.models.states import AttemptEnd, Channel, EffectState, QueueState, RulebookKind


def _choice(kind: type[StrEnum]) -> Enum:
    """Text with a check constraint: a new member is a plain migration on both databases."""
    return Enum(
        kind,
        native_enum=False,
        length=16,
        create_constraint=True,
        name=kind.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


class Base(DeclarativeBase):
    """Types and constraint names that all tables share."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own name and form
        int: BigInteger(),
        str: Text(),
        bytes: LargeBinary(),
        datetime: UtcDateTime(),
        dict[str, Any]: Json,
        dict[str, str]: Json,
        dict[str, FactValue]: Json,
        list[dict[str, Any]]: Json,
        list[dict[str, str]]: Json,
        list[int]: Json,
        list[str]: Json,
        AttemptEnd: _choice(AttemptEnd),
        Channel: _choice(Channel),
        EffectState: _choice(EffectState),
        LimitRunState: _choice(LimitRunState),
        LimitShardState: _choice(LimitShardState),
        NoticeKind: _choice(NoticeKind),
        Product: _choice(Product),
        QueueState: _choice(QueueState),
        Result: _choice(Result),
        RulebookKind: _choice(RulebookKind),
        State: _choice(State),
        Verdict: _choice(Verdict),
    }


class LeasedRow(Base):
    """A row that one worker at a time owns: the fence, the end of the lease, and the flow run."""

    __abstract__ = True

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    fence: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    flow_run_id: Mapped[str | None] = mapped_column(String(36))


class Claimable(LeasedRow):
    """A row that one worker at a time works on, with its state."""

    __abstract__ = True

    tenant: Mapped[str]
    # Identifies it in Prefect; for an application it also identifies the request.
    request_key: Mapped[str] = mapped_column(String(64), unique=True)
    as_of: Mapped[date]
    received_at: Mapped[datetime]
    # The lender's day of the receipt, from which the time for the notice runs.
    received_on: Mapped[date]

    state: Mapped[State]
    attempts: Mapped[int] = mapped_column(default=0)
    dispatch_no: Mapped[int] = mapped_column(default=0)
    dispatched_at: Mapped[datetime | None]
    trouble: Mapped[str | None]


class QueuedRow(Base):
    """A row of a queue; `done_at` is when it was delivered or handled."""

    __abstract__ = True

    id: Mapped[str]
    state: Mapped[QueueState]
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    trouble: Mapped[str | None]
    done_at: Mapped[datetime | None]


def index_of_due(table: type[Base]) -> None:
    """Index the rows that need a notice to the customer, by the day on which it is due."""
    due: Any = table.__table__.c.notice_due
    Index(f"ix_{table.__tablename__}_notice_due", due, postgresql_where=due.is_not(None), sqlite_where=due.is_not(None))


def sealed_cell(column: QueryableAttribute[Any], *key: str | int) -> SealedCell:
    """The place of the sealed value of `column` in the row of this primary key."""
    return SealedCell(column.class_.__tablename__, column.key, key)


# Nothing is decided, or it is to be decided anew.
UNDECIDED = (State.PENDING, State.RUNNING, State.QUARANTINED, State.CANCELLED)


def undecided(table: type[Claimable]) -> ColumnElement[bool]:
    """Whether nobody has decided it."""
    return _in_state(table, *UNDECIDED)


def waiting(table: type[Claimable]) -> ColumnElement[bool]:
    """Whether it waits for its turn to be dispatched."""
    return and_(_in_state(table, State.PENDING), table.dispatched_at.is_(None))


def under_way(table: type[Claimable]) -> ColumnElement[bool]:
    """Whether it was dispatched and is not decided."""
    return and_(_in_state(table, State.PENDING, State.RUNNING), table.dispatched_at.is_not(None))


def index_of_turns(table: type[Claimable]) -> None:
    """Index what waits and what is under way by tenant."""
    for name, rows, columns in (
        ("waiting", waiting(table), (table.tenant, table.id)),
        ("under_way", under_way(table), (table.tenant,)),
    ):
        Index(f"ix_{table.__tablename__}_{name}", *columns, postgresql_where=rows, sqlite_where=rows)


def _in_state(table: type[Claimable], *states: State) -> ColumnElement[bool]:
    """Whether it is in one of these states, which are literals in the statement, so that it can use partial indexes."""
    values: BindParameter[Any] = bindparam(None, [one.value for one in states], expanding=True, literal_execute=True)
    return table.state.in_(values)


def index_of_undecided(table: type[Claimable]) -> None:
    """Index what nobody has decided by when it was received: the customer needs a notice in time."""
    open_still = undecided(table)
    name = f"ix_{table.__tablename__}_undecided"
    Index(name, table.received_at, postgresql_where=open_still, sqlite_where=open_still)
