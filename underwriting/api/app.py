"""The API as an ASGI application: `uvicorn --factory underwriting.api.app:create_app`."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from prefect import get_client

from underwriting.api import applications, eligibility, errors, events, matches, notices, profiles
from underwriting.api.access import AccessLog
from underwriting.api.auth import Verifier
from underwriting.api.context import ApiContext, problem
from underwriting.api.documented import answer, complete, refusals
from underwriting.api.errors import ApiError
from underwriting.api.keys import PublicKeys
from underwriting.api.quota import Quota
from underwriting.api.request_limits import RequestLimits
from underwriting.decision_basis import RuleDrift
from underwriting.dispatch import NoPrefect, require_prefect
from underwriting.integrations.tracing import trace_api, traced
from underwriting.lender import open_store
from underwriting.notices.errors import NoticeImpossible
from underwriting.process.health import ANSWER_SECONDS, Health, answering, answering_health
from underwriting.process.logs import write_logs
from underwriting.rulebook_cache import NotLent, RulebookCache
from underwriting.settings import Settings, SettingsRefused, settings
from underwriting.sources.sources import Sources
from underwriting.store.errors import (
    KeyReused,
    NoOpenMatch,
    NotDecided,
    NotFound,
    NotReferred,
    NotWaiting,
    StoreError,
    StoreUnreachable,
    Undecipherable,
    VersionConflict,
)
from underwriting.store.session import Store

log = logging.getLogger(__name__)

DESCRIPTION = """
May this applicant have a loan? Send an application, get **202** and a `Location`, and read the decision there, or
receive it signed at your results endpoint. What may this user take now? Ask for the **eligibility**: a fresh evaluation
answers at once, and otherwise it is 202 and a `Location`, or a signed callback.

Amounts are decimal strings in major units. Every error has the same shape. A request has to arrive within ten seconds
(otherwise **408**), with a body of at most 256 KiB (**413**) and headers of at most 32 KiB (**431**).

To try the calls here, press **Authorize** and paste a token of your tenant; with `underwriting up` on your machine,
`underwriting token` prints one.
"""


# The page opens with the operations; the list of schemas, which is as long, is folded.
PAGE = {"defaultModelsExpandDepth": 0}


def create_app(config: Settings | None = None) -> FastAPI:
    """The API over the store and the Prefect server of `config`; by default, of the process's settings."""
    if config is None:
        write_logs()
        try:
            config = settings()
            require_prefect()
        except (SettingsRefused, NoPrefect) as error:
            # Of a server that starts: one sentence instead of a traceback.
            sys.exit(f"underwriting: {error}")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            try:
                app.state.verifier = Verifier(PublicKeys(config), config.token_issuer, config.token_audience)
                store = await stack.enter_async_context(open_store(config))
                app.state.quota = Quota(config.api_quota, store)
                stack.enter_context(answering_health(config, Health.of_this_loop(partial(_store_answers, store))))
            except (StoreError, ValueError) as error:
                # The server shows a traceback, too.
                log.critical("the API does not start: %s", error)
                raise
            prefect = await stack.enter_async_context(get_client())
            sources = await stack.enter_async_context(Sources(config))
            app.state.context = ApiContext(config, store, RulebookCache(store, config), prefect, sources)
            log.info("the API is ready; it dispatches to Prefect at %s", prefect.api_url)
            yield
        log.info("the API has ended")

    app = FastAPIOffline(
        title="Underwriting",
        version="1",
        description=DESCRIPTION,
        lifespan=lifespan,
        # One page is enough, and this one would load a logo from the internet.
        redoc_url=None,
        swagger_ui_parameters=PAGE,
    )
    if traced(config, "underwriting-api"):
        trace_api(app)
    for part in (applications, eligibility, profiles, notices, matches, events):
        app.include_router(part.router)
    app.add_middleware(RequestLimits)
    app.add_middleware(AccessLog)
    errors.install(app)
    _install_store_errors(app)
    described = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            complete(described())
        return described()

    # As FastAPI's documentation has it.
    app.openapi = openapi  # type: ignore[method-assign]

    @app.get(
        "/health",
        tags=["health"],
        responses=answer(200, "It can", {"status": "ok"}) | refusals(422, 503, always=()),
        summary="Whether the API can accept applications",
    )
    async def health(request: Request) -> dict[str, str]:
        """200 while the store answers; applications are accepted also while Prefect is away."""
        errors.check_query(request)
        context: ApiContext = request.app.state.context
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await context.store.check()
        except TimeoutError:
            raise StoreUnreachable(f"the database did not answer within {ANSWER_SECONDS:.0f} s") from None
        return {"status": "ok"}

    @app.get(
        "/health/live",
        tags=["health"],
        responses=answer(200, "It does", {"status": "ok"}) | refusals(422, always=()),
        summary="Whether the API's process goes on",
    )
    async def live(request: Request) -> dict[str, str]:
        """200 whatever becomes of the store: starting the API again would not bring it back."""
        errors.check_query(request)
        return {"status": "ok"}

    return app


async def _store_answers(store: Store) -> None:
    await answering(store.check(), StoreUnreachable)


def _install_store_errors(app: FastAPI) -> None:
    """Map the errors of the store to HTTP statuses."""
    answers: dict[type[Exception], tuple[HTTPStatus, str]] = {
        NotFound: (HTTPStatus.NOT_FOUND, "NOT_FOUND"),
        KeyReused: (HTTPStatus.UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED"),
        NotReferred: (HTTPStatus.CONFLICT, "NOT_REFERRED"),
        NotWaiting: (HTTPStatus.CONFLICT, "NOT_WAITING"),
        NotDecided: (HTTPStatus.CONFLICT, "NOT_JUDGED"),
        RuleDrift: (HTTPStatus.CONFLICT, "RULE_DRIFT"),
        NoOpenMatch: (HTTPStatus.CONFLICT, "NO_OPEN_MATCH"),
        VersionConflict: (HTTPStatus.PRECONDITION_FAILED, "VERSION_CONFLICT"),
        NoticeImpossible: (HTTPStatus.CONFLICT, "NOTICE_IMPOSSIBLE"),
        Undecipherable: (HTTPStatus.SERVICE_UNAVAILABLE, "KEY_MISSING"),
        StoreUnreachable: (HTTPStatus.SERVICE_UNAVAILABLE, "STORE_UNREACHABLE"),
    }
    for kind, (status, error_code) in answers.items():

        async def refused(
            _request: Request, error: Exception, status: HTTPStatus = status, error_code: str = error_code
        ) -> JSONResponse:
            return errors.answer(ApiError(status, error_code, str(error)))

        app.add_exception_handler(kind, refused)

    @app.exception_handler(NotLent)
    async def not_lent(_request: Request, error: NotLent) -> JSONResponse:
        return errors.answer(problem(f"body.{error.field}", str(error)))
