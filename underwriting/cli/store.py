"""Opening the store for one command."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from underwriting.cli.errors import refusing
from underwriting.lender import open_store
from underwriting.settings import Settings, settings
from underwriting.store.errors import StoreError, StoreUnreachable
from underwriting.store.session import Store, Work

T = TypeVar("T")


def store_settings() -> Settings:
    """The settings, with the database of `underwriting up` if they name none; an error if that does not run."""
    with refusing(StoreUnreachable):
        return with_database(settings())


def with_database(config: Settings) -> Settings:
    """The settings with the database of `underwriting up` if they name none; StoreUnreachable if that does not run."""
    if config.database_url:
        return config
    # Only here: production names its database, and does not have the embedded services.
    from underwriting.local import EmbeddedError, resolve_database_url  # noqa: PLC0415

    try:
        return config.model_copy(update={"database_url": resolve_database_url(config)})
    except EmbeddedError as error:
        raise StoreUnreachable(str(error)) from None


def with_store(work: Callable[[Store], Awaitable[T]]) -> T:
    """Run `work` on the store of the settings; an error that the user can do something about exits with code 2."""

    async def opened() -> T:
        config = store_settings()
        async with open_store(config) as store:
            return await work(store)

    with refusing(StoreError, ValueError):
        return asyncio.run(opened())


def read_store(query: Callable[[Work], Awaitable[T]]) -> T:
    """The result of `query`, from one snapshot of the store; errors as in `with_store`."""

    async def read(store: Store) -> T:
        async with store.read() as work:
            return await query(work)

    return with_store(read)


def write_store(change: Callable[[Work], Awaitable[T]]) -> T:
    """The result of `change`, committed in one transaction; errors as in `with_store`."""

    async def write(store: Store) -> T:
        async with store.begin() as work:
            return await change(work)

    return with_store(write)
