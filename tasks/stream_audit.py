"""Copying the audit chain to Kinesis.

How far the copy reaches stands in the chain itself: an entry of action `audit.streamed` about the stream. So no table
is needed, and the copy's progress is audited like everything else.
"""

import time

from prefect import task
from prefect.cache_policies import NO_CACHE

from underwriting.integrations.stream import MAX_RECORDS, AuditStream
from underwriting.runtime import Runtime
from underwriting.store import audit

# Seconds after which the rest is left for the next run.
ENOUGH_SECONDS = 30.0


@task(cache_policy=NO_CACHE, persist_result=False, timeout_seconds=60)
async def stream_audit(runtime: Runtime) -> int:
    """Put every entry that is not copied yet, in order; returns how many. Nothing where no stream is set.

    Two copiers at once put entries twice and lose none; SourceError where the stream does not take the first entry.
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
    # A note of the last copy alone is not worth a copy of its own, which would be noted again.
    if all(entry.action == audit.STREAMED for entry in entries):
        return 0
    taken = await stream.put([audit.exported(entry) for entry in entries])
    if taken:
        async with runtime.store.begin() as work:
            await audit.note_streamed(work, name, entries[taken - 1].seq)
    return taken
