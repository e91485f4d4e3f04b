"""Changes of large tables while programs use them. On SQLite they are part of the one transaction.

On PostgreSQL each statement commits for itself, after all that the revision did before it. A revision that was stopped
runs again from its beginning, so beside these calls it does nothing that cannot be repeated.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

BATCH = 10_000


def create_index(name: str, table: str, columns: Sequence[str], where: str | None = None) -> None:
    """Create an index without keeping anybody from writing; one that was left half-made is made anew."""
    some = sa.text(where) if where else None
    with _each_for_itself():
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
        op.create_index(
            name, table, list(columns), postgresql_concurrently=True, postgresql_where=some, sqlite_where=some
        )


def fill(table: str, column: str, value: str, batch: int = BATCH) -> None:
    """Set `column` to `value`, an SQL expression over the row, wherever it is NULL: so many rows at a time.

    Rows for which `value` is NULL too stay as they are.
    """
    # S608: names and expressions of revisions.
    empty = f"{column} IS NULL AND ({value}) IS NOT NULL"
    update = f"UPDATE {table} SET {column} = {value} WHERE {empty}"  # noqa: S608
    if not _on_postgresql():
        op.execute(update)
        return
    some = sa.text(f"{update} AND ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {empty} LIMIT {batch}))")  # noqa: S608
    with _each_for_itself():
        while op.get_bind().execute(some).rowcount:
            pass


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


@contextmanager
def _each_for_itself() -> Iterator[None]:
    if not _on_postgresql():
        yield
        return
    with op.get_context().autocommit_block():
        before = op.get_bind().scalar(sa.text("SHOW lock_timeout"))
        # Nobody waits behind these: they may wait for others as long as it takes.
        op.execute("SET lock_timeout = 0")
        try:
            yield
        finally:
            op.execute(f"SET lock_timeout = '{before}'")
