"""On PostgreSQL, programs cannot rewrite the audit log, and reports cannot read what is sealed."""

from collections.abc import AsyncIterator
from urllib.parse import quote

import asyncpg
import pytest
from support.evaluated import meet
from support.reviews import claimed, finish

from underwriting.store.crypto import Keyring
from underwriting.store.models import SEALED, Base
from underwriting.store.roles import READER, WRITER, grants
from underwriting.store.session import Store


@pytest.fixture
def database_kind() -> str:
    return "postgresql"


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The owner of the tables, who has made both roles, twice."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    try:
        for statement in grants() * 2:
            await connection.execute(statement)
        yield connection
    finally:
        await connection.close()


async def test_a_program_decides_as_the_writer(owner: asyncpg.Connection, database_url: str, keyring: Keyring) -> None:
    await owner.execute(
        f"DO $$ BEGIN CREATE ROLE app LOGIN IN ROLE {WRITER}; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    async with Store.open(database_url.replace("postgres@", f"{quote('app')}@"), keyring) as store:
        await finish(store, await claimed(store))
        await meet(store)
    assert await owner.fetchval("SELECT count(*) FROM decisions") == 1
    assert await owner.fetchval("SELECT count(*) FROM audit") > 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'eve'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "DROP TABLE audit",
        "DROP TABLE outcomes",
    ],
)
async def test_the_writer_only_appends_to_the_audit_log(owner: asyncpg.Connection, statement: str) -> None:
    await owner.execute(f"SET ROLE {WRITER}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await owner.execute(statement)


async def test_the_reader_reads_everything_but_sealed_columns(owner: asyncpg.Connection) -> None:
    sealed = {(column.class_.__table__.name, column.key) for column in SEALED}
    assert sealed
    await owner.execute(f"SET ROLE {READER}")
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if (table.name, column.name) in sealed:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await owner.fetch(f'SELECT "{column.name}" FROM {table.name}')
            else:
                await owner.fetch(f'SELECT "{column.name}" FROM {table.name}')
    for statement in (
        "DELETE FROM decisions",
        "UPDATE audit SET actor = 'eve'",
        "INSERT INTO float_ranks DEFAULT VALUES",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await owner.execute(statement)
