"""Copies the audit chain to Kinesis.

The end of the copy is noted in the chain itself, as an entry with the action `audit.streamed`. So no table is needed,
and the copy is audited too.
"""

import time

from underwriting.integrations.stream import MAX_RECORDS, AuditStream
from underwriting.runtime import Runtime
from underwriting.store import audit

# Seconds after which the rest is left for the next run.
ENOUGH_SECONDS = 30.0


async def stream_audit(runtime: Runtime) -> int:
    """Put every entry that is not copied yet, in order; returns how many. Nothing if no stream is set.

    Two copiers at the same time put entries twice and lose none. SourceError if the stream refuses the first entry.
    """
    stream = runtime.outlets.stream
    if stream is None:
        return 0
    began, copied = time.monotonic(), 0
    while now := await _stream_page(runtime, stream, runtime.config.audit_stream):
        copied += now
        if time.monotonic() - began > ENOUGH_SECONDS:
            break
    return copied


async def _stream_page(runtime: Runtime, stream: AuditStream, name: str) -> int:
    async with runtime.store.read() as work:
        entries = await audit.unstreamed(work, name, MAX_RECORDS)
    # The note of the last copy is not copied alone, because that would add another note.
    if all(entry.action == audit.STREAMED for entry in entries):
        return 0
    taken = await stream.put([audit.exported(entry) for entry in entries])
    if taken:
        async with runtime.store.begin() as work:
            await audit.note_streamed(work, name, entries[taken - 1].seq)
    return taken
