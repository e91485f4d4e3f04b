"""The limits in force before a run: from the profiles, and from the records of the last runs."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Integer, Select, Text, and_, cast, func, literal, select, union_all
from sqlalchemy.orm import QueryableAttribute

from underwriting.domain.limits import IdRange, LimitRunState
from underwriting.store.bulk import read_rows
from underwriting.store.limits.runs import took_effect
from underwriting.store.models import LimitRecordRow, LimitRunRow, ListMatchRow, ProfileRow, ReportedFloatRow
from underwriting.store.profile_rows import newest_versions
from underwriting.store.session import Work

# One user's limit before a run, in minor units, and its history as far as the run needs it.
SCHEMA = pa.schema(
    [
        ("subject_id", pa.string()),
        ("amount", pa.int64()),
        ("raised_on", pa.date32()),
        ("lowered_on", pa.date32()),
        ("runs_below", pa.int64()),
        ("below_since", pa.date32()),
        # The profile's newest version, which the next one follows; 0 where the user has no profile yet.
        ("version", pa.int64()),
        # Whether the product is paused for the user; then the limit is not decided.
        ("paused", pa.bool_()),
        # The scores of the best open and the best confirmed match with a list, which the history may not have; and the
        # entries that staff cleared, separated by spaces.
        ("match_score", pa.float64()),
        ("confirmed_score", pa.float64()),
        ("cleared", pa.string()),
        # Every float that an event reported: the history may not list it yet.
        ("reported_floats", pa.list_(pa.struct([("float_id", pa.string()), ("taken_on", pa.date32())]))),
    ]
)
_REPORTED = pa.schema([("user_id", pa.string()), ("float_id", pa.string()), ("taken_on", pa.date32())])
_MATCHES = pa.schema(
    [
        ("user_id", pa.string()),
        ("entry", pa.string()),
        ("score", pa.float64()),
        ("confirmed", pa.bool_()),
        ("cleared", pa.bool_()),
    ]
)
_PROFILES = pa.schema(
    [
        ("user_id", pa.string()),
        ("amount", pa.int64()),
        # JSON, as text.
        ("paused", pa.string()),
        ("newest", pa.int64()),
    ]
)
# Since when the amount is in force, whatever else the versions since then have changed.
_SINCE = pa.schema([("user_id", pa.string()), ("in_force_since", pa.timestamp("us", "UTC"))])
_PAUSES = pa.schema([("user_id", pa.string()), ("paused", pa.string()), ("version", pa.int64())])
_RECORDS = pa.schema(
    [
        ("user_id", pa.string()),
        # Which of the runs it is from, the latest the highest.
        ("run", pa.int64()),
        ("before", pa.int64()),
        ("after", pa.int64()),
        ("in_force", pa.int64()),
        ("raised_on", pa.date32()),
        ("lowered_on", pa.date32()),
        ("runs_below", pa.int64()),
        ("below_since", pa.date32()),
        ("base_raised_on", pa.date32()),
        ("base_lowered_on", pa.date32()),
        ("base_runs_below", pa.int64()),
        ("base_below_since", pa.date32()),
        ("base_version", pa.int64()),
        # 1 where the run has paused the product: PostgreSQL's CSV has its own letters for truth values.
        ("paused", pa.int64()),
    ]
)
_BASES = """
    WITH last AS (
        -- A decision that could not be applied does not count.
        SELECT
            user_id, in_force, runs_below, below_since,
            CASE WHEN in_force = after THEN raised_on ELSE base_raised_on END AS raised_on,
            CASE WHEN in_force = after THEN lowered_on ELSE base_lowered_on END AS lowered_on
        FROM earlier
        QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY run DESC) = 1
    ),
    temporary AS (SELECT user_id, arg_max(pauses, version) AS pauses FROM active GROUP BY user_id),
    known AS (
        SELECT
            user_id,
            coalesce(profiles.amount, $first_limit) AS amount,
            CASE
                WHEN last.in_force >= profiles.amount THEN last.raised_on
                WHEN profiles.amount > coalesce(last.in_force, $first_limit) THEN since.day
            END AS raised_on,
            CASE
                WHEN last.in_force <= profiles.amount THEN last.lowered_on
                WHEN last.in_force > profiles.amount THEN since.day
            END AS lowered_on,
            CASE WHEN coalesce(last.in_force = profiles.amount, profiles.amount IS NULL) THEN last.runs_below END
                AS runs_below,
            CASE WHEN coalesce(last.in_force = profiles.amount, profiles.amount IS NULL) THEN last.below_since END
                AS below_since,
            profiles.newest AS version,
            coalesce(temporary.pauses, profiles.pauses) AS paused
        FROM profiles
        FULL JOIN last USING (user_id)
        LEFT JOIN temporary USING (user_id)
        LEFT JOIN since USING (user_id)
    ),
    listed AS (
        SELECT
            user_id,
            max(score) FILTER (NOT cleared) AS match_score,
            max(score) FILTER (NOT cleared AND confirmed) AS confirmed_score,
            string_agg(entry, ' ' ORDER BY entry) FILTER (cleared) AS cleared
        FROM matches
        GROUP BY user_id
    ),
    taken AS (
        SELECT user_id, list({'float_id': float_id, 'taken_on': taken_on} ORDER BY float_id) AS reported_floats
        FROM reported
        GROUP BY user_id
    )
    SELECT
        user_id AS subject_id,
        CASE WHEN own.run IS NULL THEN coalesce(known.amount, $first_limit) ELSE coalesce(own.before, own.in_force) END
            AS amount,
        CASE WHEN own.run IS NULL THEN known.raised_on ELSE own.base_raised_on END AS raised_on,
        CASE WHEN own.run IS NULL THEN known.lowered_on ELSE own.base_lowered_on END AS lowered_on,
        coalesce(own.base_runs_below, known.runs_below, 0) AS runs_below,
        CASE WHEN own.run IS NULL THEN known.below_since ELSE own.base_below_since END AS below_since,
        coalesce(own.base_version, known.version, 0) AS version,
        coalesce(known.paused AND coalesce(own.paused, 0) = 0, false) AS paused,
        listed.match_score,
        listed.confirmed_score,
        listed.cleared,
        taken.reported_floats
    FROM known
    FULL JOIN own USING (user_id)
    FULL JOIN listed USING (user_id)
    FULL JOIN taken USING (user_id)
    ORDER BY user_id
