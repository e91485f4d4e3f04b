"""A history of many users as Parquet: one folder for each input table, on a disk or in S3, partitioned or not.

Only the footers of the files are read here: which ids a file has, and whether its columns have their types. A range
of ids needs the files that overlap it and no others.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from rules.facts import input_schema
from underwriting.domain.documents import Document, ListScreening, Row, row_model
from underwriting.domain.histories import HISTORIES, CurrentLimit
from underwriting.domain.limits import IdRange
from underwriting.limit_runs.quality import optional_columns
from underwriting.settings import DATABASE

USERS = "users"
# Footers read at the same time: S3 answers slowly, but many requests at once.
CONCURRENT_FILES = 16


def _models(document: type[Document]) -> list[type[Row]]:
    nested = (row_model(field.annotation) for field in document.model_fields.values())
    return [document, *filter(None, nested)]


# The documents of a history. The limits in force come from the store, not from the history.
_DOCUMENTS: tuple[type[Document], ...] = (*(kind for kind in HISTORIES if kind is not CurrentLimit), ListScreening)
# The row model of every table; and for every table, the one whose row shows that the source answered.
MODELS: dict[str, type[Row]] = {row.table: row for kind in _DOCUMENTS for row in _models(kind)}
HEADERS: dict[str, str] = {row.table: kind.table for kind in _DOCUMENTS for row in _models(kind)}
TABLES: tuple[str, ...] = tuple(MODELS)


class HistoryError(ValueError):
    """The history is missing, or a file of it cannot be read. The message says where, and what to do."""


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of one table: its content's version, and the ids in it."""

    path: str
    # Size and time of the last change: a rewritten file has another version.
    version: str
    rows: int
    # None where the file has no statistics.
    first: str | None
    last: str | None
    # Rows without an id belong to no range; the first one takes them.
    without_id: bool
    # Whether every required column has its type. Else each value is read as text and checked.
    typed: bool
    # Columns that the file lacks: `from_path` come from its folders, as in `currency=USD/`; the others are `missing`.
    from_path: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()

    def overlaps(self, ids: IdRange) -> bool:
        """Whether a row of the file may belong to the range."""
        if self.without_id and ids.first is None:
            return True
        if self.first is None or self.last is None:
            return self.rows > 0
        return ids.meets(self.first, self.last)


@dataclass(frozen=True)
class History:
    """The files of every table as they were when the history was opened."""

    location: str
    files: dict[str, tuple[DataFile, ...]]

    @classmethod
    def open(cls, location: str) -> Self:
        """Read every footer; HistoryError where there is no users table or a file is not Parquet."""
        system, root = filesystem(location)
        with ThreadPoolExecutor(CONCURRENT_FILES) as pool:
            found = zip(TABLES, pool.map(partial(_found, system, root), TABLES), strict=True)
            coming = {table: pool.map(partial(_data_file, system, root, table), each) for table, each in found}
            files = {table: tuple(each) for table, each in coming.items()}
        if not files[USERS]:
            raise HistoryError(
                f"{location} has no {USERS}/*.parquet, which lists the users; docs/histories.md says how a history is "
                "laid out, `underwriting histories generate DIR --end 2026-06-30` writes one"
            )
        return cls(location, files)

    def within(self, ids: IdRange) -> dict[str, tuple[DataFile, ...]]:
        """The files that a range of ids needs."""
        return {table: tuple(file for file in files if file.overlaps(ids)) for table, files in self.files.items()}

    def user_ids(self) -> pa.Array:
        """The ids in the users table, in order and each once; HistoryError where the column is no text."""
        system, _ = filesystem(self.location)
        columns = [_user_ids(system, file) for file in self.files[USERS]]
        ids = pc.unique(pa.chunked_array(columns, pa.string()).combine_chunks())
        return pc.drop_null(ids).sort()

    def version(self, ids: IdRange) -> str:
        """A digest of the files that the range needs; the same digest means the same rows. Empty for a database."""
        if self.location == DATABASE:
            return ""
        needed = [[file.path, file.version] for files in self.within(ids).values() for file in files]
        return sha256(json.dumps(needed).encode()).hexdigest()


