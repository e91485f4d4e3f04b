"""The execution log: what was tried when to decide an application or evaluation, where, and what it waited for.

Stored are dispatches and attempts. The transaction that claims begins an attempt, and the one that decides ends it; so
an attempt without an end lost its worker. What the audit log and the effect ledger have is read from there.
"""

import os
import socket
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import InstrumentedAttribute

from underwriting.domain.application import State
from underwriting.domain.decision import Verdict
from underwriting.integrations.steps import Steps
from underwriting.store import audit
from underwriting.store.columns import from_now
from underwriting.store.kinds import kind_of
from underwriting.store.models import AttemptEnd, AttemptRow, DispatchRow, EffectRow
from underwriting.store.session import Work
from underwriting.store.stored import Stored

# Dispatches and attempts that are kept of one application or evaluation: the newest.
KEPT = 50
# How an attempt stands that has no end.
UNDER_WAY, NEVER_ENDED = "under_way", "never_ended"
# A task whose source is down, or takes too long, is tried again.
RETRIED = ("outage", "broken_off")


class LogEntry(BaseModel):
    """One line of the log. What an entry has depends on what happened; nothing of it is personal."""

    model_config = ConfigDict(frozen=True)

    at: datetime = Field(description="When it happened or began, by the database's clock")
    what: str = Field(
        description="`received`, `dispatched`, `began`, `asked`, `waited`, `evaluated_again`, `paid_call_begun`, "
        "`paid_call_done`, `paid_call_unknown`, `last_renewed`, `ended`; or of the audit log: `decided`, `reopened`, "
        "`cancelled`, `quarantined`, `retried` and others"
    )
    dispatch: int | None = Field(default=None, description="The number of the dispatch")
    attempt: int | None = Field(default=None, description="The number of the attempt that it belongs to")
    worker: str | None = Field(default=None, description="The process, as host:pid", examples=["worker-1:4711"])
    flow_run_id: str | None = Field(default=None, description="The flow run in Prefect")
    source: str | None = Field(default=None, description="The source that was asked or waited for")
    document: str | None = Field(default=None, description="What it was asked for")
    tries: int | None = Field(default=None, description="How often this attempt has asked for it, this time included")
    seconds: float | None = Field(default=None, description="How long it took; absent while it goes on")
    result: str | None = Field(
        default=None,
        description="Of a source: `answered`, `outage`, `refused`, `not_found`, `malformed`, `broken_off`, `failed`. "
        "Of an attempt: `decided`, `failed`, `stopped`, `lost`, `under_way`, `never_ended`. Of a decision: the verdict",
    )
    why: str | None = Field(default=None, description="Why it failed, or what was waited for")
    by: str | None = Field(default=None, description="Who did it, where the audit log says so")


class ExecutionLog(BaseModel):
    """What happened to one application or evaluation, oldest first."""

    model_config = ConfigDict(frozen=True)

    id: str
    state: State
    entries: tuple[LogEntry, ...]


async def dispatched(work: Work, subject_id: str, number: int, flow_run_id: str) -> None:
    """Note that this process handed the subject to a flow run."""
    row = {"dispatched_at": from_now(), "dispatched_by": _this_process(), "flow_run_id": flow_run_id}
    await work.execute(insert(DispatchRow).values(subject_id=subject_id, number=number, **row))
    await _drop_old(work, DispatchRow.number, subject_id, number)


async def began(work: Work, subject_id: str, fence: int, flow_run_id: str) -> None:
    """Note that this process has claimed the subject."""
    row = {"worker": _this_process(), "flow_run_id": flow_run_id, "steps": []}
    moments = {"began_at": from_now(), "renewed_at": from_now()}
    await work.execute(insert(AttemptRow).values(subject_id=subject_id, fence=fence, **row, **moments))
    await _drop_old(work, AttemptRow.fence, subject_id, fence)


async def goes_on(work: Work, subject_id: str, fence: int, steps: Steps) -> None:
    """Note how far an attempt came, when its lease is renewed."""
    await _change(work, subject_id, fence, steps)


async def ended(
    work: Work, subject_id: str, fence: int, steps: Steps, how: AttemptEnd, error: BaseException | None = None
) -> None:
    """Note the end of an attempt, once; of an error only the kind, since its text may be personal."""
    why = None if error is None or how is not AttemptEnd.FAILED else type(error).__name__
    await _change(work, subject_id, fence, steps, ended_at=from_now(), ended=how, why=why)


