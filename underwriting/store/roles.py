"""Roles of PostgreSQL for those who do not own the tables: programs that write, and reports that read.

The writer appends to the audit log and cannot change it. The reader sees no sealed column, and changes nothing.
"""

from collections.abc import Iterator

from sqlalchemy import Table

from underwriting.store.columns import SealedBinary
from underwriting.store.models import AuditRow, Base

WRITER, READER = "underwriting_writer", "underwriting_reader"


def grants() -> list[str]:
    """The statements that make both roles, and give them what they may do now; the owner runs them after a migration.

    They may be run again: what a role was given before is taken from it first.
    """
    return [*_roles(), *_of_writer(), *_of_reader()]


def _roles() -> Iterator[str]:
    for role in (WRITER, READER):
        yield f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}"
        yield f"GRANT USAGE ON SCHEMA public TO {role}"


def _of_writer() -> Iterator[str]:
    for table in Base.metadata.sorted_tables:
        may = "SELECT, INSERT" if table.name == AuditRow.__tablename__ else "SELECT, INSERT, UPDATE, DELETE"
        yield f"GRANT {may} ON {table.name} TO {WRITER}"
    yield f"GRANT SELECT ON alembic_version TO {WRITER}"
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {WRITER}"


def _of_reader() -> Iterator[str]:
    for table in Base.metadata.sorted_tables:
        yield f"GRANT SELECT ({', '.join(_open_columns(table))}) ON {table.name} TO {READER}"


def _open_columns(table: Table) -> Iterator[str]:
    return (f'"{column.name}"' for column in table.columns if not isinstance(column.type, SealedBinary))
