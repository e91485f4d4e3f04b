"""The days from which and until which a rulebook decides.

Revision 0011, 2026-11-28.
"""

import json
from contextlib import suppress
from datetime import date

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TABLE = "rulebooks"


def upgrade() -> None:
    """Add both, the first out of each text: no text has a last day yet."""
    op.add_column(TABLE, sa.Column("valid_from", sa.Date(), nullable=True))
    op.add_column(TABLE, sa.Column("valid_until", sa.Date(), nullable=True))
    books = sa.table(TABLE, *map(sa.column, ("name", "version", "text")), sa.column("valid_from", sa.Date()))
    for name, version, text in op.get_bind().execute(sa.select(books.c.name, books.c.version, books.c.text)).all():
        with suppress(ValueError, KeyError, TypeError):
            first = date.fromisoformat(json.loads(text)["valid_from"])
            one = sa.update(books).where(books.c.name == name, books.c.version == version)
            op.execute(one.values(valid_from=first))


def downgrade() -> None:
    """Drop them: the texts say the same."""
    op.drop_column(TABLE, "valid_until")
    op.drop_column(TABLE, "valid_from")
