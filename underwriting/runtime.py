"""What the flows of one process share: the store, the clients, the screening index, the rulebooks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Self
from weakref import WeakKeyDictionary

from underwriting.integrations.aws import Aws
from underwriting.integrations.callbacks import Callbacks
from underwriting.integrations.flags import Flags
from underwriting.integrations.outlets import Outlets
from underwriting.integrations.results import Results
from underwriting.integrations.tracing import traced
from underwriting.lender import open_store
from underwriting.process.health import answering
from underwriting.rulebook_cache import RulebookCache
from underwriting.screening import Screener
from underwriting.settings import Settings, settings
from underwriting.sources.sources import Sources
from underwriting.store.errors import StoreUnreachable
from underwriting.store.session import Store


@dataclass(frozen=True)
class Runtime:
    """Connections and indexes are kept, so that a warm worker opens them once."""

    config: Settings
    store: Store
    sources: Sources
    results: Results
    screener: Screener
    rulebook_cache: RulebookCache
    flags: Flags
    callbacks: Callbacks
    outlets: Outlets

    @classmethod
    async def set_up(cls, config: Settings, stack: AsyncExitStack) -> Self:
        """Open everything on `stack`; StoreUnreachable or NotMigrated if the store cannot be used."""
        store = await stack.enter_async_context(open_store(config))
        sources = await stack.enter_async_context(Sources(config))
        if traced(config, "underwriting-worker"):
            sources.trace()
        return cls(
            config,
            store,
            sources,
            await stack.enter_async_context(Results(config)),
            Screener(store),
            RulebookCache(store, config),
            Flags.of(config),
            await stack.enter_async_context(Callbacks(config)),
            Outlets.of(config, await stack.enter_async_context(Aws.of(config))),
        )


@dataclass
class _Shared:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    runtime: Runtime | None = None


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = WeakKeyDictionary()


@asynccontextmanager
async def open_runtime(config: Settings | None = None) -> AsyncIterator[Runtime]:
    """This event loop's runtime: the first to enter opens it, the last to leave closes it.

    The warm worker stays inside as long as it lives; a flow in its own process opens and closes it.
    """
    shared = _shared.setdefault(asyncio.get_running_loop(), _Shared())
    async with shared.lock:
        if shared.runtime is None:
            shared.runtime = await Runtime.set_up(config or settings(), shared.stack)
        shared.users += 1
        runtime = shared.runtime
    try:
        yield runtime
    finally:
        async with shared.lock:
            shared.users -= 1
            if shared.users == 0:
                shared.runtime = None
                await shared.stack.aclose()


async def check_runtime() -> None:
    """NotReady if this event loop's runtime has a store that does not answer."""
    shared = _shared.get(asyncio.get_running_loop())
    if shared is not None and shared.runtime is not None:
        await answering(shared.runtime.store.check(), StoreUnreachable)
