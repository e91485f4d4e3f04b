"""The limits in force before a run: from the profiles, and from what the last runs wrote down of each user."""

import json
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Text, and_, cast, collate, func, select, text
from sqlalchemy.orm import QueryableAttribute

from underwriting.domain.limits import IdRange, LimitBase
from underwriting.store.limit_runs import took_effect
from underwriting.store.models import LimitRecordRow, LimitRunRow, ProfileRow
from underwriting.store.session import Work

# Few profiles differ in their tiers and pauses: read as text, each text is understood once.
_as_text = (cast(ProfileRow.tiers, Text), cast(ProfileRow.paused, Text))


class _Profile(NamedTuple):
    limit: int
    since: date
    version: int
    paused: bool


class _Last(NamedTuple):
    """What the last run that counts says: the limit that it left in force, and the counts that go on from it."""

    in_force: int
    raised_on: date | None
    runs_below: int


async def bases(work: Work, run: LimitRunRow, ids: IdRange, now: datetime, first_limit: int) -> list[LimitBase]:
    """Every user of the range of whom the store knows, in no order. Users of whom it does not are at `first_limit`.

    Users of whom this very run has a record are as the record found them: a run that is repeated decides from the
    same. A limit that was changed by somebody else since the last run counts as raised on the day of that change, if
    it went up, and the runs below it are counted afresh.
    """
    bytewise = await orders_bytewise(work)
    profiles = await _profiles(work, run, within(ProfileRow.user_id, ids, bytewise), now)
    inside = within(LimitRecordRow.user_id, ids, bytewise)
    last = await _last(work, run, inside)
    mine = await _mine(work, run.id, inside)
    found = {
        user_id: _base(user_id, profiles.get(user_id), last.get(user_id), first_limit)
        for user_id in profiles.keys() | last.keys()
    }
    for user_id, base in mine.items():
        found[user_id] = base._replace(paused=found[user_id].paused if user_id in found else False)
    return list(found.values())


async def orders_bytewise(work: Work) -> bool:
    """Whether the database orders text byte by byte of its own accord, so that its indexes know the order."""
    if work.get_bind().dialect.name != "postgresql":
        return True
    # No language has a small letter behind the capital of the next one; bytes have, whoever provides the order.
    return bool(await work.scalar(text("SELECT 'a' > 'B'")))


def within(column: QueryableAttribute[str], ids: IdRange, bytewise: bool) -> ColumnElement[bool]:
    """The column's ids in the range, byte by byte as in the files, whatever the database's own order of texts."""
    who: Any = column if bytewise else collate(column, "C")
    bounds = [*([who >= ids.first] if ids.first is not None else []), *([who < ids.end] if ids.end is not None else [])]
    return and_(True, *bounds)


def _base(user_id: str, profile: _Profile | None, last: _Last | None, first_limit: int) -> LimitBase:
    if profile is None:
        return LimitBase(user_id, first_limit, None, 0 if last is None else last.runs_below, 0, paused=False)
    if last is not None and last.in_force == profile.limit:
        raised_on, runs_below = last.raised_on, last.runs_below
    elif last is not None and last.in_force > profile.limit:
        raised_on, runs_below = last.raised_on, 0
    else:
        risen = profile.limit > (first_limit if last is None else last.in_force)
        raised_on, runs_below = profile.since if risen else None, 0
    return LimitBase(user_id, profile.limit, raised_on, runs_below, profile.version, profile.paused)


async def _profiles(work: Work, run: LimitRunRow, inside: ColumnElement[bool], now: datetime) -> dict[str, _Profile]:
    """The newest permanent profile of each user, with the pauses of whatever is in force."""
    mine = and_(ProfileRow.tenant == run.tenant, inside)
    permanent = func.max(ProfileRow.version).filter(ProfileRow.expires_on.is_(None))
    latest = (
        select(ProfileRow.user_id, permanent.label("permanent"), func.max(ProfileRow.version).label("newest"))
        .where(mine)
        .group_by(ProfileRow.user_id)
        .subquery()
    )
    rows = await work.execute(
        select(ProfileRow.user_id, *_as_text, ProfileRow.created_on, latest.c.newest)
        .join(latest, and_(latest.c.user_id == ProfileRow.user_id, latest.c.permanent == ProfileRow.version))
        .where(mine)
    )
    in_force = await _temporary_pauses(work, mine, now)
    return {
        user_id: _Profile(
            _limit(tiers),
            created_on.astimezone(UTC).date(),
            newest,
            run.product.value in _products(in_force.get(user_id, paused)),
        )
        for user_id, tiers, paused, created_on, newest in rows
    }


async def _temporary_pauses(work: Work, mine: ColumnElement[bool], now: datetime) -> dict[str, str]:
    """What is paused for those whose temporary profile is active; the newest one counts."""
    query = select(ProfileRow.user_id, _as_text[1]).where(mine, ProfileRow.expires_on > now)
    rows = (await work.execute(query.order_by(ProfileRow.version))).tuples()
    return dict(rows.all())


@lru_cache(maxsize=1_000)
def _limit(tiers: str) -> int:
    return max((tier["amount"] for tier in json.loads(tiers) if tier["enabled"]), default=0)


@lru_cache(maxsize=1_000)
def _products(paused: str) -> frozenset[str]:
    return frozenset(json.loads(paused))


async def _last(work: Work, run: LimitRunRow, inside: ColumnElement[bool]) -> dict[str, _Last]:
    """The newest record of each user from the last run over everybody and the runs over some since then."""
    runs = await _runs_that_count(work, run)
    found: dict[str, _Last] = {}
    for run_id in runs:
        rows = await work.execute(
            select(
                LimitRecordRow.user_id,
                LimitRecordRow.in_force,
                LimitRecordRow.after,
                LimitRecordRow.raised_on,
                LimitRecordRow.base_raised_on,
                LimitRecordRow.runs_below,
            ).where(LimitRecordRow.run_id == run_id, inside)
        )
        for user_id, in_force, after, raised_on, base_raised_on, runs_below in rows:
            # What was decided and could not be applied did not happen.
            happened = in_force == after
            found[user_id] = _Last(in_force, raised_on if happened else base_raised_on, runs_below)
    return found


async def _runs_that_count(work: Work, run: LimitRunRow) -> list[str]:
    """Oldest first."""
    mine = (
        LimitRunRow.tenant == run.tenant,
        LimitRunRow.product == run.product,
        took_effect(),
        LimitRunRow.id != run.id,
    )
    order = (LimitRunRow.business_date.desc(), LimitRunRow.id.desc())
    newest_full = select(LimitRunRow.business_date).where(*mine, LimitRunRow.scope == "").order_by(*order).limit(1)
    since = await work.scalar(newest_full)
    query = select(LimitRunRow.id).where(*mine).order_by(LimitRunRow.business_date, LimitRunRow.id)
    return list(await work.scalars(query if since is None else query.where(LimitRunRow.business_date >= since)))


async def _mine(work: Work, run_id: str, inside: ColumnElement[bool]) -> dict[str, LimitBase]:
    """What an earlier calculation of this run rested on."""
    rows = await work.execute(
        select(
            LimitRecordRow.user_id,
            func.coalesce(LimitRecordRow.before, LimitRecordRow.in_force),
            LimitRecordRow.base_raised_on,
            LimitRecordRow.base_runs_below,
            LimitRecordRow.base_version,
        ).where(LimitRecordRow.run_id == run_id, inside)
    )
    return {
        user_id: LimitBase(user_id, amount, raised_on, runs_below, version, paused=False)
        for user_id, amount, raised_on, runs_below, version in rows
    }
