"""Limit runs: one that counts for each business date and scope, owned by one worker at a time, known by its fence.

The records are computed from the history shard by shard, the guard checks the totals, and then the changes are applied
shard by shard. Every step is one transaction that checks the fence, so that a run that is killed at any point can go
on where it stopped.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from ulid import ULID

from underwriting.domain.application import Product
from underwriting.domain.decision import RulebookRef
from underwriting.domain.limits import LimitRunState
from underwriting.store import audit
from underwriting.store import lease as leases
from underwriting.store.columns import from_now
from underwriting.store.errors import LeaseLost, RunInTheWay, UnknownLimitRun, VersionTaken
from underwriting.store.models import LimitRunRow, RulebookRow, sealed_cell
from underwriting.store.session import Work

# Runs that do not count: their date may be run anew.
VOID = (LimitRunState.DISCARDED, LimitRunState.ROLLED_BACK)
# Runs that the housekeeping starts again, and rollbacks that it goes on with.
UNDER_WAY = (LimitRunState.CALCULATING, LimitRunState.APPLYING, LimitRunState.ROLLING_BACK)
# A run that was opened and not claimed within this time lost its worker in between.
OPENING = timedelta(minutes=1)


@dataclass(frozen=True)
class RunRequest:
    """What a run is asked to do. `scope` is empty for everybody (`domain.limits.Scope`)."""

    tenant: str
    product: Product
    business_date: date
    scope: str
    history: str
    judged_at: datetime
    currency: str
    policy: RulebookRef
    policy_text: str
    fact_terms: RulebookRef


@dataclass(frozen=True)
class Claimed:
    """One worker's ownership of one run."""

    run_id: str
    fence: int


def took_effect() -> ColumnElement[bool]:
    """Which runs changed limits, or may have, and were not taken back."""
    return and_(LimitRunRow.applied_at.is_not(None), LimitRunRow.state.not_in(VOID))


async def last_applied(work: Work) -> dict[tuple[str, Product], datetime]:
    """The decision time of the newest run for everybody that took effect, by tenant and product."""
    row = LimitRunRow
    query = select(row.tenant, row.product, func.max(row.judged_at)).where(took_effect(), row.scope == "")
    found = await work.execute(query.group_by(row.tenant, row.product))
    return {(tenant, product): judged_at for tenant, product, judged_at in found.tuples()}


async def opened(work: Work, order: RunRequest, now: datetime) -> LimitRunRow:
    """The run that counts for the order's date and scope, made if there is none.

    RunInTheWay if it decides by another policy or by facts with other terms, if a later date was applied already
    (limits are only changed forwards in time), or if the decision time is still to come. VersionTaken as in
    `refuse_other_content`.
    """
    await refuse_other_content(work, order.policy)
    refuse_before_decision_time(order, now)
    await refuse_to_go_back(work, order.tenant, order.product, order.business_date, order.scope)
    row = await work.add_new(
        LimitRunRow,
        id=f"lim_{ULID()}",
        tenant=order.tenant,
        product=order.product,
        business_date=order.business_date,
        scope=order.scope,
        history=order.history,
        judged_at=order.judged_at,
        currency=order.currency,
        policy=order.policy.name,
        policy_version=order.policy.version,
        policy_digest=order.policy.digest,
        policy_text=order.policy_text,
        fact_terms=order.fact_terms.name,
        fact_terms_version=order.fact_terms.version,
        fact_terms_digest=order.fact_terms.digest,
        state=LimitRunState.CALCULATING,
        created_at=now,
    )
    if row is not None:
        await audit.append(work, "limits.begun", row.id, "system", business_date=order.business_date.isoformat())
        return row
    row = (await work.scalars(_same(order))).one()
    if row.policy_digest != order.policy.digest:
        raise RunInTheWay(
            f"{row.id} decides for {order.business_date} by {row.policy} v{row.policy_version}, not by {order.policy}; "
            "discard it or roll it back first"
        )
    if row.fact_terms_digest not in (None, order.fact_terms.digest):
        raise RunInTheWay(
            f"the facts of {row.id} rest on {row.fact_terms} v{row.fact_terms_version}, and would rest on "
            f"{order.fact_terms} now; discard it or roll it back first"
        )
    return row


def refuse_before_decision_time(order: RunRequest, now: datetime) -> None:
    """RunInTheWay if the decision time is still to come: what happens until then is not known yet."""
    if order.judged_at > now:
        raise RunInTheWay(
            f"the limits for {order.business_date} are decided at {order.judged_at:%Y-%m-%d %H:%M:%S} UTC, not before: "
            "run it then, or take an earlier day"
        )


async def refuse_other_content(work: Work, policy: RulebookRef) -> None:
    """VersionTaken if a run decided by another policy of this name and version, or if another one is published."""
    run = await work.scalar(
        select(LimitRunRow.id)
        .where(
            LimitRunRow.policy == policy.name,
            LimitRunRow.policy_version == policy.version,
            LimitRunRow.policy_digest != policy.digest,
        )
        .limit(1)
    )
    published = await work.scalar(
        select(RulebookRow.digest).where(
            RulebookRow.name == policy.name, RulebookRow.version == policy.version, RulebookRow.digest != policy.digest
        )
    )
    if run is not None or published is not None:
        where = f"run {run} decided by it" if run is not None else "it is published"
        raise VersionTaken(f"{policy} is another policy: {where} with other content; raise `version` in yours")


async def get(work: Work, run_id: str) -> LimitRunRow:
    """The run; UnknownLimitRun if there is none."""
    row = await work.get(LimitRunRow, run_id)
    if row is None:
        raise UnknownLimitRun(run_id)
    return row


