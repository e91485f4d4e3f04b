"""What the store knows of one person, table by table."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from pydantic_core import from_json
from sqlalchemy import ColumnElement, and_, or_, select

from underwriting.store.columns import SealedBinary
from underwriting.store.crypto import SealedCell
from underwriting.store.errors import UnknownPerson
from underwriting.store.models import (
    ApplicationRow,
    AttemptRow,
    AuditHeadRow,
    AuditRow,
    Base,
    BookRow,
    CallbackRow,
    CheckRow,
    DecisionRow,
    DispatchRow,
    EffectRow,
    EligibilityRow,
    EvaluationKeyRow,
    EvaluationRow,
    EventRow,
    FloatRankRow,
    FrozenRow,
    LimitRecordRow,
    LimitRunRow,
    LimitShardRow,
    ListEntryRow,
    ListMatchRow,
    ListRow,
    MessageRow,
    NoticeRow,
    NoticeWarningRow,
    OutcomeRow,
    ProfileRow,
    ReportedFloatRow,
    RulebookRow,
    RuleOutcomeRow,
    StaffDecisionRow,
    TenantCallsRow,
)
from underwriting.store.session import Work

# Tables that know a person by tenant and id, and by which column.
BY_ID: Mapping[type[Base], Any] = {
    ApplicationRow: ApplicationRow.customer_id,
    EvaluationRow: EvaluationRow.user_id,
    ProfileRow: ProfileRow.user_id,
    ReportedFloatRow: ReportedFloatRow.user_id,
    FrozenRow: FrozenRow.user_id,
    FloatRankRow: FloatRankRow.user_id,
    ListMatchRow: ListMatchRow.user_id,
    NoticeRow: NoticeRow.customer_id,
    NoticeWarningRow: NoticeWarningRow.customer_id,
    MessageRow: MessageRow.customer_id,
    EventRow: EventRow.user_id,
}
# Tables about an application or an evaluation, and by which column.
OF_APPLICATIONS: Mapping[type[Base], Any] = {
    table: table.application_id for table in (DecisionRow, CheckRow, OutcomeRow, EffectRow)
}
OF_EVALUATIONS: Mapping[type[Base], Any] = {
    table: table.evaluation_id
    for table in (EvaluationKeyRow, CallbackRow, EligibilityRow, StaffDecisionRow, BookRow, RuleOutcomeRow)
}
OF_BOTH: Mapping[type[Base], Any] = {table: table.subject_id for table in (AttemptRow, DispatchRow)}
OF_LIMIT_RUNS = (LimitRecordRow, LimitRunRow)
# Tables that are about nobody whom we know. A list names others; the bounds of a shard may be anybody's id.
ABOUT_NOBODY = (RulebookRow, ListRow, ListEntryRow, LimitShardRow, AuditHeadRow, TenantCallsRow)


def tables() -> Iterable[type[Base]]:
    """All tables that may have rows of a person."""
    return (*BY_ID, *OF_APPLICATIONS, *OF_EVALUATIONS, *OF_BOTH, *OF_LIMIT_RUNS, AuditRow)


async def known(work: Work, tenant: str, person: str) -> None:
    """UnknownPerson if no table but the audit log has a row of this person."""
    for table in tables():
        if table is not AuditRow and await work.scalar(select(1).where(about(table, tenant, person)).limit(1)):
            return
    raise UnknownPerson(tenant, person)


async def exported(work: Work, tenant: str, person: str) -> dict[str, list[dict[str, Any]]]:
    """Every row about a person, by table, with sealed columns opened; UnknownPerson if there are none."""
    await known(work, tenant, person)
    found = {}
    for table in tables():
        key = tuple(getattr(table, column.name) for column in table.__table__.primary_key)
        rows = await work.scalars(select(table).where(about(table, tenant, person)).order_by(*key))
        found[table.__tablename__] = [_opened(work, row) for row in rows]
        work.expunge_all()
    return found


def about(table: type[Base], tenant: str, person: str) -> ColumnElement[bool]:
    """Which rows of a table are about a person."""
    return or_(*_about(table, tenant, person))


def _about(table: Any, tenant: str, person: str) -> Iterator[ColumnElement[bool]]:
    applications = select(ApplicationRow.id).where(
        ApplicationRow.tenant == tenant, ApplicationRow.customer_id == person
    )
    evaluations = select(EvaluationRow.id).where(EvaluationRow.tenant == tenant, EvaluationRow.user_id == person)
    runs = select(LimitRunRow.id).where(LimitRunRow.tenant == tenant)
    if (column := BY_ID.get(table)) is not None:
        yield and_(table.tenant == tenant, column == person)
    for columns, ids in ((OF_APPLICATIONS, applications), (OF_EVALUATIONS, evaluations)):
        if (column := {**columns, **OF_BOTH}.get(table)) is not None:
            yield column.in_(ids)
    if table is LimitRecordRow:
        yield and_(LimitRecordRow.user_id == person, LimitRecordRow.run_id.in_(runs))
    elif table is LimitRunRow:
        yield and_(LimitRunRow.tenant == tenant, LimitRunRow.scope == f"user:{person}")
    elif table is AuditRow:
        yield AuditRow.subject.in_(applications)
        yield AuditRow.subject.in_(evaluations)
        yield AuditRow.subject == f"{tenant}/{person}"
        # Entries about matches with lists have the tenant among their details.
        yield and_(AuditRow.subject == person, AuditRow.details.contains(f'"tenant":"{tenant}"', autoescape=True))
        named = AuditRow.details.contains(f'"customer":"{person}"', autoescape=True)
        yield and_(AuditRow.action == "notice.sent", AuditRow.subject.in_(runs), named)


def _opened(work: Work, row: Base) -> dict[str, Any]:
    """The columns of a row; what is sealed is opened, and JSON in bytes is parsed."""
    table = row.__table__
    key = tuple(getattr(row, column.name) for column in table.primary_key)
    opened: dict[str, Any] = {}
    for column in table.columns:
        value = getattr(row, column.name)
        if isinstance(column.type, SealedBinary) and value is not None:
            value = work.keys.open(value, SealedCell(str(row.__tablename__), column.name, key))
        opened[column.name] = _readable(value)
    return opened


def _readable(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, bytes):
        return value
    text = value.decode("utf-8", "replace")
    try:
        return from_json(text)
    except ValueError:
        return text
