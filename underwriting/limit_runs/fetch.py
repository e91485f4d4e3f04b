"""Copies rows that DuckDB cannot read in place to a local folder, each with its file and row number.

Of S3 it reads the row groups that a range needs, by Arrow's client: DuckDB's client is an extension, which a machine
without internet access cannot install.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from rules.facts import input_schema
from underwriting.domain.limits import IdRange
from underwriting.limit_runs import database
from underwriting.limit_runs.history import MODELS, DataFile, filesystem
from underwriting.limit_runs.source import ORIGIN, Source
from underwriting.settings import DATABASE

# Files fetched at the same time, each with a row group in memory.
CONCURRENT_FILES = 4


def sources(location: str, files: Mapping[str, Sequence[DataFile]], ids: IdRange, scratch: Path) -> dict[str, Source]:
    """Every input table of the range, readable by DuckDB; what has to be fetched is put into the folder `scratch`."""
    if location == DATABASE:
        return asyncio.run(database.sources(ids, scratch))
    if "://" not in location:
        return {table: Source(table, files.get(table, ()), ids) for table in MODELS}
    system, _ = filesystem(location)

    def fetched(table: str, number: int, file: DataFile) -> DataFile:
        here = scratch / f"{table}-{number}.parquet"
        _fetch(system, file.path, input_schema(table).names, ids, here)
        return replace(file, path=str(here))

    with ThreadPoolExecutor(CONCURRENT_FILES) as pool:
        coming = {
            table: [pool.submit(fetched, table, number, file) for number, file in enumerate(files.get(table, ()))]
            for table in MODELS
        }
        return {
            table: Source(table, [one.result() for one in each], ids, fetched=True) for table, each in coming.items()
        }


def _fetch(system: fs.FileSystem, path: str, wanted: Sequence[str], ids: IdRange, here: Path) -> None:
    """Copy the row groups that may hold rows of the range, each row with its origin."""
    with system.open_input_file(path) as stream, pq.ParquetFile(stream, pre_buffer=True) as remote:
        names = [name for name in wanted if name in remote.schema_arrow.names]
        fields = [remote.schema_arrow.field(name) for name in names]
        schema = pa.schema([*fields, ("file", pa.string()), ("row", pa.int64())])
        first = 0
        with pq.ParquetWriter(here, schema) as writer:
            for number in range(remote.num_row_groups):
                end = first + remote.metadata.row_group(number).num_rows
                if _overlaps(remote.metadata, number, ids):
                    rows = remote.read_row_group(number, names)
                    origin = (pa.repeat(path, end - first), pa.array(range(first, end), pa.int64()))
                    for name, column in zip(ORIGIN, origin, strict=True):
                        rows = rows.append_column(name, [column])
                    writer.write_table(rows.select(schema.names).cast(schema))
                first = end


def _overlaps(metadata: pq.FileMetaData, number: int, ids: IdRange) -> bool:
    """Whether a row group may hold a row of the range; True where it has no statistics."""
    paths = [metadata.schema.column(index).path for index in range(metadata.num_columns)]
    if "subject_id" not in paths:
        return True
    statistics = metadata.row_group(number).column(paths.index("subject_id")).statistics
    if statistics is None or not statistics.has_min_max or not isinstance(statistics.min, str):
        return True
    if ids.first is None and (not statistics.has_null_count or statistics.null_count):
        return True
    return ids.meets(statistics.min, statistics.max)
