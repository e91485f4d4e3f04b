"""Profiles of many users at once: the newest versions, the next ones, and their events, as rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pydantic_core import to_json
from sqlalchemy import and_, select
from ulid import ULID

from underwriting.domain.application import Product
from underwriting.domain.profile import FloatProfile, Tier
from underwriting.store import audit
from underwriting.store.bulk import copy_rows
from underwriting.store.models import Channel, LimitRunRow, ProfileRow, QueueState
from underwriting.store.profile_rows import newest_versions
from underwriting.store.profiles import published
from underwriting.store.queue.outbox import envelope
from underwriting.store.session import Work

# Users whom one statement names: databases bind some thirty thousand values at most.
ADOPTED_AT_ONCE = 5_000
_MOMENT = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Change:
    """A limit to be written, minor units, and the version of the profile that it follows; 0 where there is none.

    `pause` begins or ends the pause of the run's product; None leaves it as it is. With `replaces`, a limit
    and whether the product is paused, it also follows newer versions if all of them have these still.
    """

    user_id: str
    limit: int
    reason: str
    follows: int
    pause: bool | None = None
    replaces: tuple[int, bool] | None = None

    def pauses(self, paused: Iterable[str], product: Product) -> frozenset[Product]:
        """The products that are paused after it."""
        before = frozenset(map(Product, paused))
        if self.pause is None:
            return before
        return before | {product} if self.pause else before - {product}


@dataclass(frozen=True)
class CurrentProfiles:
    """Of some users: the number of the newest version, the permanent profile, and who has a temporary one."""

    newest: Mapping[str, int]
    permanent: Mapping[str, ProfileRow]
    temporary: frozenset[str]


class Drafts:
    """The next versions of permanent profiles. Many users have the same tiers, and many get the same limit."""

    def __init__(self, run: LimitRunRow, current: CurrentProfiles, tiers: Sequence[Tier], now: datetime) -> None:
        self._run, self._current, self._now = run, current, now
        self._default: dict[str, Any] = {
            "currency": run.currency,
            "tiers": [tier.model_dump() for tier in tiers],
            "paused": [],
        }
        self._drafts: dict[bytes, FloatProfile] = {}

    def of(self, change: Change) -> FloatProfile:
        """What follows the user's permanent profile; a user without one has the default tiers before."""
        row = self._current.permanent.get(change.user_id)
        base = self._default if row is None else {name: getattr(row, name) for name in self._default}
        key = to_json([base, change.limit, change.reason, change.pause])
        if key not in self._drafts:
            self._drafts[key] = self._drafted(base, change)
        own = {"user_id": change.user_id, "version": change.follows + 1}
        # Validated once, for all who get the same.
        return self._drafts[key].model_copy(update=own)

    def _drafted(self, base: dict[str, Any], change: Change) -> FloatProfile:
        before = FloatProfile(
            **{**base, "paused": change.pauses(base["paused"], self._run.product)},
            user_id=change.user_id,
            version=change.follows + 1,
            created_on=self._now,
            created_by=self._run.id,
            reason=change.reason,
        )
        return before.model_copy(update={"tiers": before.with_limit(change.limit)})


async def current_profiles(work: Work, run: LimitRunRow, user_ids: Sequence[str], now: datetime) -> CurrentProfiles:
    """The current profiles of these users, who are few enough to be named in one statement."""
    mine = and_(ProfileRow.tenant == run.tenant, ProfileRow.user_id.in_(user_ids))
    latest = newest_versions(mine)
    rows = await work.execute(
        select(ProfileRow, latest.c.newest)
        .join(latest, and_(latest.c.user_id == ProfileRow.user_id, latest.c.permanent == ProfileRow.version))
        .where(ProfileRow.tenant == run.tenant)
    )
    found = [(row, newest) for row, newest in rows]
    temporary = await work.scalars(select(ProfileRow.user_id).where(mine, ProfileRow.expires_on > now).distinct())
    return CurrentProfiles(
        {row.user_id: newest for row, newest in found},
        {row.user_id: row for row, _ in found},
        frozenset(temporary),
    )


