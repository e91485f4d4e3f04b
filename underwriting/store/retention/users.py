"""What is known of users besides their evaluations: reported floats, earlier versions of profiles, list matches."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from sqlalchemy import and_, delete, exists, func, literal, or_, select, tuple_, update

from underwriting.domain.application import State
from underwriting.domain.limits import LimitRunState
from underwriting.domain.retention import MINIMUMS, Kind, Term
from underwriting.store.models import (
    EligibilityRow,
    EvaluationRow,
    FloatRankRow,
    FrozenRow,
    LimitRunRow,
    ListMatchRow,
    ProfileRow,
    ReportedFloatRow,
)
from underwriting.store.retention.records import BATCH, Key, Page, Record, RecordType, Wanted, narrowed, next_key, paged
from underwriting.store.session import Work

# Evaluations answer for a week at most, and rest on the number of the user's reported floats: with one float less, an
# answer could seem to know of the next one. So no float goes while there may be such an answer.
LONGEST_ANSWER = timedelta(days=31)
EVALUATED = Term(None, "the user was evaluated in the last 31 days")
UNCHECKED = Term(None, "its event is not handled")
AUTHORISED = Term(None, "the evaluation that authorised it is kept")
IN_FORCE = Term(None, "the profile is in force")
PAUSED = Term(None, "a product is paused for the user")
RESTED_ON = Term(None, "an evaluation that is kept rests on it")
SINCE_WHEN = Term(None, "it says since when the limit is in force")
OPEN_MATCH = Term(None, "nobody has cleared the match")

User = tuple[str, str]
_FLOAT = (ReportedFloatRow.tenant, ReportedFloatRow.float_id)
_MATCH = (
    ListMatchRow.tenant,
    ListMatchRow.user_id,
    ListMatchRow.list_name,
    ListMatchRow.entry_id,
    ListMatchRow.kind,
)
_VERSION = (ProfileRow.tenant, ProfileRow.user_id, ProfileRow.version)


async def _floats(work: Work, wanted: Wanted, after: Key | None) -> Page:
    past = ReportedFloatRow.reported_at < wanted.before(MINIMUMS[Kind.FLOATS].months)
    query = narrowed(select(ReportedFloatRow), wanted, ReportedFloatRow.tenant, ReportedFloatRow.user_id, past)
    rows = list(await work.scalars(paged(query, _FLOAT, after)))
    evaluated = await _evaluated_since(work, wanted.demands.today - LONGEST_ANSWER, [row.user_id for row in rows])
    keys = [(row.tenant, row.float_id) for row in rows]
    by_float = (FrozenRow.tenant, FrozenRow.float_id)
    frozen = select(*by_float, FrozenRow.evaluation_id).where(tuple_(*by_float).in_(keys))
    authorised = {(tenant, float_id) for tenant, float_id, by in await work.execute(frozen) if by not in wanted.gone}

    def term(row: ReportedFloatRow) -> Term:
        if row.authorised is None:
            return UNCHECKED
        if (row.tenant, row.float_id) in authorised:
            return AUTHORISED
        since = max(row.taken_on, work.day_of(row.reported_at))
        term = wanted.demands.term(row.tenant, row.user_id, Kind.FLOATS, since)
        return EVALUATED if term.until is not None and (row.tenant, row.user_id) in evaluated else term

    records = [Record(Kind.FLOATS, row.tenant, row.user_id, (row.tenant, row.float_id), term(row)) for row in rows]
    return records, next_key(rows, lambda row: (row.tenant, row.float_id))


async def _evaluated_since(work: Work, day: date, users: Iterable[str]) -> set[User]:
    query = select(EvaluationRow.tenant, EvaluationRow.user_id).where(
        EvaluationRow.user_id.in_(set(users)),
        or_(EvaluationRow.received_on >= day, EvaluationRow.state.in_((State.PENDING, State.RUNNING))),
    )
    return {(tenant, user_id) for tenant, user_id in await work.execute(query)}


async def _delete_floats(work: Work, records: Sequence[Record]) -> None:
    keys = [record.key for record in records]
    await work.execute(delete(ReportedFloatRow).where(tuple_(*_FLOAT).in_(keys)))
    for tenant, user_id in {(record.tenant, record.person) for record in records}:
        await forget_ranks(work, tenant, user_id)


async def forget_ranks(work: Work, tenant: str, user_id: str) -> None:
    """Delete the count of a user's floats once none of them is known any more."""
    left = exists().where(ReportedFloatRow.tenant == tenant, ReportedFloatRow.user_id == user_id)
    frozen = exists().where(FrozenRow.tenant == tenant, FrozenRow.user_id == user_id)
    mine = (FloatRankRow.tenant == tenant, FloatRankRow.user_id == user_id)
    await work.execute(delete(FloatRankRow).where(*mine, ~left, ~frozen))


