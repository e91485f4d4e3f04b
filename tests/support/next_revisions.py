"""Revisions that might come next: a column is added, then filled and indexed, and later another one is dropped."""

import shutil
from pathlib import Path

from underwriting.store.migrate import SCRIPTS
from underwriting.store.migrations import HEAD

EXPANDED, CONTRACTED = "0022.9", "9999"
HEADER = """
import sqlalchemy as sa
from alembic import op
from underwriting.store.migrations.online import create_index, fill

revision, down_revision = {revision!r}, {down_revision!r}
branch_labels = depends_on = None
"""
ADDS = """
def upgrade():
    op.add_column("audit", sa.Column("length", sa.BigInteger(), nullable=True))
"""
FILLS = """
def upgrade():
    fill("audit", "length", "length(action)", batch=1_000)
    create_index("ix_audit_length", "audit", ["length"], where="length > 3")
"""
TAKES_AWAY = """
def upgrade():
    op.drop_column("audit", "action")
"""


def with_next_revisions(folder: Path) -> Path:
    """The project's migrations in a new folder, with two more that expand, and one that contracts."""
    shutil.copytree(SCRIPTS, folder)
    for number, before, body in (
        ("0022.8", HEAD, ADDS),
        (EXPANDED, "0022.8", FILLS),
        (CONTRACTED, EXPANDED, TAKES_AWAY),
    ):
        header = HEADER.format(revision=number, down_revision=before)
        (folder / "versions" / f"v{number.replace('.', '_')}_example.py").write_text(header + body)
    return folder


def audit_rows(count: int) -> str:
    """SQL for PostgreSQL that inserts so many rows into the audit log, with numbers below zero."""
    columns = "seq, at, actor, action, subject, details, previous, hash"
    values = "-n, now(), 'bench', 'received', 'app_' || n, '{}', repeat('0', 64), repeat('0', 64)"
    return f"INSERT INTO audit ({columns}) SELECT {values} FROM generate_series(1, {count}) AS n"
