"""Engines on PostgreSQL or SQLite: one for units of work, one for single statements that only read."""

from typing import Any

import sqlalchemy
from pydantic_core import to_json
from sqlalchemy import Connection, Engine, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

# A worker that is stopped inside a transaction must not lock the audit head for ever: the server ends waits for a
# lock, sessions that sit idle inside a transaction, and runaway statements (milliseconds).
POSTGRES_SETTINGS = {
    "application_name": "underwriting",
    "lock_timeout": "15000",
    "idle_in_transaction_session_timeout": "30000",
    "statement_timeout": "60000",
}
# FULL: a committed intent to buy a report survives a power cut. The busy timeout covers other processes' writers.
SQLITE_SETTINGS = {
    "journal_mode": "WAL",
    "synchronous": "FULL",
    "foreign_keys": "ON",
    "busy_timeout": "30000",
}

# Connections of a pool. No extra connection is opened for a single use: connecting takes longer than most
# units of work, so a burst would grow. If all are in use, the caller waits for one.
CONNECTIONS = {"pool_size": 20, "max_overflow": 0}
READ_CONNECTIONS = {"pool_size": 10, "max_overflow": 0}


def create_engine(url: str) -> AsyncEngine:
    """An engine whose transactions begin as this module says; nothing is connected yet."""
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_async_engine(url, json_serializer=_json, **CONNECTIONS)
        event.listen(engine.sync_engine, "connect", _configure_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine
    return create_async_engine(
        url,
        json_serializer=_json,
        isolation_level="READ COMMITTED",
        **CONNECTIONS,
        # A restart of the server costs no request: a stale connection is replaced when it is taken from the pool.
        pool_pre_ping=True,
        connect_args={"server_settings": POSTGRES_SETTINGS, "timeout": 10},
    )


def create_read_engine(url: str) -> AsyncEngine | Engine:
    """An engine for single statements that only read; nothing is connected yet.

    On SQLite it is synchronous: reading a row takes a fraction of the time that switching to another thread takes, and
    in WAL mode readers do not wait for writers.
    """
    if make_url(url).get_backend_name() == "sqlite":
        here = make_url(url).set(drivername="sqlite+pysqlite")
        engine = sqlalchemy.create_engine(here, isolation_level="AUTOCOMMIT", **READ_CONNECTIONS)
        event.listen(engine, "connect", _configure_sqlite_to_read)
        return engine
    settings = {**POSTGRES_SETTINGS, "default_transaction_read_only": "on"}
    return create_async_engine(
        url,
        isolation_level="AUTOCOMMIT",
        **READ_CONNECTIONS,
        # Nothing to roll back.
        pool_reset_on_return=None,
        connect_args={"server_settings": settings, "timeout": 10},
    )


def _json(value: object) -> str:
    """JSON for a column. NaN becomes null, so that the row can be stored."""
    return to_json(value, inf_nan_mode="null").decode()


def _configure_sqlite(connection: Any, _record: object) -> None:
    # The driver must not begin transactions by its own rules: `_begin_sqlite` does.
    connection.isolation_level = None
    cursor = connection.cursor()
    for name, value in SQLITE_SETTINGS.items():
        cursor.execute(f"PRAGMA {name} = {value}")
    cursor.close()


def _configure_sqlite_to_read(connection: Any, record: object) -> None:
    _configure_sqlite(connection, record)
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('sqlite_begin', 'DEFERRED')}")
