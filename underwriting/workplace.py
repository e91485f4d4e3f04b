"""What the reviews of one process share: the store, the clients, the screening index, the rulebooks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Self
from weakref import WeakKeyDictionary

from underwriting.bookshelf import Bookshelf
from underwriting.clients.callbacks import Callbacks
from underwriting.clients.results import Results
from underwriting.clients.sources import Sources
from underwriting.edges.aws import Aws
from underwriting.edges.outlets import Outlets
from underwriting.edges.tracing import traced
from underwriting.embedded import resolve_database_url
from underwriting.flags import Flags
from underwriting.screening import Screener
from underwriting.settings import Settings, settings
from underwriting.store.keyfile import keyring
from underwriting.store.session import Store


@dataclass(frozen=True)
class Workplace:
    """Connections are pooled here and indexes kept, so that a warm worker pays for them once."""

    config: Settings
    store: Store
    sources: Sources
    results: Results
    screener: Screener
    bookshelf: Bookshelf
    flags: Flags
    callbacks: Callbacks
    outlets: Outlets

    @classmethod
    async def set_up(cls, config: Settings, stack: AsyncExitStack) -> Self:
        """Open everything on `stack`; StoreUnreachable or NotMigrated where the store cannot be used."""
        store = await stack.enter_async_context(Store.open(resolve_database_url(config), keyring(config)))
        sources = await stack.enter_async_context(Sources(config))
        if traced(config, "underwriting-worker"):
            sources.trace()
        return cls(
            config,
            store,
            sources,
            await stack.enter_async_context(Results(config)),
            Screener(store),
            Bookshelf(store, config),
            Flags.of(config),
            await stack.enter_async_context(Callbacks(config)),
            Outlets.of(config, await stack.enter_async_context(Aws.of(config))),
        )


@dataclass
class _Shared:
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    place: Workplace | None = None


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = WeakKeyDictionary()


@asynccontextmanager
async def workplace() -> AsyncIterator[Workplace]:
    """This event loop's workplace: the first who enters opens it, the last who leaves closes it.

    The warm worker stays inside for as long as it lives; a flow in a process of its own is first and last at once.
    """
    shared = _shared.setdefault(asyncio.get_running_loop(), _Shared())
    async with shared.turn:
        if shared.place is None:
            shared.place = await Workplace.set_up(settings(), shared.stack)
        shared.users += 1
        place = shared.place
    try:
        yield place
    finally:
        async with shared.turn:
            shared.users -= 1
            if shared.users == 0:
                shared.place = None
                await shared.stack.aclose()