async def read(work: Work, stored: Stored[Any, Any]) -> ExecutionLog:
    """The log of an application or evaluation, with what the audit log and the effect ledger have about it."""
    subject_id, kind = stored.subject.id, kind_of(stored.subject.id)
    table = kind.row
    owned = select(table.received_at, table.fence, table.lease_until > from_now()).where(table.id == subject_id)
    received_at, fence, leased = (await work.execute(owned)).one()
    of_now = fence if stored.state is State.RUNNING and leased else None
    entries = [LogEntry(at=received_at, what="received")]
    for dispatch in await work.scalars(select(DispatchRow).where(DispatchRow.subject_id == subject_id)):
        entries.append(_dispatch(dispatch))
    for attempt in await work.scalars(select(AttemptRow).where(AttemptRow.subject_id == subject_id)):
        entries += _attempt(attempt, under_way=attempt.fence == of_now)
    for effect in await work.scalars(select(EffectRow).where(EffectRow.application_id == subject_id)):
        entries += _effect(effect)
    for entry in await audit.entries(work, subject_id):
        # The effect ledger has more about these.
        if not entry.action.startswith("effect."):
            entries.append(_audited(entry.at, entry.action.removeprefix(f"{kind.name}."), entry.actor))
    return ExecutionLog(id=subject_id, state=stored.state, entries=tuple(sorted(entries, key=lambda entry: entry.at)))


def _dispatch(row: DispatchRow) -> LogEntry:
    return LogEntry(
        at=row.dispatched_at,
        what="dispatched",
        dispatch=row.number,
        worker=row.dispatched_by,
        flow_run_id=row.flow_run_id,
    )


def _attempt(row: AttemptRow, *, under_way: bool) -> Iterator[LogEntry]:
    number, standing = row.fence, row.ended or (UNDER_WAY if under_way else NEVER_ENDED)
    yield LogEntry(
        at=row.began_at,
        what="began",
        attempt=number,
        worker=row.worker,
        flow_run_id=row.flow_run_id,
        result=standing,
    )
    yield from _steps(row)
    if row.ended_at is not None:
        took = (row.ended_at - row.began_at).total_seconds()
        seconds = round(took, 3)
        yield LogEntry(at=row.ended_at, what="ended", attempt=number, seconds=seconds, result=standing, why=row.why)
    elif not under_way:
        yield LogEntry(at=row.renewed_at, what="last_renewed", attempt=number, worker=row.worker)


def _steps(row: AttemptRow) -> Iterator[LogEntry]:
    """The steps, and the waits between the tries of a source."""
    tries: Counter[tuple[str, str]] = Counter()
    failed: dict[tuple[str, str], float] = {}

    def at(seconds: float) -> datetime:
        return row.began_at + timedelta(seconds=seconds)

    for step in row.steps:
        about = {name: value for name, value in step.items() if name != "after"}
        if step["what"] == "asked":
            asked = (step["source"], step["document"])
            tries[asked] += 1
            about["tries"] = tries[asked]
            if (since := failed.pop(asked, None)) is not None:
                yield LogEntry(
                    at=at(since),
                    what="waited",
                    attempt=row.fence,
                    source=step["source"],
                    seconds=round(step["after"] - since, 3),
                    why="before the next try",
                )
            if step.get("result") in RETRIED:
                failed[asked] = step["after"] + step["seconds"]
        yield LogEntry(at=at(step["after"]), attempt=row.fence, **about)


def _effect(row: EffectRow) -> Iterator[LogEntry]:
    yield LogEntry(at=row.begun_at, what="paid_call_begun", attempt=row.fence, source=row.effect)
    if row.settled_at is not None:
        yield LogEntry(at=row.settled_at, what=f"paid_call_{row.state}", source=row.effect)


def _audited(at: datetime, action: str, by: str) -> LogEntry:
    if action in set(Verdict):
        return LogEntry(at=at, what="decided", result=action, by=by)
    return LogEntry(at=at, what=action, by=by)


async def _change(work: Work, subject_id: str, fence: int, steps: Steps, **values: Any) -> None:
    """Change an attempt that has not ended."""
    mine = (AttemptRow.subject_id == subject_id, AttemptRow.fence == fence, AttemptRow.ended.is_(None))
    await work.execute(update(AttemptRow).where(*mine).values(renewed_at=from_now(), steps=steps.taken, **values))


async def _drop_old(work: Work, number: InstrumentedAttribute[int], subject_id: str, newest: int) -> None:
    if newest > KEPT:
        table: Any = number.class_
        await work.execute(delete(table).where(table.subject_id == subject_id, number <= newest - KEPT))


def _this_process() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
