"""The audit log: append only, each entry hashed with its predecessor, the head anchored outside the database.

An entry's hash is the SHA-256 of its RFC 8785 JSON, the previous hash included. Every append locks the one head row,
so the chain has no forks. An edit, a deletion or another order breaks the chain, and a truncation does not match
the head. Rewriting both the chain and the head does not change the anchors.

After a restore of the database from a backup, the last entries are gone. A person notes that (`note_restore`): the
chain goes on behind the lost numbers, so that no number means two entries in the copies and anchors outside. The entry
and its anchor name the lost ones; without the anchor they are missing.
"""

import hashlib
import json
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rfc8785
from sqlalchemy import insert, select, update

from underwriting.store.columns import from_now
from underwriting.store.errors import AnchorsUnreadable, NothingLost
from underwriting.store.models import AuditHeadRow, AuditRow
from underwriting.store.session import Work

# The hash before the first entry.
GENESIS = "0" * 64
PAGE = 250
# The action of entries that note the end of a copy of the chain.
STREAMED = "audit.streamed"
# The action of an entry that notes the loss of those before it.
RESTORED = "audit.restored"
HASHED = ("seq", "at", "actor", "action", "subject", "details", "previous")
Detail = str | int | bool | None | list[str]


# The staff id that somebody typed into a form, while the form is handled: no token proves it.
_typed: ContextVar[str | None] = ContextVar("typed", default=None)


@dataclass(frozen=True)
class Head:
    """How long the chain is, and the hash of its last entry."""

    seq: int
    hash: str


@dataclass(frozen=True)
class Anchor(Head):
    """A head as it is kept outside the database; `lost_from` if it is a restore, the number of the first lost entry."""

    lost_from: int | None = None


@dataclass(frozen=True)
class Fault:
    """One entry of the log that is not what was written."""

    seq: int
    what: str


@contextmanager
def typed(staff_id: str) -> Iterator[None]:
    """Mark the entries of this actor inside the block as not proven."""
    token = _typed.set(staff_id)
    try:
        yield
    finally:
        _typed.reset(token)


async def append(work: Work, action: str, subject: str, actor: str, **details: Detail) -> None:
    """Add an entry within the caller's transaction; no personal data. Other appends wait until it ends.

    Its details have `proven` false where the actor is a staff id that was typed into a form.
    """
    if actor == _typed.get():
        details["proven"] = False
    await _append(work, action, subject, actor, details)


async def note_restore(work: Work, lost_to: int, by: str, note: str) -> Anchor:
    """Note that all entries behind the head up to `lost_to` are gone, since the database was restored to an earlier
    moment; the anchor of this entry. NothingLost if the chain is as long as that.
    """
    at = await head(work)
    if lost_to <= at.seq:
        raise NothingLost(f"entry {lost_to} is there: the log has {at.seq} entries, so nothing is lost to note")
    details: dict[str, Detail] = {"lost_from": at.seq + 1, "lost_to": lost_to, "note": note}
    noted = await _append(work, RESTORED, "audit", by, details, after=lost_to)
    return Anchor(noted.seq, noted.hash, lost_from=at.seq + 1)


async def restores(work: Work) -> list[AuditRow]:
    """The entries that note restores, oldest first."""
    return [entry for entry in await entries(work, "audit") if entry.action == RESTORED]


async def _append(
    work: Work, action: str, subject: str, actor: str, details: Mapping[str, Detail], after: int | None = None
) -> Head:
    """Add the entry behind the last one, with the next number, or with the one that follows `after`."""
    locked = select(AuditHeadRow.seq, AuditHeadRow.hash, from_now()).with_for_update()
    last, previous, at = (await work.execute(locked)).one()
    entry = {
        "seq": (last if after is None else after) + 1,
        "at": at,
        "actor": actor,
        "action": action,
        "subject": subject,
        "details": rfc8785.dumps(dict(details)).decode(),
        "previous": previous,
    }
    added = Head(entry["seq"], _hash(entry))
    await work.execute(insert(AuditRow), [{**entry, "hash": added.hash}])
    await work.execute(update(AuditHeadRow).values(seq=added.seq, hash=added.hash))
    return added


async def head(work: Work) -> Head:
    """Where the chain ends now."""
    return Head(*(await work.execute(select(AuditHeadRow.seq, AuditHeadRow.hash))).one())


async def entries(work: Work, subject: str) -> list[AuditRow]:
    """All entries about one subject, oldest first."""
    return list(await work.scalars(select(AuditRow).where(AuditRow.subject == subject).order_by(AuditRow.seq)))


