"""What the description of the API (OpenAPI) has about answers: every status with its body, its headers, an example."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query

from underwriting.api.errors import ErrorBody
from underwriting.api.examples import ERRORS

Responses = dict[int | str, dict[str, Any]]

JSON = "application/json"
# Errors of every route with a token, and of every route that stores or reads.
ALWAYS = (401, 403, 422, 429, 503)
# Of routes with pages.
AFTER = "`next` of the page before; left out, the first page"
PageSize = Annotated[int, Query(ge=1, le=200, description="How many a page has at most")]


def _header(description: str, example: str, *, always: bool = True) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string", "examples": [example]}, "required": always}


ETAG = {"ETag": _header("Of this very answer; send it as If-None-Match", '"6f1c0fd1a3b5e2c4d7980a1b2c3d4e5f"')}
VERSION_ETAG = {"ETag": _header("The version; send it as If-None-Match, or as If-Match where you write", '"3"')}
POLL = {
    "Location": _header("Where to look again", "/v1/ada/underwriting/evaluations/evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC"),
    "Retry-After": _header("Seconds after which to look again", "1"),
}
REPLAYED = {"Idempotent-Replayed": _header("`true` where this key was used before", "true", always=False)}
_OF_ERRORS = {
    401: {"WWW-Authenticate": _header("The challenge that HTTP asks for", "Bearer")},
    429: {"Retry-After": _header("Seconds until the next call is served", "1")},
}


def refusals(*statuses: int, always: tuple[int, ...] = ALWAYS) -> Responses:
    """The errors of a route: those that all have, and `statuses` of its own."""
    return {status: _refusal(status) for status in sorted({*statuses, *always})}


def _refusal(status: int) -> dict[str, Any]:
    error_code, message = ERRORS[status]
    example = ErrorBody(
        code=HTTPStatus(status).name, message=message, status_code=status, error_code=error_code, problems=[]
    )
    described: dict[str, Any] = {
        "model": ErrorBody,
        "description": HTTPStatus(status).phrase,
        "content": {JSON: {"example": example.model_dump()}},
    }
    return described | ({"headers": _OF_ERRORS[status]} if status in _OF_ERRORS else {})


def answer(
    status: int,
    description: str,
    example: object = None,
    *,
    model: Any = None,
    headers: dict[str, Any] | None = None,
) -> Responses:
    """One status that is no error; without an example or a model it has no body."""
    described: dict[str, Any] = {"description": description}
    if example is not None:
        described["content"] = {JSON: {"example": example}}
    if model is not None:
        described["model"] = model
    if headers:
        described["headers"] = headers
    return {status: described}
