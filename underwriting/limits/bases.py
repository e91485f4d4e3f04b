"""The limits in force before a run, as a file that its shards read: what the facts' query `current_limits` is about."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rules.tiers import TIERS
from underwriting.domain.limits import LimitBase

SCHEMA = pa.schema(
    [
        ("subject_id", pa.string()),
        ("amount", pa.int64()),
        ("raised_on", pa.date32()),
        ("runs_below", pa.int64()),
        # The profile's version; none where the user has no profile yet.
        ("version", pa.int64()),
        # Whether the product is paused for the user, who is then not judged.
        ("paused", pa.bool_()),
    ]
)
# Whoever has no profile yet has what is enabled on first contact.
FIRST_LIMIT = max(tier.amount for tier in TIERS if tier.enabled)


def write_bases(bases: Sequence[LimitBase], file: Path) -> None:
    """One row for each user who has a profile, in the order of their ids."""
    columns = zip(*sorted(bases), strict=True) if bases else [[] for _ in SCHEMA]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
    pq.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA), file)
