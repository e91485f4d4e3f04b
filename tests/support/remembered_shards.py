"""Shards calculated once a session: tests of what a run stores start from the same few histories over and over.

A calculation takes a quarter of a second. Its result depends on the rows of its files, the limits before and the spec
only, which tests/limit_runs/test_limit_shards.py proves; so the same of these gives the same result and records here.
"""

import asyncio
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path

from underwriting.limit_runs.history import DataFile
from underwriting.limit_runs.shard import ShardResult, ShardSpec, recalculate_shard, records_file

_known: dict[str, tuple[ShardResult, bytes | None]] = {}


async def remembered(spec: ShardSpec) -> ShardResult:
    """As `run_context.in_a_thread`, but a result that is known is only written to the spec's folder.

    For histories in folders. One with malformed rows is calculated each time, since what is kept of them names files;
    and so is a sealed one, whose files open in their own folder only.
    """
    if spec.sealed:
        return await asyncio.to_thread(recalculate_shard, spec)
    key, file = _key(spec), records_file(spec, spec.folder)
    if key not in _known:
        result = await asyncio.to_thread(recalculate_shard, spec)
        if not any(table.malformed for table in result.tables.values()):
            _known[key] = result, file.read_bytes() if result.records else None
        return result
    result, records = _known[key]
    if records is not None:
        file.write_bytes(records)
    return result


def _key(spec: ShardSpec) -> str:
    """Everything that the result depends on, with digests in place of files."""
    files = {table: [_content(file, spec.location) for file in files] for table, files in spec.files.items()}
    bases = _digest(spec.bases, str(Path(spec.bases).stat()))
    return repr((replace(spec, location="", folder="", bases=bases, files={}), files))


def _content(file: DataFile, location: str) -> DataFile:
    """The file with its place in the history for a path, and the digest of its content for a version."""
    path = str(Path(file.path).relative_to(location))
    return replace(file, path=path, version=_digest(file.path, file.version))


@cache
def _digest(path: str, _version: str) -> str:
    return sha256(Path(path).read_bytes()).hexdigest()
