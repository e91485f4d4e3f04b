"""What the description of the API (OpenAPI) has about answers: every status with its body, its headers, an example."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query

from underwriting.api.errors import ErrorBody, Problem, refusal, request_schema, unknown_id
from underwriting.api.examples import CONFLICTS, ERRORS, IDS, UNREADABLE
from underwriting.domain.wording import no_such_member, wanted
from underwriting.store.errors import UnknownRulebook

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


def complete(description: dict[str, Any]) -> None:
    """Give each parameter of a description its explanation, and each error of a route an example of that very route."""
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                schema = parameter["schema"]
                told = (each.get("description") for each in (schema, *schema.get("anyOf", ())))
                parameter.setdefault("description", next(filter(None, told), ""))
            for status, example in _examples(description, method.upper(), path).items():
                if status in operation["responses"]:
                    operation["responses"][status]["content"][JSON]["example"] |= example


def _examples(description: dict[str, Any], method: str, path: str) -> dict[str, dict[str, Any]]:
    """What is of its own in the examples of a route's errors, by status."""
    operation = description["paths"][path][method.lower()]
    parameters = operation.get("parameters", ())
    ids = {each["name"]: IDS[each["name"]] for each in parameters if each["in"] == "path"}
    scopes = [scope for scheme in operation.get("security", ()) for named in scheme.values() for scope in named]
    found: dict[str, dict[str, Any]] = {"422": _unprocessable(description, method, path)}
    if scopes:
        found["403"] = {"message": f"The token lacks the scope {scopes[0]}."}
    found["404"] = {"message": unknown_id(method, path, ids) if ids else str(UnknownRulebook("prescreening", None))}
    if (last := path.rpartition("/")[2]) in CONFLICTS:
        error_code, message = CONFLICTS[last]
        found["409"] = {"error_code": error_code, "message": message}
    if not any(each["name"] == "idempotency-key" for each in parameters):
        error_code, message = UNREADABLE
        found["400"] = {"error_code": error_code, "message": message}
    return found


def _unprocessable(description: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    """A request without the first member of its body, or with an impossible first member of its query."""
    schema = request_schema(description, method, path)
    parts = schema["properties"]
    if "body" in parts:
        body = parts["body"]["$ref"].rpartition("/")[2]
        missing = description["components"]["schemas"][body]["required"][0]
        place, sentence = ("body", missing), f"is missing; write {wanted(schema, ('body', missing), in_json=True)}"
    elif "query" in parts:
        member = next(iter(parts["query"]["properties"]))
        place, sentence = ("query", member), f"is not possible here; write {wanted(schema, ('query', member))}"
    else:
        place, sentence = ("query", "limit"), no_such_member([])
    return refusal([Problem(place=".".join(place), message=sentence)]).body.model_dump()
