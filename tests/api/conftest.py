"""The API over a store on PostgreSQL, with an issuer of tokens; no Prefect answers unless a test brings one."""

import asyncio
import contextvars
import json
import re
import shutil
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
from support.databases import fill_template, run, sqlite_database, sqlite_url
from support.eligibility_api import in_force
from support.published import publish_shipped

from underwriting.api.app import create_app
from underwriting.domain.application import Product
from underwriting.local import free_port
from underwriting.settings import Settings
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
KEYRING = Keyring({"k1": b"abcdefghijklmnopqrstuvwxyzabcdef"}, "k1")
FAR_FUTURE = 4_102_444_800


@pytest.fixture
def database_kind() -> str:
    """The API has no SQL of its own: tests of the store run it on both, and test_openapi.py every route on SQLite."""
    return "postgresql"


@pytest.fixture(scope="session")
def migrated_sqlite(migrated_sqlite: Path) -> Path:
    """With the shipped rulebooks for applications published."""
    published = Path(shutil.copy(migrated_sqlite, migrated_sqlite.with_name("published.db")))
    run(_publish_for_applications(sqlite_url(published)))
    return published


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """The same."""
    return fill_template(postgres_url, "for_api", _publish_for_applications)


async def _publish_for_applications(url: str) -> None:
    async with Store.open(url, KEYRING) as store:
        await publish_shipped(store, RulebookKind.REVIEW)


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


@pytest.fixture(scope="session")
def settings_on(issuer: ECKey, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Path], Settings]:
    """Settings of an API on a database, with a folder for its files."""
    jwks = tmp_path_factory.mktemp("issuer") / "jwks.json"
    jwks.write_text(json.dumps(KeySet([issuer]).as_dict(private=False)))
    partner = {
        "results_url": "http://127.0.0.1:9/results",
        "signing_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "callback_hosts": ["hooks.partner.example"],
    }
    same = {
        "jwks_file": jwks,
        "encryption_keys": {"k1": "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY="},
        "encryption_key_id": "k1",
        "partners": {"acme": partner},
    }
    return lambda url, folder: Settings.model_validate({"state_dir": folder, "database_url": url, **same})


@pytest.fixture
def config(settings_on: Callable[[str, Path], Settings], database_url: str, tmp_path: Path) -> Settings:
    return settings_on(database_url, tmp_path)


@pytest.fixture
async def api_store(database_url: str) -> AsyncIterator[Store]:
    """The API's store, with the shipped rulebooks for applications published."""
    async with Store.open(database_url, KEYRING) as store:
        yield store


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def address(
    tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path, issuer: ECKey, no_prefect: None
) -> Iterator[str]:
    """The API over real HTTP, on a store of its own with all books published."""
    folder = tmp_path_factory.mktemp("openapi")
    jwks = folder / "jwks.json"
    jwks.write_text(json.dumps(KeySet([issuer]).as_dict(private=False)))
    url, port = sqlite_database(folder, migrated_sqlite), free_port()
    config = Settings(state_dir=folder, database_url=url, jwks_file=jwks)
    run(_publish_for_users(config))
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


async def _publish_for_users(config: Settings) -> None:
    async with Store.open(config.database_url, keyring(config)) as store:
        await publish_shipped(store, RulebookKind.ELIGIBILITY)


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
    """All shipped books are published; the digest of those for floats."""
    await publish_shipped(api_store, RulebookKind.ELIGIBILITY)
    return await in_force(api_store, Product.FLOAT)
