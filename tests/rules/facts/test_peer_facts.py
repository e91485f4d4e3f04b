"""The peers that the benchmark of the limit run compares us with come to the facts of our SQL, every one of them."""

from datetime import timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from support.limit_histories import written
from support.nasty_users import AS_OF, nasty_user

from benchmarks import peer_facts, peer_pandas, peer_polars
from rules.facts import input_schema, tables_of
from underwriting.domain.histories import User
from underwriting.limit_runs.history import MODELS

USERS = 400
TO_THE_END = timedelta(days=(peer_facts.AS_OF - AS_OF).days)
PEERS = pytest.mark.parametrize("peer", [peer_pandas.facts, peer_polars.facts], ids=["pandas", "polars"])


def later(rows: pa.Table) -> pa.Table:
    """The rows with their days and moments moved, so that the benchmark judges on the day for which they were made."""
    for place, field in enumerate(rows.schema):
        if pa.types.is_temporal(field.type):
            moved = pc.add(rows[field.name].cast(pa.timestamp("us")), TO_THE_END).cast(field.type)
            rows = rows.set_column(place, field, moved)
    return rows


@pytest.fixture(scope="module")
def at_the_edges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Users at the edges of every window and threshold, with stale feeds, other currencies and what nobody told."""
    folder, random = tmp_path_factory.mktemp("edges"), Random(20_250_831)
    parts = [tables_of(f"u{number:09}", (User(), *nasty_user(random))) for number in range(USERS)]
    for table in MODELS:
        rows = pa.concat_tables([input_schema(table).empty_table(), *(part[table] for part in parts if table in part)])
        (folder / table).mkdir()
        pq.write_table(later(rows), folder / table / "part-0.parquet")
    return folder


@PEERS
def test_generated_users_and_personas(peer, tmp_path):
    history = written(tmp_path / "history", end=peer_facts.AS_OF, personas=0.5)
    assert peer_facts.compared(peer, str(history), USERS) == {"differ": []}


@PEERS
def test_users_at_the_edges_of_everything(peer, at_the_edges):
    assert peer_facts.compared(peer, str(at_the_edges), USERS) == {"differ": []}
