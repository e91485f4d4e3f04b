"""Another set of words for a column that chooses from some, with the rows left where they are.

PostgreSQL replaces the check constraint. SQLite cannot, and a table that others refer to cannot be made anew while it
holds rows; there the text of the schema is changed, as SQLite's own documentation describes for check constraints.
"""

from collections.abc import Collection

import sqlalchemy as sa
from alembic import op


def choose_from(table: str, column: str, kind: str, before: Collection[str], after: Collection[str]) -> None:
    """Let `column` hold the words `after` instead of `before`; `kind` names the constraint, as in the models."""
    if op.get_bind().dialect.name == "postgresql":
        # The naming convention makes the whole name of it.
        op.drop_constraint(kind, table, type_="check")
        op.create_check_constraint(kind, table, sa.column(column).in_([sa.literal_column(f"'{it}'") for it in after]))
        return
    name = f"ck_{table}_{kind}"
    old, new = (f"CONSTRAINT {name} CHECK ({column} IN ({_listed(words)}))" for words in (before, after))
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


def _listed(words: Collection[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)