def exported(entry: AuditRow) -> bytes:
    """An entry as JSON for a copy elsewhere: what was hashed, and the hash, so that a reader can verify the chain."""
    return rfc8785.dumps({**_printable({name: getattr(entry, name) for name in HASHED}), "hash": entry.hash})


async def unstreamed(work: Work, stream: str, limit: int) -> list[AuditRow]:
    """The entries after the last that was copied to this stream, oldest first."""
    last = await _last_streamed(work, stream)
    return list(await work.scalars(select(AuditRow).where(AuditRow.seq > last).order_by(AuditRow.seq).limit(limit)))


async def note_streamed(work: Work, stream: str, seq: int) -> None:
    """Note that everything up to `seq` is copied to this stream."""
    await append(work, STREAMED, _stream_subject(stream), "system", up_to=seq)


async def _last_streamed(work: Work, stream: str) -> int:
    noted = select(AuditRow.details).where(AuditRow.subject == _stream_subject(stream), AuditRow.action == STREAMED)
    last = await work.scalar(noted.order_by(AuditRow.seq.desc()).limit(1))
    return 0 if last is None else int(json.loads(last)["up_to"])


def _stream_subject(stream: str) -> str:
    return f"stream/{stream}"


async def verify(work: Work, anchors: Iterable[Head] = ()) -> list[Fault]:
    """Read the chain, and compare it with its head and the anchors. Empty if all is as it was written.

    Entries that a restore lost are no fault if an anchor, too, says so.
    """
    faults: list[Fault] = []
    anchored: dict[int, set[str]] = {}
    lost: dict[Head, int] = {}
    for anchor in anchors:
        anchored.setdefault(anchor.seq, set()).add(anchor.hash)
        if isinstance(anchor, Anchor) and anchor.lost_from is not None:
            lost[Head(anchor.seq, anchor.hash)] = anchor.lost_from
    last = Head(0, GENESIS)
    async for row in _chain(work):
        this = Head(row.seq, row.hash)
        if lost.get(this) == last.seq + 1:
            anchored = {seq: hashes for seq, hashes in anchored.items() if not last.seq < seq < row.seq}
        elif row.seq != last.seq + 1:
            faults.append(Fault(last.seq + 1, f"entries {last.seq + 1} to {row.seq - 1} are missing"))
        elif row.previous != last.hash:
            faults.append(Fault(row.seq, "does not follow the entry before it"))
        if row.hash != _hash({name: getattr(row, name) for name in HASHED}):
            faults.append(Fault(row.seq, "its content was changed"))
        if anchored.pop(row.seq, {row.hash}) != {row.hash}:
            faults.append(Fault(row.seq, "is not the entry that was anchored"))
        last = this
    if await head(work) != last:
        faults.append(Fault(last.seq, "is the last entry, but not the head"))
    faults += [Fault(seq, "was anchored, and is gone") for seq in sorted(anchored)]
    return faults


def write_anchor(file: Path, at: Head) -> None:
    """Append the head to the anchors file, through to the disk; keep it from those who can write the database."""
    known = {name: value for name, value in asdict(at).items() if value is not None}
    line = json.dumps({**known, "at": datetime.now(UTC).isoformat()}) + "\n"
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, line.encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def read_anchors(file: Path) -> list[Anchor]:
    """All anchors, oldest first; AnchorsUnreadable names the line that is wrong."""
    anchors = []
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        try:
            anchor = json.loads(line)
            lost_from = anchor.get("lost_from")
            known = None if lost_from is None else int(lost_from)
            anchors.append(Anchor(int(anchor["seq"]), str(anchor["hash"]), known))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise AnchorsUnreadable(
                f"{file}:{number}: this line is no anchor; compare the file with its backup"
            ) from None
    return anchors


async def _chain(work: Work) -> AsyncIterator[AuditRow]:
    """Every entry in order, in pages, so that a long log needs little memory."""
    last = 0
    while rows := list(
        await work.scalars(select(AuditRow).where(AuditRow.seq > last).order_by(AuditRow.seq).limit(PAGE))
    ):
        for row in rows:
            yield row
        last = rows[-1].seq
        work.expunge_all()


def _hash(entry: Mapping[str, Any]) -> str:
    return hashlib.sha256(rfc8785.dumps(_printable(entry))).hexdigest()


def _printable(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "at": entry["at"].astimezone(UTC).isoformat(timespec="microseconds")}