async def following(work: Work, run: LimitRunRow, current: CurrentProfiles, changes: Sequence[Change]) -> list[Change]:
    """The changes that may be written, each after its profile's newest version."""
    newer = [one for one in changes if one.replaces and current.newest.get(one.user_id, 0) != one.follows]
    columns = (ProfileRow.user_id, ProfileRow.version, ProfileRow.amount, ProfileRow.paused)
    rows = await work.execute(
        select(*columns).where(
            ProfileRow.tenant == run.tenant,
            ProfileRow.user_id.in_([one.user_id for one in newer]),
            ProfileRow.expires_on.is_(None),
        )
    )
    since = {one.user_id: one for one in newer}
    changed = {
        user_id
        for user_id, version, amount, paused in rows
        if version > since[user_id].follows and (amount, run.product in paused) != since[user_id].replaces
    }
    return [
        replace(one, follows=current.newest.get(one.user_id, 0))
        for one in changes
        if current.newest.get(one.user_id, 0) == one.follows or (one.replaces and one.user_id not in changed)
    ]


def profile_rows(tenant: str, profiles: Sequence[FloatProfile]) -> pa.Table:
    """The versions as rows of `ProfileRow`, for `bulk.copy_rows`."""
    tiers: dict[tuple[Tier, ...], str] = {}
    for profile in profiles:
        if profile.tiers not in tiers:
            tiers[profile.tiers] = to_json(profile.tiers).decode()
    return pa.table(
        {
            "tenant": pa.repeat(tenant, len(profiles)),
            "user_id": pa.array([profile.user_id for profile in profiles], pa.string()),
            "version": pa.array([profile.version for profile in profiles], pa.int64()),
            "currency": pa.array([profile.currency for profile in profiles], pa.string()),
            "tiers": pa.array([tiers[profile.tiers] for profile in profiles], pa.string()),
            "amount": pa.array([profile.limit for profile in profiles], pa.int64()),
            "paused": pa.array([to_json(sorted(profile.paused)).decode() for profile in profiles], pa.string()),
            "created_on": pa.array([profile.created_on for profile in profiles], _MOMENT),
            "created_by": pa.array([profile.created_by for profile in profiles], pa.string()),
            "reason": pa.array([profile.reason for profile in profiles], pa.string()),
        }
    )


def event_rows(tenant: str, profiles: Sequence[FloatProfile], now: datetime) -> pa.Table:
    """One `profile.updated` for each version as rows of `MessageRow`, the same as of a version written alone."""
    count = len(profiles)
    users = pa.array([profile.user_id for profile in profiles], pa.string())
    bodies = [envelope("profile.updated", now, to_json({**published(one), "user_id": one.user_id})) for one in profiles]
    return pa.table(
        {
            "id": pa.array([f"msg_{ULID()}" for _ in range(count)], pa.string()),
            "channel": pa.repeat(Channel.EVENTS.value, count),
            "tenant": pa.repeat(tenant, count),
            "customer_id": users,
            "subject_id": users,
            "body": pa.array(bodies, pa.binary()),
            "state": pa.repeat(QueueState.PENDING.value, count),
            "attempts": pa.repeat(0, count),
            "due_at": pa.repeat(pa.scalar(now, _MOMENT), count),
            "created_at": pa.repeat(pa.scalar(now, _MOMENT), count),
        }
    )


async def adopt(
    work: Work, tenant: str, limits: Sequence[tuple[str, int, datetime]], currency: str, tiers: Sequence[Tier], by: str
) -> int:
    """Store first profiles for users who have none, with limits from another system; returns how many are new.

    No events are sent, since nothing changes for the users.
    """
    new = 0
    for start in range(0, len(limits), ADOPTED_AT_ONCE):
        page = limits[start : start + ADOPTED_AT_ONCE]
        here = ProfileRow.user_id.in_([user_id for user_id, _, _ in page])
        met = set(await work.scalars(select(ProfileRow.user_id).where(ProfileRow.tenant == tenant, here)))
        drafts: dict[int, FloatProfile] = {}
        profiles = [
            _adopted(drafts, limit, currency, tiers, by).model_copy(update={"user_id": user_id, "created_on": since})
            for user_id, limit, since in page
            if user_id not in met
        ]
        await copy_rows(work, ProfileRow, profile_rows(tenant, profiles))
        new += len(profiles)
    if new:
        await audit.append(work, "profiles.adopted", tenant, by, profiles=new)
    return new


def _adopted(
    drafts: dict[int, FloatProfile], limit: int, currency: str, tiers: Sequence[Tier], by: str
) -> FloatProfile:
    """The profile of one limit, without the user and the time."""
    if limit not in drafts:
        moment = datetime(1970, 1, 1, tzinfo=UTC)
        values = {"user_id": "first", "version": 1, "currency": currency, "created_on": moment, "created_by": by}
        first = FloatProfile.model_validate({**values, "tiers": tuple(tiers), "reason": "adopted"})
        drafts[limit] = first.model_copy(update={"tiers": first.with_limit(limit)})
    return drafts[limit]
