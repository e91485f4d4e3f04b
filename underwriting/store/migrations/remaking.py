"""Changes the columns of a table that has rows: a new table is made and filled.

SQLite cannot alter a column or a constraint, and one way for both databases is tested on both. The table is locked
while it is copied, a second or so for each hundred thousand rows.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op


def remake(
    name: str,
    make: Callable[[], sa.Table],
    values: dict[str, sa.ColumnElement[Any]],
    kept: sa.ColumnElement[bool] | None = None,
) -> None:
    """Make a table anew by `make` and fill it: each column as it was, or from `values`; rows that are `kept` only."""
    had = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(name)}
    before = f"{name}_before"
    copy: Any = sa.DDL  # it ships no types
    op.execute(copy("CREATE TABLE %(before)s AS SELECT * FROM %(name)s", context={"before": before, "name": name}))
    op.drop_table(name)
    table = make()
    filled = {key: values.get(key, sa.column(key)) for key in list(table.columns.keys()) if key in had or key in values}
    rows = sa.select(*filled.values()).select_from(sa.table(before))
    op.execute(sa.insert(table).from_select(list(filled), rows if kept is None else rows.where(kept)))
    op.drop_table(before)


def count_on(table: str, column: str) -> None:
    """Number new rows above those that were copied; SQLite does by itself."""
    if op.get_bind().dialect.name == "postgresql":
        highest = sa.select(sa.func.max(sa.column(column))).select_from(sa.table(table)).scalar_subquery()
        sequence = sa.func.pg_get_serial_sequence(table, column)
        op.execute(sa.select(sa.func.setval(sequence, sa.func.coalesce(highest, 1), highest.is_not(None))))
