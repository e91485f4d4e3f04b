"""`underwriting housekeeping`: what has to be done every few seconds."""

import asyncio

from underwriting.cli.errors import refusing
from underwriting.cli.store import store_settings
from underwriting.dispatch import NoPrefect, require_prefect
from underwriting.housekeeping import keep_house
from underwriting.process.logs import write_logs
from underwriting.process.signals import ending_on_signals
from underwriting.store.errors import StoreError


def housekeeping() -> None:
    """Start again what no worker works on, deliver messages and handle events, until Ctrl-C or SIGTERM."""

    async def run() -> None:
        with ending_on_signals():
            await keep_house(store_settings())

    write_logs()
    with refusing(NoPrefect, StoreError):
        require_prefect()
        asyncio.run(run())
