"""One shape for every error: `code`, `message`, `status_code`, `error_code`, and the places where there are several."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from itertools import islice
from typing import Any

from fastapi import FastAPI, Request
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from underwriting.api.access import HEADER
from underwriting.domain.wording import Schema, problems
from underwriting.store import errors as store_errors

# Of HTTP, in the words that were published: Python 3.13 has other names for these.
_CODES = {
    HTTPStatus.UNPROCESSABLE_ENTITY: "UNPROCESSABLE_ENTITY",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "REQUEST_ENTITY_TOO_LARGE",
}
# What an answer repeats of a request: so many of its parts, by so many characters of their names.
MOST_PROBLEMS, LONGEST_PLACE = 20, 100
# How an id in a path that nobody can have is answered: as one that nobody has. By the last id of the path, and where
# that is a user's, by method and last part of the path.
_UNKNOWN: dict[str, type[store_errors.NotFound]] = {
    "application_id": store_errors.UnknownApplication,
    "evaluation_id": store_errors.UnknownEvaluation,
    "subject_id": store_errors.NoNotice,
    "GET history": store_errors.NeverEvaluated,
    "GET float_profile": store_errors.UnknownProfile,
    "GET versions": store_errors.UnknownProfile,
    "DELETE temporary": store_errors.UnknownProfile,
    "POST clear": store_errors.NeverMatched,
}
BODY_UNREADABLE = "The body cannot be read; send JSON in UTF-8."
KEY = ("header", "idempotency-key")
KEY_MISSING = "Send a header Idempotency-Key with a key of your own, one for each request."


class Problem(BaseModel):
    """One thing that is wrong with a request, and where."""

    place: str = Field(examples=["body.amount"])
    message: str = Field(examples=["must be more than zero"])


class ErrorBody(BaseModel):
    """The body of every answer of 400 or more."""

    code: str = Field(description="The kind of error, as HTTP names it", examples=["UNPROCESSABLE_ENTITY"])
    message: str = Field(description="What is wrong, and what to do")
    status_code: int = Field(examples=[422])
    error_code: str = Field(description="Stable name of this very error", examples=["INVALID_REQUEST"])
    problems: list[Problem] = []


class ApiError(Exception):
    """An answer that is not a success, raised from anywhere below a route."""

    def __init__(
        self,
        status: HTTPStatus,
        error_code: str,
        message: str,
        *,
        problems: list[Problem] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.body = ErrorBody(
            code=_CODES.get(status, status.name),
            message=message,
            status_code=status.value,
            error_code=error_code,
            problems=problems or [],
        )
        self.headers = headers


def answer(error: ApiError) -> JSONResponse:
    """The HTTP answer of an error."""
    return JSONResponse(error.body.model_dump(), error.body.status_code, headers=error.headers)


def install(app: FastAPI) -> None:
    """Give `app` this shape for its own errors, for FastAPI's, and for unexpected ones."""

    @app.exception_handler(ApiError)
    async def known(_request: Request, error: ApiError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        found = error.errors()
        if all(each["loc"][0] == "path" for each in found):
            return answer(ApiError(HTTPStatus.NOT_FOUND, "NOT_FOUND", _unknown(request)))
        no_key = [each for each in found if each["loc"] == KEY and each["type"] == "missing"]
        others = [each for each in found if each["loc"][0] != "path" and each not in no_key]
        sent = error.body if isinstance(error.body, str) else ""
        worded = problems(others, _schema_of(request), sent)
        refused = refusal(Problem(place=".".join(map(str, at)), message=sentence) for at, sentence in worded)
        if no_key:
            message = " ".join(filter(None, (KEY_MISSING, refused.body.message)))
            wrong = refused.body.problems
            refused = ApiError(HTTPStatus.BAD_REQUEST, "IDEMPOTENCY_KEY_MISSING", message, problems=wrong)
        return answer(refused)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        status, headers = HTTPStatus(error.status_code), dict(error.headers or {})
        match status:
            case HTTPStatus.NOT_FOUND:
                message = "There is nothing at this address; /docs lists all that there is."
            case HTTPStatus.METHOD_NOT_ALLOWED:
                message = f"{request.method} is not possible here; this address takes {headers.get('Allow')}."
            case HTTPStatus.BAD_REQUEST:
                message = BODY_UNREADABLE
            case _:
                message = str(error.detail)
        return answer(ApiError(status, status.name, message, headers=headers))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, _error: Exception) -> JSONResponse:
        message = "Something went wrong on our side; nothing was stored by this request. Try again."
        # The access log does not see this answer.
        headers = {HEADER: request.state.request_id}
        return answer(ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL", message, headers=headers))


def refusal(found: Iterable[Problem]) -> ApiError:
    """422, with the first parts of the request that are wrong; the message names three of them."""
    listed = [each.model_copy(update={"place": each.place[:LONGEST_PLACE]}) for each in islice(found, MOST_PROBLEMS)]
    message = "; ".join(f"{problem.place}: {problem.message}" for problem in listed[:3])
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "INVALID_REQUEST", message, problems=listed)


def check_query(request: Request) -> None:
    """RequestValidationError where the query has members that the route does not know: ignored, they would mislead.

    It has what is wrong with the known ones, too, of which FastAPI would speak only later.
    """
    if not request.query_params:
        return
    known = request.scope["route"].dependant.query_params
    names = {field.alias for field in known}
    if unknown := [name for name in request.query_params if name not in names]:
        _, wrong = request_params_to_args(known, request.query_params)
        raise RequestValidationError(
            [*wrong, *({"type": "extra_forbidden", "loc": ("query", name), "input": ""} for name in unknown)]
        )


def _schema_of(request: Request) -> Schema:
    return request_schema(request.app.openapi(), request.method, request.scope["route"].path_format)


def request_schema(description: Schema, method: str, path: str) -> Schema:
    """All parts of a request to a route as one schema, from the API's description."""
    operation = description["paths"][path][method.lower()]
    parts: dict[str, dict[str, Any]] = {}
    for each in operation.get("parameters", ()):
        schema = each["schema"] | ({"description": each["description"]} if "description" in each else {})
        parts.setdefault(each["in"], {})[each["name"]] = schema
    properties: dict[str, Any] = {part: {"properties": members} for part, members in parts.items()}
    if "requestBody" in operation:
        properties["body"] = operation["requestBody"]["content"]["application/json"]["schema"]
    return {"properties": properties, "components": description["components"]}


def _unknown(request: Request) -> str:
    """The message for an id in the path that nobody can have."""
    return unknown_id(request.method, request.scope["route"].path_format, request.path_params)


def unknown_id(method: str, path: str, ids: Mapping[str, str]) -> str:
    """The message for ids in the path of a route that nobody has."""
    *_, name = ids
    what = f"{method} {path.rpartition('/')[2]}"
    return str((_UNKNOWN.get(name) or _UNKNOWN.get(what, store_errors.UnknownUser))(ids[name]))