"""


async def bases(work: Work, run: LimitRunRow, ids: IdRange, now: datetime, first_limit: int) -> pa.Table:
    """Every user of the range that the store knows (`SCHEMA`), by id. Other users have `first_limit`.

    A user with a record of this run is returned as the record found them, and not as paused by this run, so that a
    repeated run decides from the same. A limit that somebody else changed since the last run counts as raised or
    lowered on the day of that change, and the count of runs below it starts again; a version that changes something
    else, and a run that was rolled back, change no day. A change up to the decision time counts as made on the business
    date at the latest, although it may be the next day in UTC by then.
    """
    mine = and_(ProfileRow.tenant == run.tenant, within(ProfileRow.user_id, ids))
    recorded = within(LimitRecordRow.user_id, ids)
    found = {
        "profiles": await _profiles(work, mine),
        "since": await read_rows(work, _since(run, mine), _SINCE),
        "active": await _pauses(work, mine, now),
        "earlier": await _records(work, await _runs_that_count(work, run), recorded),
        "own": await _records(work, [run.id], recorded),
        "matches": await _matches(work, run.tenant, ids),
        "reported": await _reported(work, run, ids),
    }
    return await asyncio.to_thread(_bases, found, run, first_limit)


def _bases(found: Mapping[str, pa.Table], run: LimitRunRow, first_limit: int) -> pa.Table:
    product = run.product.value
    profiles, active = (_with_pauses(found[name], product) for name in ("profiles", "active"))
    since = found["since"].append_column("day", _day(found["since"]["in_force_since"], run))
    with duckdb.connect(config={"threads": 1}) as connection:
        for name, rows in {**found, "profiles": profiles, "active": active, "since": since}.items():
            connection.register(name, rows)
        return connection.execute(_BASES, {"first_limit": first_limit}).to_arrow_table().cast(SCHEMA)


def _day(moments: pa.ChunkedArray, run: LimitRunRow) -> pa.ChunkedArray:
    """The days of changes in UTC; up to the decision time the business date at the latest."""
    days, day = moments.cast(pa.date32()), run.business_date
    by_then = pc.less_equal(moments, pa.scalar(run.judged_at, moments.type))
    after = pc.max_element_wise(days, pa.scalar(day + timedelta(days=1)))
    return pc.if_else(by_then, pc.min_element_wise(days, pa.scalar(day)), after)


def _with_pauses(rows: pa.Table, product: str) -> pa.Table:
    """Adds whether the product is paused. The texts repeat, so each different one is parsed once."""
    coded = rows["paused"].combine_chunks().dictionary_encode()
    means = pa.array((product in json.loads(text) for text in coded.dictionary.to_pylist()), pa.bool_())
    return rows.append_column("pauses", means.take(coded.indices))


def within(column: QueryableAttribute[str], ids: IdRange) -> ColumnElement[bool]:
    """The column's ids in the range, as in the files: the column is `Bytewise`."""
    above = [column >= ids.first] if ids.first is not None else []
    below = [column < ids.end] if ids.end is not None else []
    return and_(True, *above, *below)