def filesystem(location: str) -> tuple[fs.FileSystem, str]:
    """The file system and the folder of a location: a path, or `s3://bucket/folder?region=…&endpoint_override=…`.

    Keys come from the environment as AWS's own tools read it. HistoryError where the location has one: it would be
    stored with the run, and shown.
    """
    if "://" not in location:
        return fs.LocalFileSystem(), location.rstrip("/")
    if not location.startswith("s3://") or "@" in location:
        raise HistoryError(f"a history is a folder or s3://bucket/folder without keys in it, not {location!r}")
    try:
        system, root = fs.FileSystem.from_uri(location)
    except (OSError, ValueError) as error:
        raise HistoryError(f"{location} cannot be read from: {error}") from None
    return system, root.rstrip("/")


def _user_ids(system: fs.FileSystem, file: DataFile) -> pa.Array:
    with system.open_input_file(file.path) as stream:
        column = pq.read_table(stream, columns=["subject_id"]).column("subject_id")
    return column.cast(pa.string()).combine_chunks()


def _found(system: fs.FileSystem, root: str, table: str) -> list[fs.FileInfo]:
    selector = fs.FileSelector(f"{root}/{table}", recursive=True, allow_not_found=True)
    try:
        found = system.get_file_info(selector)
    except OSError as error:
        raise HistoryError(f"{root}/{table} cannot be listed: {error}") from None
    inside = [info for info in found if info.is_file and info.extension == "parquet"]
    return sorted((info for info in inside if not _is_leftover(info.path, root)), key=lambda info: info.path)


def _is_leftover(path: str, root: str) -> bool:
    """Whether the file or its folder is a writer's own: unfinished or hidden, as in `_temporary/`."""
    return any(part.startswith((".", "_")) for part in PurePosixPath(path).relative_to(root).parts)


def _data_file(system: fs.FileSystem, root: str, table: str, info: fs.FileInfo) -> DataFile:
    try:
        with system.open_input_file(info.path) as stream, pq.ParquetFile(stream) as file:
            metadata, schema = file.metadata, file.schema_arrow
    except (OSError, pa.ArrowInvalid) as error:
        raise HistoryError(
            f"{info.path} is not a readable Parquet file: {error}; write it again or delete it"
        ) from None
    first, last, without_id = _ids(metadata, schema)
    folders = dict(part.split("=", 1) for part in PurePosixPath(info.path.removeprefix(root)).parts if "=" in part)
    wanted = input_schema(table)
    lacking = [name for name in wanted.names if name not in schema.names]
    return DataFile(
        path=info.path,
        version=f"{info.size}-{info.mtime_ns}",
        rows=metadata.num_rows,
        first=first,
        last=last,
        without_id=without_id,
        typed=_is_typed(schema, wanted, optional_columns(MODELS[table]) - folders.keys()),
        from_path=tuple((name, folders[name]) for name in lacking if name in folders),
        missing=tuple(name for name in lacking if name not in folders),
    )


def _ids(metadata: pq.FileMetaData, schema: pa.Schema) -> tuple[str | None, str | None, bool]:
    """The first and the last id by the row groups' statistics, and whether a row may have none."""
    if "subject_id" not in schema.names or not pa.types.is_string(_plain(schema.field("subject_id").type)):
        return None, None, True
    column = metadata.schema.names.index("subject_id")
    groups = [metadata.row_group(number).column(column).statistics for number in range(metadata.num_row_groups)]
    groups = [
        statistics for statistics in groups if statistics is None or statistics.num_values or statistics.null_count
    ]
    if not all(statistics is not None and statistics.has_min_max for statistics in groups):
        return None, None, True
    without_id = any(not statistics.has_null_count or statistics.null_count for statistics in groups)
    firsts, lasts = [statistics.min for statistics in groups], [statistics.max for statistics in groups]
    return min(firsts, default=None), max(lasts, default=None), without_id


def _is_typed(schema: pa.Schema, wanted: pa.Schema, optional: frozenset[str]) -> bool:
    return all(
        _plain(schema.field(field.name).type) == field.type if field.name in schema.names else field.name in optional
        for field in wanted
    )


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type of the values, however they are encoded; a moment is one whatever its zone and its fractions."""
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    return pa.timestamp("us") if pa.types.is_timestamp(kind) else kind
