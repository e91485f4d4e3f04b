"""Notices that have to be sent to customers: which are due, and what was sent, when and how.

A notice is due for the newest decision about an application, for a rejected evaluation (by the rulebooks or by staff),
and for a limit that a run lowered, or raised and took back. It is also due for what nobody has decided: referrals,
and what is pending, failed or quarantined. Records of sent notices are never changed.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Select,
    Subquery,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import aliased
from ulid import ULID

from underwriting.domain.decision import APPLICATION_NOTICE, Verdict
from underwriting.domain.notice import NoticeKind, Owed
from underwriting.store import audit
from underwriting.store.columns import day_after, from_now
from underwriting.store.errors import NoNotice
from underwriting.store.limits.changes import highest_known
from underwriting.store.models import (
    ApplicationRow,
    DecisionRow,
    EligibilityRow,
    EvaluationRow,
    LimitRecordRow,
    LimitRunRow,
    NoticeRow,
    NoticeWarningRow,
    StaffDecisionRow,
    sealed_cell,
    undecided,
)
from underwriting.store.session import Work

# The position of a row in the list: the day, the subject, the customer.
Cursor = tuple[date, str, str]
BY_NOBODY, BY_RULEBOOKS, BY_PERSON = 0, 1, 2
_ADVERSE, _UNDECIDED = literal(NoticeKind.ADVERSE_ACTION.value), literal(NoticeKind.UNDECIDED.value)


def _selected(
    *conditions: ColumnElement[bool],
    tenant: Any,
    subject: Any,
    customer: Any,
    number: Any,
    kind: Any,
    product: Any,
    due: Any,
) -> Select[Any]:
    return select(
        tenant.label("tenant"),
        subject.label("subject_id"),
        customer.label("customer_id"),
        number.label("number"),
        kind.label("kind"),
        product.label("product"),
        due.label("due"),
    ).where(*conditions)


def _sources(*, by_day: bool, of_some: bool) -> list[Select[Any]]:
    """Every decision that needs a notice, and what nobody decided. Indexes find the rows of each part."""

    def wanted(subject: Any, due: Any) -> list[ColumnElement[bool]]:
        conditions = [due.is_not(None)]
        conditions += [due <= bindparam("until", type_=Date())] if by_day else []
        return conditions + ([subject.in_(bindparam("subjects", expanding=True))] if of_some else [])

    later = aliased(DecisionRow)
    newer = exists().where(later.application_id == DecisionRow.application_id, later.sequence > DecisionRow.sequence)
    kind = case(
        (DecisionRow.verdict == Verdict.INCOMPLETE, literal(NoticeKind.INCOMPLETENESS.value)),
        (DecisionRow.verdict == Verdict.COUNTEROFFER, literal(NoticeKind.COUNTEROFFER.value)),
        (DecisionRow.verdict == Verdict.REFERRED, _UNDECIDED),
        else_=_ADVERSE,
    )
    applications = _selected(
        *wanted(DecisionRow.application_id, DecisionRow.notice_due),
        DecisionRow.application_id == ApplicationRow.id,
        ~undecided(ApplicationRow),
        ~newer,
        tenant=ApplicationRow.tenant,
        subject=ApplicationRow.id,
        customer=ApplicationRow.customer_id,
        number=DecisionRow.sequence,
        kind=kind,
        product=ApplicationRow.product,
        due=DecisionRow.notice_due,
    )
    evaluations = [
        _selected(
            *wanted(result.evaluation_id, result.notice_due),
            result.evaluation_id == EvaluationRow.id,
            or_(result.verdict != Verdict.REFERRED, ~_answered()),
            tenant=EvaluationRow.tenant,
            subject=EvaluationRow.id,
            customer=EvaluationRow.user_id,
            number=literal(number),
            kind=case((result.verdict == Verdict.REFERRED, _UNDECIDED), else_=_ADVERSE),
            product=EvaluationRow.product,
            due=result.notice_due,
        )
        for result, number in ((EligibilityRow, BY_RULEBOOKS), (StaffDecisionRow, BY_PERSON))
    ]
    received = func.coalesce(ApplicationRow.completed_on, ApplicationRow.received_on)
    untouched = [
        _selected(
            *wanted(row.id, due := day_after(since, APPLICATION_NOTICE)),
            undecided(row),
            *more,
            tenant=row.tenant,
            subject=row.id,
            customer=customer,
            number=literal(BY_NOBODY),
            kind=_UNDECIDED,
            product=row.product,
            due=due,
        )
        for row, customer, since, more in (
            (ApplicationRow, ApplicationRow.customer_id, received, ()),
            (EvaluationRow, EvaluationRow.user_id, EvaluationRow.received_on, (~_answered(),)),
        )
    ]
    limits = _selected(
        *wanted(LimitRecordRow.run_id, LimitRecordRow.notice_due),
        LimitRecordRow.run_id == LimitRunRow.id,
        LimitRecordRow.applied_version.is_not(None),
        or_(LimitRecordRow.in_force < highest_known(), LimitRecordRow.paused),
        tenant=LimitRunRow.tenant,
        subject=LimitRunRow.id,
        customer=LimitRecordRow.user_id,
        # Whatever the run applies to a user later has a notice of its own.
        number=LimitRecordRow.applied_version,
        kind=_ADVERSE,
        product=LimitRunRow.product,
        due=LimitRecordRow.notice_due,
    )
    return [applications, *evaluations, *untouched, limits]


def _answered() -> ColumnElement[bool]:
    """Whether this evaluation, or a later one for the same product, approved or rejected the user."""
    same, result, by_staff = aliased(EvaluationRow), aliased(EligibilityRow), aliased(StaffDecisionRow)
    return exists().where(
        same.tenant == EvaluationRow.tenant,
        same.user_id == EvaluationRow.user_id,
        same.product == EvaluationRow.product,
        same.id >= EvaluationRow.id,
        result.evaluation_id == same.id,
        or_(result.verdict != Verdict.REFERRED, exists().where(by_staff.evaluation_id == same.id)),
    )


@cache
def _all(*, by_day: bool = False, of_some: bool = False) -> Subquery:
    """The notices of all kinds: due by the day `until`, or about these `subjects`, where the statement is given them.

    Building it takes longer than the database takes to answer, so it is built once.
    """
    return union_all(*_sources(by_day=by_day, of_some=of_some)).subquery("due")


def _unsent(rows: Subquery) -> ColumnElement[bool]:
    return ~exists().where(_of(NoticeRow, rows.c))


def _of(table: type[NoticeRow] | type[NoticeWarningRow], about: Any) -> ColumnElement[bool]:
    return and_(
        table.subject_id == about.subject_id, table.customer_id == about.customer_id, table.number == about.number
    )


async def due(
    work: Work, tenant: str | None, until: date | None = None, after: Cursor | None = None, limit: int = 50
) -> list[Owed]:
    """Notices that are due by that day (or at all) and were not sent, the most urgent first.

    None as the tenant means all tenants.
    """
    rows = _all(by_day=until is not None)
    query = select(rows).where(_unsent(rows)).order_by(rows.c.due, rows.c.subject_id, rows.c.customer_id).limit(limit)
    if tenant is not None:
        query = query.where(rows.c.tenant == tenant)
    if after is not None:
        query = query.where(tuple_(rows.c.due, rows.c.subject_id, rows.c.customer_id) > tuple_(*map(literal, after)))
    return await _found(work, query, {"until": until})


async def owed_among(
    work: Work, subject_ids: Collection[str], customer_ids: Collection[str] | None = None
) -> set[tuple[str, str]]:
    """Of these subjects, and customers, those with a notice that was not sent, each with the customer."""
    rows = _all(of_some=True)
    query = select(rows.c.subject_id, rows.c.customer_id).where(_unsent(rows))
    if customer_ids is not None:
        query = query.where(rows.c.customer_id.in_(customer_ids))
    found = await work.execute(query, {"subjects": list(subject_ids)})
    return {(subject_id, customer_id) for subject_id, customer_id in found}


async def get(work: Work, tenant: str | None, subject_id: str, customer_id: str | None = None) -> Owed:
    """The notice that an application, an evaluation or a user in a limit run needs, whether it was sent or not.

    NoNotice if it needs none, or is another tenant's.
    """
    rows = _all(of_some=True)
    query = select(rows).order_by(rows.c.number.desc()).limit(2)
    if tenant is not None:
        query = query.where(rows.c.tenant == tenant)
    if customer_id is not None:
        query = query.where(rows.c.customer_id == customer_id)
    found = await _found(work, query, {"subjects": [subject_id]})
    if not found or (customer_id is None and len({each.customer_id for each in found}) > 1):
        raise NoNotice(subject_id, customer_id)
    return found[0]


async def record(work: Work, owed: Owed, *, how: str, sent_at: datetime, sent_by: str, content: bytes) -> NoticeRow:
    """Store that the notice was sent, with its content sealed; the same sending twice is stored once."""
    same = (_of(NoticeRow, owed), NoticeRow.how == how, NoticeRow.sent_at == sent_at)
    if (earlier := await work.scalar(select(NoticeRow).where(*same).limit(1))) is not None:
        return earlier
    notice_id = f"ntc_{ULID()}"
    row = await work.add_new(
        NoticeRow,
        id=notice_id,
        tenant=owed.tenant,
        subject_id=owed.subject_id,
        customer_id=owed.customer_id,
        number=owed.number,
        kind=owed.kind,
        how=how,
        sent_at=sent_at,
        sent_by=sent_by,
        recorded_at=from_now(),
        content=work.keys.seal(content, sealed_cell(NoticeRow.content, notice_id)),
    )
    if row is None:
        raise ValueError(f"the id {notice_id} is taken")
    details = {"notice": notice_id, "kind": owed.kind.value, "number": owed.number, "how": how}
    await audit.append(work, "notice.sent", owed.subject_id, sent_by, customer=owed.customer_id, **details)
    return row


async def sent(work: Work, owed: Owed) -> list[NoticeRow]:
    """When and how this notice was sent, oldest first."""
    return list(await work.scalars(select(NoticeRow).where(_of(NoticeRow, owed)).order_by(NoticeRow.sent_at)))


async def first_sent(work: Work, subject_id: str, kind: NoticeKind) -> datetime | None:
    """When the first notice of this kind about a subject was sent; None if none was."""
    query = select(func.min(NoticeRow.sent_at)).where(NoticeRow.subject_id == subject_id, NoticeRow.kind == kind)
    moment: datetime | None = await work.scalar(query)
    return moment


def content(work: Work, row: NoticeRow) -> bytes:
    """The content of the notice."""
    return work.keys.open(row.content, sealed_cell(NoticeRow.content, row.id))


async def unwarned(work: Work, until: date, limit: int = 100) -> list[Owed]:
    """Notices due by that day that were not sent and have no warning yet."""
    rows = _all(by_day=True)
    warned = exists().where(_of(NoticeWarningRow, rows.c))
    query = select(rows).where(_unsent(rows), ~warned).order_by(rows.c.due, rows.c.subject_id).limit(limit)
    return await _found(work, query, {"until": until})


async def _found(work: Work, query: Select[Any], values: Mapping[str, Any]) -> list[Owed]:
    return [Owed.model_validate(row, from_attributes=True) for row in await work.execute(query, values)]


async def warn(work: Work, owed: Owed) -> bool:
    """Store the warning; False if it was given before."""
    about = owed.model_dump(include={"tenant", "subject_id", "customer_id", "number"})
    return await work.add_new(NoticeWarningRow, **about, warned_at=from_now()) is not None


async def counts(work: Work, today: date, until: date) -> dict[str, int]:
    """How many notices are overdue today, and how many more are due until that day."""
    rows = _all(by_day=True)
    late = func.count().filter(rows.c.due < today)
    query = select(late, func.count() - late).select_from(rows).where(_unsent(rows))
    overdue, soon = (await work.execute(query, {"until": until})).one()
    return {"overdue": int(overdue), "due_soon": int(soon)}


async def limit_change(work: Work, run_id: str, user_id: str) -> tuple[LimitRunRow, LimitRecordRow]:
    """What a run did to a user's limit."""
    query = select(LimitRunRow, LimitRecordRow).where(
        LimitRunRow.id == run_id, LimitRecordRow.run_id == LimitRunRow.id, LimitRecordRow.user_id == user_id
    )
    found: Sequence[Any] | None = (await work.execute(query)).one_or_none()
    if found is None:
        raise NoNotice(run_id, user_id)
    return found[0], found[1]
