"""Opening the store for one command."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from underwriting.cli.errors import refusing
from underwriting.embedded import EmbeddedError, resolve_database_url
from underwriting.settings import settings
from underwriting.store.errors import StoreError
from underwriting.store.keyfile import keyring
from underwriting.store.session import Store

T = TypeVar("T")


def with_store(work: Callable[[Store], Awaitable[T]]) -> T:
    """Run `work` on the store of the settings; what a user can do something about ends the command with exit code 2."""

    async def opened() -> T:
        config = settings()
        async with Store.open(resolve_database_url(config), keyring(config)) as store:
            return await work(store)

    with refusing(StoreError, EmbeddedError, ValueError):
        return asyncio.run(opened())
