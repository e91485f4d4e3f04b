"""Applications and evaluations, each with all that was stored about it.

The time runs from the notification of the action taken: a notice that was sent, else the decision, which the partner is
told at once. It does not run while a notice is owed, while a partner was not told, or while a float or a loan is open.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, func, or_, select

from underwriting.domain.application import State
from underwriting.domain.decision import Result, Verdict
from underwriting.domain.retention import LISTED_MONTHS, MINIMUMS, OFAC, Kind, Term, months_after
from underwriting.store import notices
from underwriting.store.models import (
    ApplicationRow,
    AttemptRow,
    BookRow,
    CallbackRow,
    Channel,
    CheckRow,
    DecisionRow,
    DispatchRow,
    EffectRow,
    EligibilityRow,
    EvaluationKeyRow,
    EvaluationRow,
    FrozenRow,
    ListMatchRow,
    MessageRow,
    NoticeRow,
    NoticeWarningRow,
    OutcomeRow,
    QueueState,
    RuleOutcomeRow,
    StaffDecisionRow,
)
from underwriting.store.retention.records import Key, Page, Record, RecordType, Wanted, narrowed, next_key, paged
from underwriting.store.session import Work

# What the partner or the caller was told is a part of the record; what went to the event bus is a copy.
TOLD = (Channel.RESULTS, Channel.CALLBACK)
UNDER_WAY = Term(None, "it is not decided")
UNTOLD = Term(None, "the partner has not been told")
NO_NOTICE = Term(None, "its notice to the customer is due or must be decided first")
OPEN_FLOAT = Term(None, "the newest facts count an open float")
LOAN = "the loan runs until then"
LISTED = (LISTED_MONTHS, OFAC)
NOT_LISTED = "NotListed"

# Everything that is stored about one, in the order in which it can be deleted.
_OF_BOTH = (
    (MessageRow, MessageRow.subject_id),
    (NoticeWarningRow, NoticeWarningRow.subject_id),
    (NoticeRow, NoticeRow.subject_id),
    (AttemptRow, AttemptRow.subject_id),
    (DispatchRow, DispatchRow.subject_id),
)
OF_APPLICATIONS = (
    *_OF_BOTH,
    (OutcomeRow, OutcomeRow.application_id),
    (CheckRow, CheckRow.application_id),
    (EffectRow, EffectRow.application_id),
    (DecisionRow, DecisionRow.application_id),
    (ApplicationRow, ApplicationRow.id),
)
OF_EVALUATIONS = (
    *_OF_BOTH,
    (CallbackRow, CallbackRow.evaluation_id),
    (EvaluationKeyRow, EvaluationKeyRow.evaluation_id),
    (FrozenRow, FrozenRow.evaluation_id),
    (RuleOutcomeRow, RuleOutcomeRow.evaluation_id),
    (BookRow, BookRow.evaluation_id),
    (StaffDecisionRow, StaffDecisionRow.evaluation_id),
    (EligibilityRow, EligibilityRow.evaluation_id),
    (EvaluationRow, EvaluationRow.id),
)


@dataclass(frozen=True)
class _Told:
    """What the store knows of the notification of some subjects."""

    owed: set[str]
    untold: set[str]
    moments: dict[str, list[datetime]]

    def since(self, work: Work, subject_id: str, *days: date | None) -> date:
        """The last of these days, and of those on which anybody was told."""
        told = (work.day_of(moment) for moment in self.moments.get(subject_id, ()))
        return max([day for day in days if day is not None] + [*told])

    def open(self, subject_id: str, state: State) -> Term | None:
        """Why the time does not run yet; None if it does."""
        if state in (State.PENDING, State.RUNNING, State.INCOMPLETE, State.COUNTEROFFER):
            return UNDER_WAY
        if subject_id in self.owed:
            return NO_NOTICE
        return UNTOLD if subject_id in self.untold else None


async def _applications(work: Work, wanted: Wanted, after: Key | None) -> Page:
    query = _narrowed(ApplicationRow, ApplicationRow.customer_id, wanted, Kind.BUSINESS_APPLICATIONS)
    rows = list(await work.scalars(paged(query, (ApplicationRow.id,), after)))
    ids = [row.id for row in rows]
    told = await _told(work, ids)
    decided: dict[str, Any] = {}
    for row in await work.execute(
        select(DecisionRow.application_id, DecisionRow.decided_at, DecisionRow.verdict)
        .where(DecisionRow.application_id.in_(ids))
        .order_by(DecisionRow.application_id, DecisionRow.sequence)
    ):
        decided[row.application_id] = row
    facts = select(CheckRow.application_id, CheckRow.facts)
    persons = facts.where(CheckRow.application_id.in_(ids), CheckRow.check_name == "customer_information")
    business = {row.application_id for row in await work.execute(persons) if row.facts.get("is_company") is True}
    outcomes = select(OutcomeRow.application_id, OutcomeRow.observed).where(
        OutcomeRow.application_id.in_(ids), OutcomeRow.rule == NOT_LISTED, OutcomeRow.result != Result.PASS
    )
    listed = {id_ for id_, observed in await work.execute(outcomes) if _was_found(observed)}
    matched = await _matched(work, [row.customer_id for row in rows])

    def record(row: ApplicationRow) -> Record:
        kind = Kind.BUSINESS_APPLICATIONS if row.id in business else Kind.APPLICATIONS
        made = decided.get(row.id)
        decided_on = made and work.day_of(made.decided_at)
        since = told.since(work, row.id, row.received_on, row.completed_on, decided_on)
        by_law = LISTED if row.id in listed or (row.tenant, row.customer_id) in matched else None
        term = wanted.demands.term(row.tenant, row.customer_id, kind, since, by_law)
        if made and decided_on and made.verdict == Verdict.APPROVED and row.term_months:
            term = term.or_later(Term(months_after(decided_on, row.term_months), LOAN))
        term = told.open(row.id, row.state) or term
        return Record(kind, row.tenant, row.customer_id, (row.id,), term)

    return [record(row) for row in rows], next_key(rows, lambda row: (row.id,))


async def _evaluations(work: Work, wanted: Wanted, after: Key | None) -> Page:
    query = _narrowed(EvaluationRow, EvaluationRow.user_id, wanted, Kind.EVALUATIONS)
    rows = list(await work.scalars(paged(query, (EvaluationRow.id,), after)))
    ids = [row.id for row in rows]
    told = await _told(work, ids)
    for table in (EligibilityRow, StaffDecisionRow):
        made = select(table.evaluation_id, table.decided_at).where(table.evaluation_id.in_(ids))
        for id_, moment in await work.execute(made):
            told.moments.setdefault(id_, []).append(moment)
    outcomes = select(RuleOutcomeRow.evaluation_id, RuleOutcomeRow.observed).where(
        RuleOutcomeRow.evaluation_id.in_(ids), RuleOutcomeRow.rule == NOT_LISTED, RuleOutcomeRow.result != Result.PASS
    )
    listed = {id_ for id_, observed in await work.execute(outcomes) if _was_found(observed)}
    matched = await _matched(work, [row.user_id for row in rows])
    authorised = set(await work.scalars(select(FrozenRow.evaluation_id).where(FrozenRow.evaluation_id.in_(ids))))
    floating = await _with_open_floats(work, [row.user_id for row in rows if row.id in authorised])

    def record(row: EvaluationRow) -> Record:
        since = told.since(work, row.id, row.received_on)
        by_law = LISTED if row.id in listed or (row.tenant, row.user_id) in matched else None
        term = wanted.demands.term(row.tenant, row.user_id, Kind.EVALUATIONS, since, by_law)
        if row.id in authorised and (row.tenant, row.user_id) in floating:
            term = OPEN_FLOAT
        term = told.open(row.id, row.state) or term
        return Record(Kind.EVALUATIONS, row.tenant, row.user_id, (row.id,), term)

    return [record(row) for row in rows], next_key(rows, lambda row: (row.id,))


def _narrowed(table: Any, person: Any, wanted: Wanted, shortest: Kind) -> Any:
    """The rows to look through; those that are too young for the shortest term are left out."""
    past = table.received_on < wanted.demands.first_kept(MINIMUMS[shortest].months)
    query = narrowed(select(table), wanted, table.tenant, person, past)
    return query.with_for_update(skip_locked=True) if wanted.lock else query


async def _told(work: Work, ids: Sequence[str]) -> _Told:
    moments: dict[str, list[datetime]] = {}
    sent = select(NoticeRow.subject_id, NoticeRow.sent_at).where(NoticeRow.subject_id.in_(ids))
    mine = (MessageRow.subject_id.in_(ids), MessageRow.channel.in_(TOLD))
    delivered = select(MessageRow.subject_id, MessageRow.done_at).where(*mine, MessageRow.done_at.is_not(None))
    for query in (sent, delivered):
        for subject_id, moment in await work.execute(query):
            moments.setdefault(subject_id, []).append(moment)
    untold = await work.scalars(select(MessageRow.subject_id).where(*mine, MessageRow.state != QueueState.DONE))
    owed = {subject_id for subject_id, _ in await notices.owed_among(work, ids)}
    return _Told(owed, set(untold), moments)


def _was_found(observed: Any) -> bool:
    """Whether a rule that did not pass saw a match with a list; else it may only have missed the lists."""
    return observed.get("list_match_score") is not None or observed.get("list_confirmed_score") is not None


async def _matched(work: Work, persons: Sequence[str]) -> set[tuple[str, str]]:
    query = select(ListMatchRow.tenant, ListMatchRow.user_id).where(ListMatchRow.user_id.in_(set(persons)))
    return {(tenant, user_id) for tenant, user_id in await work.execute(query)}


async def _with_open_floats(work: Work, users: Sequence[str]) -> set[tuple[str, str]]:
    """Those users who have an open float by the facts of their newest decided evaluation. The store knows no more."""
    newest = (
        select(func.max(EvaluationRow.id))
        .join(EligibilityRow, EligibilityRow.evaluation_id == EvaluationRow.id)
        .where(EvaluationRow.user_id.in_(set(users)))
        .group_by(EvaluationRow.tenant, EvaluationRow.user_id)
    )
    query = select(EvaluationRow.tenant, EvaluationRow.user_id, EligibilityRow.facts).join(
        EligibilityRow, EligibilityRow.evaluation_id == EvaluationRow.id
    )
    rows = await work.execute(query.where(EvaluationRow.id.in_(newest)))
    return {(tenant, user_id) for tenant, user_id, facts in rows if facts.get("outstanding_floats")}


async def _delete(work: Work, records: Sequence[Record], tables: Sequence[Any]) -> None:
    ids = [record.key[0] for record in records]
    for table, column in tables:
        await work.execute(delete(table).where(column.in_(ids)))


async def _delete_applications(work: Work, records: Sequence[Record]) -> None:
    await _delete(work, records, OF_APPLICATIONS)


async def _delete_evaluations(work: Work, records: Sequence[Record]) -> None:
    await _delete(work, records, OF_EVALUATIONS)


async def under_way(work: Work, tenant: str, person: str) -> list[str]:
    """The applications and evaluations of a person that a worker works on, or will at once."""
    found: list[str] = []
    for table, column in ((ApplicationRow, ApplicationRow.customer_id), (EvaluationRow, EvaluationRow.user_id)):
        mine = (table.tenant == tenant, column == person, table.state.in_((State.PENDING, State.RUNNING)))
        found += await work.scalars(select(table.id).where(*mine).order_by(table.id))
    return found


async def forget_callbacks(work: Work, tenant: str, person: str) -> int:
    """Delete the addresses that the results of a person's evaluations were posted to, where nobody waits any more."""
    answered = select(EligibilityRow.evaluation_id).where(
        or_(
            EligibilityRow.verdict != Verdict.REFERRED,
            EligibilityRow.evaluation_id.in_(select(StaffDecisionRow.evaluation_id)),
        )
    )
    mine = select(EvaluationRow.id).where(
        EvaluationRow.tenant == tenant, EvaluationRow.user_id == person, EvaluationRow.id.in_(answered)
    )
    gone = await work.scalars(
        delete(CallbackRow).where(CallbackRow.evaluation_id.in_(mine)).returning(CallbackRow.evaluation_id)
    )
    return len(list(gone))


APPLICATIONS = RecordType(
    frozenset({Kind.APPLICATIONS, Kind.BUSINESS_APPLICATIONS}), _applications, _delete_applications
)
EVALUATIONS = RecordType(frozenset({Kind.EVALUATIONS}), _evaluations, _delete_evaluations)
