"""The description of the API is true: whatever it allows is answered as it says, and so is whatever it does not."""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from underwriting.api import examples
from underwriting.api.app import create_app
from underwriting.api.errors import ErrorBody
from underwriting.api.matches import Listed
from underwriting.api.profiles import ProfileRecord
from underwriting.domain.notice import Owed
from underwriting.notices.notice import Notice
from underwriting.notices.service import Sending
from underwriting.settings import Settings
from underwriting.store.evaluations import EvaluationRecord
from underwriting.store.execution import ExecutionLog
from underwriting.store.record import Record

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
    " eligibility:check eligibility:read profiles:read profiles:write notices:read notices:write"
    " list_matches:read list_matches:write"
)
EXAMPLES = 12


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
    "operation",
    [each for each in OPERATIONS if not each.path.startswith("/health")],
    ids=lambda operation: operation.label,
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
        (Owed, examples.OWED),
        (Notice, examples.NOTICE),
        (Sending, examples.SENDING),
        (Listed, examples.LISTED),
        (ExecutionLog, examples.LOG),
    ],
)
def test_examples_are_what_the_api_answers(model, example):
    told = json.loads(model.model_validate(example).model_dump_json(exclude_none=model is ExecutionLog))
    assert {name: told[name] for name in example} == example
