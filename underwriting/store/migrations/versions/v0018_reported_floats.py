"""Floats that an event reported are called so: the table, when it was reported, and their number in a result.

Revision 0018, 2026-11-29.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Call them reported."""
    _rename("told", "reported")


def downgrade() -> None:
    """Call them told again."""
    _rename("reported", "told")


def _rename(old: str, new: str) -> None:
    op.drop_index(f"ix_{old}_floats_user", f"{old}_floats")
    op.rename_table(f"{old}_floats", f"{new}_floats")
    op.alter_column(f"{new}_floats", f"{old}_at", new_column_name=f"{new}_at")
    op.create_index(f"ix_{new}_floats_user", f"{new}_floats", ["tenant", "user_id"])
    op.alter_column("eligibilities", f"floats_{old}", new_column_name=f"floats_{new}")
    # SQLite cannot rename a constraint, and nothing asks for this one by its name.
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {new}_floats RENAME CONSTRAINT pk_{old}_floats TO pk_{new}_floats")