def note_of(work: Work, run: LimitRunRow) -> str | None:
    """The note of the person who released or discarded a held run, opened; None if nobody did."""
    return None if run.note is None else work.keys.note(run.note, sealed_cell(LimitRunRow.note, run.id))


async def newest(work: Work, tenant: str | None, limit: int = 20) -> list[LimitRunRow]:
    """The last runs of a tenant, newest first; None is all tenants."""
    query = select(LimitRunRow).order_by(LimitRunRow.id.desc()).limit(limit)
    if tenant is not None:
        query = query.where(LimitRunRow.tenant == tenant)
    return list(await work.scalars(query))


async def before(work: Work, run: LimitRunRow, limit: int) -> list[LimitRunRow]:
    """The last runs over everybody that took effect before this one's date, the latest last.

    None for a run over a part of the users, because its totals are not comparable.
    """
    if run.scope:
        return []
    query = (
        select(LimitRunRow)
        .where(
            LimitRunRow.tenant == run.tenant,
            LimitRunRow.product == run.product,
            LimitRunRow.scope == "",
            took_effect(),
            LimitRunRow.business_date < run.business_date,
        )
        .order_by(LimitRunRow.business_date.desc())
        .limit(limit)
    )
    return list(await work.scalars(query))[::-1]


async def claim(work: Work, run_id: str, flow_run_id: str | None, lease: timedelta, **values: Any) -> Claimed | None:
    """Own the run for `lease`, and set these columns; None if somebody else works on it."""
    free = or_(LimitRunRow.lease_until.is_(None), LimitRunRow.lease_until < from_now())
    row = await leases.take(work, LimitRunRow, run_id, lease, free, flow_run_id=flow_run_id, **values)
    return None if row is None else Claimed(run_id, row.fence)


async def renew(work: Work, claimed: Claimed, lease: timedelta) -> bool:
    """Own it for another `lease` from now; False if somebody else does."""
    return await _owned(work, claimed, lease_until=from_now(lease))


async def release(work: Work, claimed: Claimed, *, to_be_continued: bool = False) -> None:
    """Give it back, in whatever state; the housekeeping finds one that is to be continued."""
    await _owned(work, claimed, lease_until=from_now() if to_be_continued else None)


async def enter(work: Work, claimed: Claimed, state: LimitRunState, **values: Any) -> None:
    """Bring the run into a state; LeaseLost if it is not ours any more."""
    if not await _owned(work, claimed, state=state, **values):
        raise LeaseLost(claimed.run_id)
    await audit.append(work, f"limits.{state}", claimed.run_id, "system")


async def begin_again(work: Work, claimed: Claimed) -> None:
    """Go back to calculating, for records that the guard has not checked; LeaseLost if the run is not ours."""
    other = LimitRunRow.state != LimitRunState.CALCULATING
    await leases.change(work, LimitRunRow, and_(_mine(claimed), other), state=LimitRunState.CALCULATING)
    await ensure(work, claimed)


async def ensure(work: Work, claimed: Claimed) -> None:
    """LeaseLost if the run is not ours any more; otherwise it stays ours until the transaction ends.

    The shards of a run are stored at the same time: they share the lock of its row, and only a claim waits for them.
    """
    if await work.scalar(select(LimitRunRow.id).where(_mine(claimed)).with_for_update(read=True)) is None:
        raise LeaseLost(claimed.run_id)


async def at_work(work: Work) -> set[str]:
    """The flow runs that own a limit run now."""
    query = select(LimitRunRow.flow_run_id).where(LimitRunRow.lease_until > from_now())
    return {flow_run_id for flow_run_id in await work.scalars(query) if flow_run_id is not None}


async def interrupted(work: Work) -> list[LimitRunRow]:
    """Unfinished runs without a worker, as `without_worker` says."""
    return list(await work.scalars(select(LimitRunRow).where(without_worker())))


def without_worker() -> ColumnElement[bool]:
    """Which runs are unfinished and have lost their worker: their lease expired, or nobody claimed them once opened.

    A run without a lease that somebody had claimed was stopped on purpose, and is none of them; but a rollback that was
    ordered is always carried out.
    """
    row = LimitRunRow
    opened_only = and_(row.fence == 0, row.created_at < from_now(-OPENING))
    left = and_(row.lease_until.is_(None), or_(opened_only, row.state == LimitRunState.ROLLING_BACK))
    return and_(row.state.in_(UNDER_WAY), or_(row.lease_until < from_now(), left))


def _same(order: RunRequest) -> Select[tuple[LimitRunRow]]:
    return select(LimitRunRow).where(
        LimitRunRow.tenant == order.tenant,
        LimitRunRow.product == order.product,
        LimitRunRow.business_date == order.business_date,
        LimitRunRow.scope == order.scope,
        LimitRunRow.state.not_in(VOID),
    )


async def refuse_to_go_back(work: Work, tenant: str, product: Product, day: date, scope: str) -> None:
    """RunInTheWay if a later date than `day` took effect for everybody or for the scope."""
    later = await work.scalar(
        select(LimitRunRow.business_date)
        .where(
            LimitRunRow.tenant == tenant,
            LimitRunRow.product == product,
            LimitRunRow.business_date > day,
            LimitRunRow.scope.in_(("", scope)),
            took_effect(),
        )
        .order_by(LimitRunRow.business_date.desc())
        .limit(1)
    )
    if later is not None:
        raise RunInTheWay(
            f"{later} is applied already, and limits are not written backwards: run {later} again, or roll it back"
        )


def _mine(claimed: Claimed) -> ColumnElement[bool]:
    return and_(LimitRunRow.id == claimed.run_id, LimitRunRow.fence == claimed.fence)


async def _owned(work: Work, claimed: Claimed, **values: Any) -> bool:
    return await leases.change(work, LimitRunRow, _mine(claimed), **values)
