"""Other allowed values for a column with a fixed choice, without copying its table.

PostgreSQL replaces the check constraint. SQLite cannot, and a table that others refer to cannot be copied while it has
rows; so the text of the schema is changed, as SQLite's own documentation describes for check constraints.
"""

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from alembic import op


def choose_from(
    table: str,
    column: str,
    kind: str,
    before: Collection[str],
    after: Collection[str],
    *,
    kind_now: str | None = None,
    changed: Mapping[str, str] | None = None,
) -> None:
    """Allow the values `after` in `column` instead of `before`; `kind` is the constraint's name in the models: the
    enum's name in lower case.

    `kind_now` is its name afterwards, if that changes. Rows with a value of `changed` get the one that it maps to.
    """
    if op.get_bind().dialect.name == "postgresql":
        # The naming convention makes the whole name of it.
        op.drop_constraint(kind, table, type_="check")
        _change(table, column, changed or {})
        allowed = sa.column(column).in_([sa.literal_column(f"'{it}'") for it in after])
        op.create_check_constraint(kind_now or kind, table, allowed)
        return
    old, new = (
        f"CONSTRAINT ck_{table}_{name} CHECK ({column} IN ({_listed(words)}))"
        for name, words in ((kind, before), (kind_now or kind, after))
    )
    schema = sa.table("sqlite_master", sa.column("sql"), sa.column("type"), sa.column("name"))
    wanted = (schema.c.type == "table", schema.c.name == table)
    found = op.get_bind().scalar(sa.select(schema.c.sql).where(*wanted))
    if found is None or old not in found:
        raise RuntimeError(f"the table {table} has no {old}")
    op.execute("PRAGMA writable_schema = ON")
    op.execute(sa.update(schema).where(*wanted).values(sql=found.replace(old, new)))
    version = op.get_bind().scalar(sa.text("PRAGMA schema_version"))
    # Every connection reads the schema again.
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = OFF")
    # SQLite checks a value only when its row is written.
    _change(table, column, changed or {})


def _change(table: str, column: str, changed: Mapping[str, str]) -> None:
    words: sa.ColumnClause[str] = sa.column(column)
    rows = sa.table(table, words)
    for old, new in changed.items():
        op.execute(sa.update(rows).where(words == old).values({column: new}))


def _listed(words: Collection[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)
