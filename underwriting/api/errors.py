"""One shape for every error: `code`, `message`, `status_code`, `error_code`, and the places where there are several."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from underwriting.api.access import HEADER

# Pydantic lists the values that it expects in quotation marks, also those of an enum's members.
_QUOTED = re.compile("'([^']*)'")
KEY_MISSING = "Send a header Idempotency-Key with a key of your own, one for each request."


class Problem(BaseModel):
    """One thing that is wrong with a request, and where."""

    place: str = Field(examples=["body.amount"])
    message: str = Field(examples=["amount must be more than zero"])


class ErrorBody(BaseModel):
    """The body of every answer of 400 or more."""

    code: str = Field(description="The kind of error, as HTTP names it", examples=["UNPROCESSABLE_CONTENT"])
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
            code=status.name,
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
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        found = error.errors()
        if any(each["loc"] == ("header", "idempotency-key") and each["type"] == "missing" for each in found):
            return answer(ApiError(HTTPStatus.BAD_REQUEST, "IDEMPOTENCY_KEY_MISSING", KEY_MISSING))
        # The input itself is not echoed: it may be personal.
        problems = [
            Problem(place=".".join(str(part) for part in each["loc"]), message=_wording(each)) for each in found
        ]
        message = "; ".join(f"{problem.place}: {problem.message}" for problem in problems[:3])
        return answer(ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "INVALID_REQUEST", message, problems=problems))

    @app.exception_handler(HTTPException)
    async def http(_request: Request, error: HTTPException) -> JSONResponse:
        status = HTTPStatus(error.status_code)
        return answer(ApiError(status, status.name, str(error.detail), headers=dict(error.headers or {})))

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, _error: Exception) -> JSONResponse:
        message = "Something went wrong on our side; nothing was stored by this request. Try again."
        # The access log does not see this answer.
        headers = {HEADER: request.state.request_id}
        return answer(ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "INTERNAL", message, headers=headers))


def _wording(error: Mapping[str, Any]) -> str:
    """An error of pydantic as a partner reads it."""
    match error["type"]:
        case "missing":
            return "missing; send it"
        case "extra_forbidden":
            return "there is no such member; leave it out"
        case "literal_error" | "enum":
            return "write one of " + ", ".join(_QUOTED.findall(error["ctx"]["expected"]))
        case "value_error":
            return str(error["ctx"]["error"])
        case _:
            return str(error["msg"]).removeprefix("Input ").removeprefix("String ")
