"""Puts personas among the users: which users they are, and their rows in the place of those that were drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from underwriting.playground.generator.biographies import documents
from underwriting.playground.generator.draws import Draws, Ints
from underwriting.playground.generator.layout import CURRENT_LIMITS, EXPECTED, REPAYMENTS, TABLES, schema
from underwriting.playground.generator.personas import TABLE, Persona

Chunk = dict[str, pa.Table]
NOBODY = -1
# Whose limit was below on runs before cannot be in a fresh store: it has none.
CAST = tuple(persona for persona in TABLE if not persona.runs_below)


@dataclass(frozen=True)
class Part:
    """One persona's rows of every table, as one user's."""

    persona: Persona
    tables: Chunk


def cast_for(end: date) -> tuple[Part, ...]:
    """Every persona that a fresh store can have, on the day `end`."""
    return tuple(Part(persona, _tables(persona, end)) for persona in CAST)


def _tables(persona: Persona, end: date) -> Chunk:
    rows: dict[str, list[dict[str, object]]] = {name: [] for name in (*TABLES, CURRENT_LIMITS, REPAYMENTS)}
    for document in documents(persona, end):
        for table, row in document.rows():
            rows[table].append(row)
    return {name: pa.Table.from_pylist(found, schema=schema(name)) for name, found in rows.items()}


def roles(draws: Draws, share: float) -> Ints:
    """The place of each user's persona in the cast, NOBODY for those who are none."""
    chosen = draws.pick("persona", [1.0] * len(CAST))
    return np.asarray(np.where(draws.chance("is a persona", share), chosen, NOBODY))


def with_personas(drawn: Chunk, cast: Sequence[Part], ids: Sequence[str], roles: Ints) -> Chunk:
    """The tables with the personas' rows in the place of those drawn for them, by user; and what is expected of them.

    Nothing is true of a persona's repayments: the side file has no rows of them.
    """
    tables = {name: _replaced(rows, [part.tables[name] for part in cast], ids, roles) for name, rows in drawn.items()}
    return {**tables, EXPECTED: _expected(cast, ids, roles)}


def _replaced(drawn: pa.Table, parts: Sequence[pa.Table], ids: Sequence[str], roles: Ints) -> pa.Table:
    user = _users(drawn)
    kept = np.flatnonzero(roles[user] == NOBODY)
    owners, pieces = [user[kept]], []
    for place, part in enumerate(parts):
        mine = np.flatnonzero(roles == place)
        if len(mine) and len(part):
            owner = np.repeat(mine, len(part))
            owners.append(owner)
            pieces.append(_owned(part.take(np.tile(np.arange(len(part)), len(mine))), drawn, ids, owner))
    added = np.arange(len(drawn), len(drawn) + sum(map(len, pieces)))
    order = np.argsort(np.concatenate(owners), kind="stable")
    return pa.concat_tables([drawn, *pieces]).combine_chunks().take(np.concatenate([kept, added])[order])


def _users(rows: pa.Table) -> Ints:
    """The place of each row's user in the chunk."""
    chunks = rows.column("subject_id").chunks
    return np.concatenate([np.zeros(0, np.int64), *(chunk.indices.to_numpy() for chunk in chunks)]).astype(np.int64)


def _owned(rows: pa.Table, like: pa.Table, ids: Sequence[str], owner: Ints) -> pa.Table:
    """A persona's rows as those of its users, with text encoded as in the tables that were drawn."""
    who = pa.DictionaryArray.from_arrays(pa.array(owner.astype(np.int32)), pa.array(ids, pa.string()))
    columns = [who if field.name == "subject_id" else rows.column(field.name) for field in like.schema]
    if "float_id" in like.schema.names:
        place = like.schema.get_field_index("float_id")
        owners = pc.replace_substring(who.cast(pa.string()), "u", "f")
        columns[place] = pc.binary_join_element_wise(owners, rows.column("float_id"), "")
    encoded = [_encoded(column, like.column(place)) for place, column in enumerate(columns)]
    return pa.Table.from_arrays(encoded, schema=like.schema)


def _encoded(column: pa.ChunkedArray, like: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text in the dictionary of a column like it; ValueError for a word that the world does not have."""
    if not pa.types.is_dictionary(like.type) or pa.types.is_dictionary(column.type):
        return column
    words = like.chunk(0).dictionary
    codes = pc.index_in(column, words).combine_chunks()
    if codes.null_count > column.null_count:
        raise ValueError(f"a persona's word is not one of the world's: {words.to_pylist()}")
    return pa.chunked_array([pa.DictionaryArray.from_arrays(codes, words)])


def _expected(cast: Sequence[Part], ids: Sequence[str], roles: Ints) -> pa.Table:
    rows = []
    for who in np.flatnonzero(roles != NOBODY).tolist():
        persona = cast[roles[who]].persona
        after = persona.limit if persona.after is None else persona.after
        rows.append(
            {
                "subject_id": ids[who],
                "persona": persona.id,
                "move": persona.move,
                "reason": persona.reason,
                "before": persona.limit,
                "after": after,
            }
        )
    return pa.Table.from_pylist(rows, schema=schema(EXPECTED))
