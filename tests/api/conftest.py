"""The API over a store on PostgreSQL, with an issuer of tokens; no Prefect answers unless a test brings one."""

import asyncio
import contextvars
import json
import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from asgi_lifespan import LifespanManager
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from pytest_httpserver import HTTPServer
from support.databases import run, sqlite_database
from support.eligibility_api import in_force

from rules.eligibility.book import shipped_eligibility_books
from rules.prescreening.book import shipped_rulebooks
from underwriting.api.app import create_app
from underwriting.domain.application import Product
from underwriting.local import free_port
from underwriting.settings import Settings
from underwriting.store import rulebooks
from underwriting.store.crypto import Keyring
from underwriting.store.keyfile import keyring
from underwriting.store.models import RulebookKind
from underwriting.store.session import Store

Tokens = Callable[..., str]
Serving = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
SCOPES = (
    "applications:write applications:read referrals:decide"
    " eligibility:check eligibility:read profiles:read profiles:write"
)
FAR_FUTURE = 4_102_444_800


@pytest.fixture
def database_kind() -> str:
    """The API has no SQL of its own: tests of the store run it on both, and test_openapi.py every route on SQLite."""
    return "postgresql"


@pytest.fixture(scope="session")
def issuer() -> ECKey:
    return ECKey.generate_key("P-256", auto_kid=True)


@pytest.fixture(scope="session")
def token(issuer: ECKey) -> Tokens:
    """A token of tenant `acme` with every scope, but for what a test changes; `None` leaves a claim out."""

    def issued(key: ECKey = issuer, kid: str | None = None, **changes: Any) -> str:
        claims = {
            "iss": "underwriting",
            "aud": "underwriting-api",
            "sub": "ann",
            "exp": FAR_FUTURE,
            "tenant": "acme",
            "scope": SCOPES,
        } | changes
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": "ES256", "kid": kid or issuer.kid}, claims, key)

    return issued


@pytest.fixture
def config(database_url: str, tmp_path: Path, issuer: ECKey) -> Settings:
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps(KeySet([issuer]).as_dict(private=False)))
    partner = {
        "results_url": "http://127.0.0.1:9/results",
        "signing_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "callback_hosts": ["hooks.partner.example"],
    }
    return Settings.model_validate(
        {
            "state_dir": tmp_path,
            "database_url": database_url,
            "jwks_file": jwks,
            "encryption_keys": {"k1": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},
            "encryption_key_id": "k1",
            "partners": {"acme": partner},
        }
    )


@pytest.fixture
async def api_store(database_url: str) -> AsyncIterator[Store]:
    """The API's store, with the shipped rulebooks published."""
    async with Store.open(database_url, Keyring({"k1": b"01234567890123456789012345678901"}, "k1")) as store:
        async with store.begin() as work:
            for book in shipped_rulebooks().values():
                await rulebooks.publish(work, book.ref, book.product, book.text, "test")
        yield store


@pytest.fixture(scope="session")
def no_prefect() -> Iterator[None]:
    """At Prefect's address there is only somebody who cannot help: where nobody listened its client would wait."""
    with HTTPServer() as server:
        server.expect_request(re.compile(".*")).respond_with_data("down", 500)
        with temporary_settings({PREFECT_API_URL: server.url_for("/api"), PREFECT_CLIENT_MAX_RETRIES: 0}):
            yield


@pytest.fixture
def serving(no_prefect: None, api_store: Store) -> Serving:
    """Starts an API of these settings, and gives a client of it."""

    @asynccontextmanager
    async def served(config: Settings, **client: Any) -> AsyncIterator[httpx.AsyncClient]:
        async with LifespanManager(create_app(config)) as running:
            transport = httpx.ASGITransport(running.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://api", **client) as caller:
                yield caller

    return served


@pytest.fixture
async def api(serving: Serving, config: Settings, token: Tokens) -> AsyncIterator[httpx.AsyncClient]:
    """A client with tenant `acme`'s token."""
    async with serving(config, headers={"Authorization": f"Bearer {token()}"}) as client:
        yield client


@pytest.fixture(scope="session")
def address(
    tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path, issuer: ECKey, no_prefect: None
) -> Iterator[str]:
    """The API over real HTTP, on a store of its own with all books published."""
    folder = tmp_path_factory.mktemp("openapi")
    jwks = folder / "jwks.json"
    jwks.write_text(json.dumps(KeySet([issuer]).as_dict(private=False)))
    url, port = sqlite_database(folder, migrated_sqlite), free_port()
    config = Settings(state_dir=folder, database_url=url, jwks_file=jwks)
    run(_publish(config))
    server = uvicorn.Server(uvicorn.Config(create_app(config), port=port, log_level="error"))
    # Prefect's settings are a context variable, which a thread does not inherit.
    thread = threading.Thread(target=contextvars.copy_context().run, args=[server.run])
    thread.start()
    try:
        run(_until_up(f"http://127.0.0.1:{port}/health"))
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


async def _publish(config: Settings) -> None:
    async with Store.open(config.database_url, keyring(config)) as store, store.begin() as work:
        for book in (*shipped_rulebooks().values(), *shipped_eligibility_books().values()):
            await rulebooks.publish(work, book.ref, book.product, book.text, "test", RulebookKind(book.kind))


async def _until_up(url: str) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(60):
        while True:
            try:
                (await client.get(url)).raise_for_status()
            except httpx.TransportError:
                await asyncio.sleep(0.02)
            else:
                return


@pytest.fixture
async def books(api_store: Store) -> str:
    """The shipped books are published; the digest of those for floats."""
    async with api_store.begin() as work:
        for book in shipped_eligibility_books().values():
            await rulebooks.publish(work, book.ref, book.product, book.text, "test", RulebookKind.ELIGIBILITY)
    return await in_force(api_store, Product.FLOAT)
