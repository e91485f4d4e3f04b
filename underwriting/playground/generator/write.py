"""Writes histories of any number of users as Parquet, chunk by chunk, in constant memory."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from underwriting.playground.generator.calendar import Window
from underwriting.playground.generator.columns import subject_ids
from underwriting.playground.generator.histories import Histories
from underwriting.playground.generator.layout import SIDE_FILES
from underwriting.playground.generator.malformed import with_malformed
from underwriting.playground.generator.persona_rows import Chunk, persona_rows, personas_of, with_personas
from underwriting.playground.generator.tables import tables
from underwriting.playground.generator.world import World

# Users of one row group, and row groups of one file. A range of ids then reads few groups, and a group of
# transactions has the million rows or so that DuckDB reads well.
CHUNK, CHUNKS_A_FILE = 8_192, 16


# The default share of personas. Ours.
PERSONAS = 0.01
# How hive names the partition of rows without a value.
NO_MONTH = "__HIVE_DEFAULT_PARTITION__"


class GeneratorError(ValueError):
    """Histories cannot be written as asked."""


@dataclass(frozen=True)
class Plan:
    """What to write: the number of users, the seed, the days, and the shares of personas and malformed rows."""

    users: int
    seed: int
    window: Window
    # The share of users who are personas, and of transactions with a malformed copy.
    personas: float = PERSONAS
    malformed: float = 0.0
    # Transactions in a folder for each month.
    partitioned: bool = False
    chunk: int = CHUNK

    @property
    def chunks(self) -> int:
        """The number of chunks."""
        return -(-self.users // self.chunk)


def chunks(world: World, plan: Plan) -> Iterator[Chunk]:
    """The tables of each chunk of users, one after another."""
    personas = persona_rows(plan.window.end)
    for start in range(0, plan.users, plan.chunk):
        numbers = np.arange(start, min(start + plan.chunk, plan.users))
        histories = Histories(world, plan.window, plan.seed, numbers)
        draws = histories.draws
        chunk = with_personas(tables(histories), personas, subject_ids(numbers), personas_of(draws, plan.personas))
        yield with_malformed(chunk, draws, plan.malformed) if plan.malformed else chunk


def write(world: World, plan: Plan, folder: Path) -> Iterator[int]:
    """Write all tables below `folder`; yields the users written so far. GeneratorError where it is not empty."""
    if folder.exists() and any(folder.iterdir()):
        raise GeneratorError(f"{folder} is not empty: give a new folder, so that two histories never mix")
    written = 0
    with Files(folder) as side_files:
        for number, group in enumerate(batched(chunks(world, plan), CHUNKS_A_FILE)):
            with Files(folder) as files:
                for chunk in group:
                    for table, rows in chunk.items():
                        if table in SIDE_FILES:
                            side_files.add(f"{table}.parquet", rows)
                            continue
                        for part, mine in _parts(table, rows, plan.partitioned):
                            files.add(f"{table}{part}/part-{number:05d}.parquet", mine)
                    written += len(chunk["users"])
                    yield written


def batched(chunks: Iterator[Chunk], size: int) -> Iterator[Iterator[Chunk]]:
    """The chunks in groups of `size`, lazily."""
    for first in chunks:
        yield chain([first], islice(chunks, size - 1))


def _parts(table: str, rows: pa.Table, partitioned: bool) -> Iterator[tuple[str, pa.Table]]:
    """The rows by their folder below the table's."""
    if not partitioned or table != "transactions":
        yield "", rows
        return
    months = pc.strftime(rows.column("booked_on"), format="%Y-%m").combine_chunks()
    for month in sorted(months.unique().to_pylist(), key=str):
        mine = rows.filter(pc.is_null(months) if month is None else pc.equal(months, month))
        yield f"/month={month or NO_MONTH}", mine


class Files:
    """Open Parquet files, by their path below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._open, self._stack = folder, dict[str, pq.ParquetWriter](), ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def add(self, path: str, rows: pa.Table) -> None:
        """Append the rows as one row group. Dictionary-encoded text is read back as text."""
        if path not in self._open:
            place = self._folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            writer = pq.ParquetWriter(place, rows.schema, store_schema=False, compression="zstd", compression_level=1)
            self._open[path] = self._stack.enter_context(writer)
        if len(rows):
            self._open[path].write_table(rows, row_group_size=len(rows))