async def _profiles(work: Work, wanted: Wanted, after: Key | None) -> Page:
    """The versions of up to `BATCH` users. Of one person all are looked at, else only those that are superseded."""
    key = (ProfileRow.tenant, ProfileRow.user_id)
    query = select(*key).group_by(*key)
    if wanted.tenant is not None:
        query = query.where(ProfileRow.tenant == wanted.tenant)
    if wanted.person is not None:
        query = query.where(ProfileRow.user_id == wanted.person)
    else:
        superseded = func.min(ProfileRow.created_on) < wanted.before(MINIMUMS[Kind.PROFILES].months)
        query = query.having(and_(func.count() > 1, superseded))
    users = [(tenant, user_id) for tenant, user_id in await work.execute(paged(query, key, after))]
    versions = defaultdict[User, list[ProfileRow]](list)
    of_them = select(ProfileRow).where(tuple_(*key).in_(users)).order_by(*_VERSION)
    for row in await work.scalars(of_them):
        versions[row.tenant, row.user_id].append(row)
    rested_on = await _rested_on(work, users, wanted.gone)
    taken_back = await _taken_back(work, {tenant for tenant, _ in users})
    records = [
        Record(Kind.PROFILES, *user, (*user, row.version), term)
        for user in users
        for row, term in _terms(work, wanted, versions[user], rested_on, taken_back)
    ]
    return records, users[-1] if len(users) == BATCH else None


def _terms(
    work: Work,
    wanted: Wanted,
    versions: Sequence[ProfileRow],
    rested_on: set[tuple[str, str, int]],
    taken_back: set[str],
) -> Iterable[tuple[ProfileRow, Term]]:
    """Until when each version of a user is kept, the newest first: what is in force keeps those that explain it."""
    newest = max((row.version for row in versions if row.expires_on is None), default=0)
    since = _since(versions, taken_back)
    holds = False
    for number, row in reversed(list(enumerate(versions))):
        following = versions[number + 1] if number + 1 < len(versions) else row
        day = work.day_of(following.created_on)
        term = wanted.demands.term(row.tenant, row.user_id, Kind.PROFILES, day)
        over = term.is_over(wanted.demands.today)
        if (row.tenant, row.user_id, row.version) in rested_on:
            term = RESTED_ON
        elif row.version >= newest and wanted.person is None:
            # Only for the person's sake does a profile end that is in force.
            term = IN_FORCE
        elif row.version >= newest and over and row.paused:
            term = PAUSED
        elif holds and over and row.version > since:
            term = SINCE_WHEN
        holds = holds or not term.is_over(wanted.demands.today)
        yield row, term


def _since(versions: Sequence[ProfileRow], taken_back: set[str]) -> int:
    """The version before those with the limit of today, as `limits.bases` counts them; 0 if there is none."""
    counted = [row for row in versions if row.expires_on is None and row.created_by not in taken_back]
    return max((row.version for row in counted if row.amount != counted[-1].amount), default=0)


async def _rested_on(work: Work, users: Sequence[User], gone: set[str]) -> set[tuple[str, str, int]]:
    """The versions that evaluations rest on, without those that are deleted before."""
    mine = tuple_(EvaluationRow.tenant, EvaluationRow.user_id).in_(users)
    columns = (EvaluationRow.tenant, EvaluationRow.user_id, EligibilityRow.profile_version)
    # Where nothing is deleted before, their ids need not be read.
    by = EvaluationRow.id if gone else literal("")
    query = select(*columns, by).join(EligibilityRow, EligibilityRow.evaluation_id == EvaluationRow.id)
    rows = await work.execute(query.where(mine).distinct())
    return {(tenant, user_id, version) for tenant, user_id, version, id_ in rows if id_ not in gone}


async def _taken_back(work: Work, tenants: set[str]) -> set[str]:
    """The limit runs that were rolled back: their versions changed no limit."""
    query = select(LimitRunRow.id).where(LimitRunRow.tenant.in_(tenants))
    return set(await work.scalars(query.where(LimitRunRow.state == LimitRunState.ROLLED_BACK)))


async def _delete_profiles(work: Work, records: Sequence[Record]) -> None:
    for start in range(0, len(records), BATCH):
        keys = [record.key for record in records[start : start + BATCH]]
        await work.execute(delete(ProfileRow).where(tuple_(*_VERSION).in_(keys)))


async def forget_notes(work: Work, records: Iterable[Record]) -> None:
    """Take the notes of staff out of versions that are kept for their limit or their pause alone."""
    keys = [record.key for record in records if record.term in (PAUSED, SINCE_WHEN)]
    await work.execute(update(ProfileRow).where(tuple_(*_VERSION).in_(keys)).values(notes=None))


async def _matches(work: Work, wanted: Wanted, after: Key | None) -> Page:
    past = ListMatchRow.cleared_at < wanted.before(MINIMUMS[Kind.SCREENING].months)
    query = narrowed(select(ListMatchRow), wanted, ListMatchRow.tenant, ListMatchRow.user_id, past)
    rows = list(await work.scalars(paged(query, _MATCH, after)))

    def key(row: ListMatchRow) -> Key:
        return row.tenant, row.user_id, row.list_name, row.entry_id, row.kind

    def term(row: ListMatchRow) -> Term:
        if row.cleared_at is None:
            return OPEN_MATCH
        return wanted.demands.term(row.tenant, row.user_id, Kind.SCREENING, work.day_of(row.cleared_at))

    records = [Record(Kind.SCREENING, row.tenant, row.user_id, key(row), term(row)) for row in rows]
    return records, next_key(rows, key)


async def _delete_matches(work: Work, records: Sequence[Record]) -> None:
    await work.execute(delete(ListMatchRow).where(tuple_(*_MATCH).in_([record.key for record in records])))


FLOATS = RecordType(frozenset({Kind.FLOATS}), _floats, _delete_floats)
PROFILES = RecordType(frozenset({Kind.PROFILES}), _profiles, _delete_profiles)
SCREENING = RecordType(frozenset({Kind.SCREENING}), _matches, _delete_matches)
