"""The description of the API is true: whatever it allows is answered as it says, and so is whatever it does not."""

import asyncio
import contextvars
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from joserfc.jwk import ECKey, KeySet
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from support.databases import run, sqlite_database

from rules.eligibility.book import shipped_eligibility_books
from rules.rulebook import shipped_rulebooks
from underwriting.api import examples
from underwriting.api.app import create_app
from underwriting.api.errors import ErrorBody
from underwriting.api.profiles import ProfileRecord
from underwriting.embedded import free_port
from underwriting.settings import Settings
from underwriting.store import rulebooks
from underwriting.store.evaluations import EvaluationRecord
from underwriting.store.keyfile import keyring
from underwriting.store.models import RulebookKind
from underwriting.store.record import Record
from underwriting.store.session import Store

DESCRIPTION: dict[str, Any] = create_app(Settings()).openapi()
OPERATIONS: list[APIOperation] = [
    found.ok() for found in schemathesis.openapi.from_dict(DESCRIPTION).get_all_operations()
]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SCOPES = (
    "applications:write applications:read referrals:decide events:write"
    " eligibility:check eligibility:read profiles:read profiles:write"
)
EXAMPLES = 12


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


def attack(operation: APIOperation, address: str, token: str, mode: GenerationMode) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def attacked(case: Case) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        case.call_and_validate(base_url=address, headers=headers, checks=CHECKS)

    attacked()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_what_the_description_allows_is_answered_as_it_says(operation, address, token):
    attack(operation, address, token(scope=SCOPES), GenerationMode.POSITIVE)


@pytest.mark.parametrize(
    "operation", [each for each in OPERATIONS if each.path != "/health"], ids=lambda operation: operation.label
)
def test_what_it_does_not_allow_is_answered_as_it_says_too(operation, address, token):
    attack(operation, address, token(scope=SCOPES), GenerationMode.NEGATIVE)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_every_answer_has_an_example_and_every_error_the_one_shape(operation):
    described = DESCRIPTION["paths"][operation.path][operation.method]
    for status, answer in described["responses"].items():
        assert answer["description"], status
        if status in {"204", "304"}:
            assert "content" not in answer
            continue
        content = answer["content"]["application/json"]
        assert content["example"], status
        if int(status) >= 400:
            assert content["schema"] == {"$ref": "#/components/schemas/ErrorBody"}
            assert ErrorBody.model_validate(content["example"]).status_code == int(status)
    for parameter in described.get("parameters", []):
        assert parameter.get("description") or parameter["schema"], parameter["name"]


@pytest.mark.parametrize(
    ("model", "example"),
    [
        (EvaluationRecord, examples.EVALUATION),
        (EvaluationRecord, examples.PENDING_EVALUATION),
        (ProfileRecord, examples.PROFILE),
        (Record, examples.APPLICATION),
        (Record, examples.PENDING_APPLICATION),
    ],
)
def test_examples_are_what_the_api_answers(model, example):
    told = json.loads(model.model_validate(example).model_dump_json())
    assert {name: told[name] for name in example} == example
