"""What the API's routes work with."""

import logging
from dataclasses import dataclass

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import PrefectException

from underwriting.bookshelf import Bookshelf
from underwriting.dispatch import dispatch_review
from underwriting.domain.application import Application
from underwriting.settings import Settings
from underwriting.store import claims
from underwriting.store.session import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Office:
    """The store, the published rulebooks, and Prefect."""

    config: Settings
    store: Store
    bookshelf: Bookshelf
    prefect: PrefectClient

    async def dispatch(self, application: Application) -> None:
        """Hand a new application to Prefect. Where Prefect cannot take it, it stays owed and the sweeper does."""
        try:
            run = await dispatch_review(self.prefect, application.id, application.request_key, 1)
        except (httpx.HTTPError, PrefectException) as error:
            log.warning("%s is not dispatched yet: %s", application.id, error)
            return
        async with self.store.begin() as work:
            await claims.dispatched(work, application.id, 1, str(run.id))
