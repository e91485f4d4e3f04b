"""Makes some of the users personas: their rows replace those that were drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from underwriting.playground.generator.draws import Draws, Ints
from underwriting.playground.generator.layout import CURRENT_LIMITS, EXPECTED, REPAYMENTS, TABLES, schema
from underwriting.playground.generator.persona_documents import documents
from underwriting.playground.generator.personas import TABLE, Persona

Chunk = dict[str, pa.Table]
NO_PERSONA = -1
# A persona with earlier runs below its limit cannot be in a fresh store, which has no runs.
FRESH_PERSONAS = tuple(persona for persona in TABLE if not persona.runs_below)


@dataclass(frozen=True)
class PersonaRows:
    """One persona's rows of every table, as one user's."""

    persona: Persona
    tables: Chunk


def persona_rows(end: date) -> tuple[PersonaRows, ...]:
    """Every persona that a fresh store can have, on the day `end`."""
    return tuple(PersonaRows(persona, _tables(persona, end)) for persona in FRESH_PERSONAS)


def _tables(persona: Persona, end: date) -> Chunk:
    rows: dict[str, list[dict[str, object]]] = {name: [] for name in (*TABLES, CURRENT_LIMITS, REPAYMENTS)}
    for document in documents(persona, end):
        for table, row in document.rows():
            rows[table].append(row)
    return {name: pa.Table.from_pylist(found, schema=schema(name)) for name, found in rows.items()}


def personas_of(draws: Draws, share: float) -> Ints:
    """The index of each user's persona in `FRESH_PERSONAS`; NO_PERSONA for all others."""
    chosen = draws.pick("persona", [1.0] * len(FRESH_PERSONAS))
    return np.asarray(np.where(draws.chance("is a persona", share), chosen, NO_PERSONA))


def with_personas(drawn: Chunk, personas: Sequence[PersonaRows], ids: Sequence[str], persona_of: Ints) -> Chunk:
    """The tables with the personas' rows instead of the drawn ones, by user; and the table of expected decisions.

    Personas have no rows in the side file of repayments.
    """
    tables = {
        name: _replaced(rows, [part.tables[name] for part in personas], ids, persona_of) for name, rows in drawn.items()
    }
    return {**tables, EXPECTED: _expected(personas, ids, persona_of)}


def _replaced(drawn: pa.Table, parts: Sequence[pa.Table], ids: Sequence[str], persona_of: Ints) -> pa.Table:
    user = _users(drawn)
    kept = np.flatnonzero(persona_of[user] == NO_PERSONA)
    owners, pieces = [user[kept]], []
    for place, part in enumerate(parts):
        mine = np.flatnonzero(persona_of == place)
        if len(mine) and len(part):
            owner = np.repeat(mine, len(part))
            owners.append(owner)
            pieces.append(_owned(part.take(np.tile(np.arange(len(part)), len(mine))), drawn, ids, owner))
    added = np.arange(len(drawn), len(drawn) + sum(map(len, pieces)))
    order = np.argsort(np.concatenate(owners), kind="stable")
    return pa.concat_tables([drawn, *pieces]).combine_chunks().take(np.concatenate([kept, added])[order])


def _users(rows: pa.Table) -> Ints:
    """The index of each row's user in the chunk."""
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
    """Text encoded by the dictionary of a similar column; ValueError for a text that is not in it."""
    if not pa.types.is_dictionary(like.type) or pa.types.is_dictionary(column.type):
        return column
    words = like.chunk(0).dictionary
    codes = pc.index_in(column, words).combine_chunks()
    if codes.null_count > column.null_count:
        raise ValueError(f"a persona's text is not one of the world's: {words.to_pylist()}")
    return pa.chunked_array([pa.DictionaryArray.from_arrays(codes, words)])


def _expected(personas: Sequence[PersonaRows], ids: Sequence[str], persona_of: Ints) -> pa.Table:
    rows = []
    for who in np.flatnonzero(persona_of != NO_PERSONA).tolist():
        persona = personas[persona_of[who]].persona
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
