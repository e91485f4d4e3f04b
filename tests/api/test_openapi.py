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
        assert parameter["description"], parameter["name"]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_examples_of_errors_are_of_the_route_itself(operation):
    described = DESCRIPTION["paths"][operation.path][operation.method]
    told = {
        status: answer["content"]["application/json"]["example"]
        for status, answer in described["responses"].items()
        if int(status) >= 400
    }
    if "403" in told:
        ((scope,),) = (each["HTTPBearer"] for each in described["security"])
        assert scope in told["403"]["message"]
    if "404" in told:
        prefix = {"application_id": "app_", "evaluation_id": "evl_", "subject_id": "app_", "user_id": "ada"}
        names = [each["name"] for each in described.get("parameters", ()) if each["in"] == "path"]
        assert (prefix[names[-1]] if names else "rulebook prescreening is not published") in told["404"]["message"]
    if "409" in told:
        last = operation.path.rpartition("/")[2]
        code = {"decision": "NOT_REFERRED", "answer": "NOT_WAITING", "clear": "NO_OPEN_MATCH"}
        assert told["409"]["error_code"] == code.get(last, "NOTICE_IMPOSSIBLE")
    if "400" in told:
        keyed = any(each["name"] == "idempotency-key" for each in described.get("parameters", ()))
        assert (told["400"]["error_code"] == "IDEMPOTENCY_KEY_MISSING") is keyed
    ((problem),) = told["422"]["problems"]
    part, _, member = problem["place"].partition(".")
    assert part == ("body" if "requestBody" in described else "query")
    names = [each["name"] for each in described.get("parameters", ()) if each["in"] == "query"]
    assert part == "body" or member in (names or ["limit"])


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