async def _profiles(work: Work, mine: ColumnElement[bool]) -> pa.Table:
    latest = newest_versions(mine)
    columns = (ProfileRow.user_id, ProfileRow.amount, cast(ProfileRow.paused, Text))
    query = (
        select(*columns, latest.c.newest)
        .join(latest, and_(latest.c.user_id == ProfileRow.user_id, latest.c.permanent == ProfileRow.version))
        .where(mine)
    )
    return await read_rows(work, query, _PROFILES)


def _since(run: LimitRunRow, mine: ColumnElement[bool]) -> Select[tuple[str, datetime]]:
    """Since when each user has had the limit of today: the first of the last permanent versions with this amount.

    A version that changes something else does not raise or lower a limit. Nor do the versions of a run that was rolled
    back, those of its rollback included: what was in force before it has been in force since then.
    """
    rolled_back = select(LimitRunRow.id).where(
        LimitRunRow.tenant == run.tenant, LimitRunRow.state == LimitRunState.ROLLED_BACK
    )
    newest = func.first_value(ProfileRow.amount).over(
        partition_by=ProfileRow.user_id, order_by=ProfileRow.version.desc()
    )
    versions = (
        select(
            ProfileRow.user_id,
            ProfileRow.version,
            ProfileRow.created_on,
            (ProfileRow.amount != newest).label("differs"),
        )
        .where(mine, ProfileRow.expires_on.is_(None), ProfileRow.created_by.not_in(rolled_back))
        .subquery()
    )
    other = func.max(versions.c.version).filter(versions.c.differs).over(partition_by=versions.c.user_id)
    last = select(versions, func.coalesce(other, 0).label("other")).subquery()
    return (
        select(last.c.user_id, func.min(last.c.created_on).label("in_force_since"))
        .where(last.c.version > last.c.other)
        .group_by(last.c.user_id)
    )


async def _pauses(work: Work, mine: ColumnElement[bool], now: datetime) -> pa.Table:
    columns = (ProfileRow.user_id, cast(ProfileRow.paused, Text), ProfileRow.version)
    return await read_rows(work, select(*columns).where(mine, ProfileRow.expires_on > now), _PAUSES)


async def _matches(work: Work, tenant: str, ids: IdRange) -> pa.Table:
    """Matches with the lists that were found when a list changed, or by an evaluation, after the history was
    written."""
    entry = ListMatchRow.list_name + ":" + ListMatchRow.entry_id
    columns = (ListMatchRow.user_id, entry, ListMatchRow.score, ListMatchRow.confirmed)
    query = select(*columns, ListMatchRow.cleared_at.is_not(None))
    return await read_rows(
        work, query.where(ListMatchRow.tenant == tenant, within(ListMatchRow.user_id, ids)), _MATCHES
    )


async def _reported(work: Work, run: LimitRunRow, ids: IdRange) -> pa.Table:
    """The floats that events reported. Their days are in UTC, where the decision time may be on the next day."""
    columns = (ReportedFloatRow.user_id, ReportedFloatRow.float_id, ReportedFloatRow.taken_on)
    by_then = ReportedFloatRow.taken_on <= run.judged_at.astimezone(UTC).date()
    mine = (ReportedFloatRow.tenant == run.tenant, within(ReportedFloatRow.user_id, ids))
    return await read_rows(work, select(*columns).where(*mine, by_then), _REPORTED)


async def _records(work: Work, run_ids: list[str], inside: ColumnElement[bool]) -> pa.Table:
    if not run_ids:
        return _RECORDS.empty_table()
    names = [name for name in _RECORDS.names if name not in ("user_id", "run")]
    columns = [
        cast(getattr(LimitRecordRow, name), Integer) if name == "paused" else getattr(LimitRecordRow, name)
        for name in names
    ]
    of_each = [
        select(LimitRecordRow.user_id, literal(number), *columns).where(LimitRecordRow.run_id == run_id, inside)
        for number, run_id in enumerate(run_ids)
    ]
    return await read_rows(work, union_all(*of_each), _RECORDS)


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
