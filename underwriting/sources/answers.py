"""Reads a source's JSON as a document of the domain. Errors name place and rule, and never quote a value."""

import asyncio
import json
from typing import Never, TypeVar

from pydantic import BaseModel, ValidationError

from underwriting.domain.documents import Document
from underwriting.integrations.errors import MalformedAnswer

D = TypeVar("D", bound=Document)
M = TypeVar("M", bound=BaseModel)

# Larger answers are parsed in a thread: they would block the event loop for more than some milliseconds.
LARGE_BYTES = 100_000
# Members by which services report, with status 200, that they failed or did not send all: `errorCode`, `error_code`.
FAILED = ("error", "errors", "errorcode", "errormessage", "exception", "fault")
INCOMPLETE = ("partial", "incomplete", "truncated", "hasmore", "nextcursor", "nextpage", "nextpagetoken")
SUCCEEDED = ("success", "ok")
# Members that report the result of the request, and their words and HTTP statuses for a failure.
STATUSES = ("status", "statuscode", "httpstatus", "code", "result", "state", "outcome")
FAILURES = frozenset(
    ("error", "failed", "failure", "fail", "exception", "timeout", "unavailable", "partial", "incomplete")
).union(map(str, range(400, 600)))


class _RefusedJson(ValueError):
    """JSON that Python accepts but that is ambiguous or reports an error; the message quotes nothing."""


async def read_document(source: str, model: type[D], body: bytes, currency: str | None = None) -> D:
    """The document in `body`; MalformedAnswer where it is not one, or not in `currency`."""
    if len(body) > LARGE_BYTES:
        return await asyncio.to_thread(parse_document, source, model, body, currency)
    return parse_document(source, model, body, currency)


def parse_document(source: str, model: type[D], body: bytes, currency: str | None = None) -> D:
    """The same without a thread."""
    document = parse_model(source, model, body)
    if currency is not None and document.currency != currency:
        raise MalformedAnswer(source, "currency is not the one asked for")
    return document


def parse_model(source: str, model: type[M], body: bytes) -> M:
    """`body` as any strict model; MalformedAnswer where it does not fit."""
    # The errors below quote the answer, so ours is raised outside of their handlers.
    try:
        answer = json.loads(body.decode(), object_pairs_hook=_without_repeats, parse_constant=_no_constant)
        _refuse_error(answer, model)
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        why = _broken_rules(error)
    except _RefusedJson as error:
        why = str(error)
    except json.JSONDecodeError as error:
        why = f"not JSON at line {error.lineno}, column {error.colno}"
    except (UnicodeDecodeError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else "not UTF-8"
    except ValueError:
        # Python refuses integers of more than 4,300 digits.
        why = "a number is too long"
    raise MalformedAnswer(source, why)


def _broken_rules(error: ValidationError) -> str:
    """The first broken rule as "lines.3.amount: int_type", and how many more there are."""
    first, *more = error.errors(include_url=False, include_context=False, include_input=False)
    place = ".".join(str(step) for step in first["loc"]) or "the answer"
    return f"{place}: {first['type']}" + (f" (and {len(more)} more)" if more else "")


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _RefusedJson("an object names a member twice")
    return members


def _refuse_error(answer: object, model: type[BaseModel]) -> None:
    """Refuse an answer that reports an error, or that more is to come, even if the rest of it is valid.

    A model may have such a member itself, which is then no report.
    """
    if not isinstance(answer, dict):
        return
    for name in answer.keys() - model.model_fields.keys():
        value, plain = answer[name], name.lower().replace("_", "").replace("-", "")
        failed = (plain in FAILED and value) or (plain in SUCCEEDED and value is False)
        if failed or (plain in STATUSES and str(value).lower() in FAILURES):
            raise _RefusedJson(f"the answer reports a failure in its member {name}")
        if plain in INCOMPLETE and value:
            raise _RefusedJson(f"the answer is not complete, by its member {name}")


def _no_constant(_: str) -> Never:
    raise _RefusedJson("NaN and Infinity are not JSON")
