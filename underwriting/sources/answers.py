"""A source's JSON becomes a document of the domain, or is refused with place and rule, never with a value."""

import asyncio
import json
from typing import Never, TypeVar

from pydantic import BaseModel, ValidationError

from underwriting.domain.documents import Document
from underwriting.integrations.errors import MalformedAnswer

D = TypeVar("D", bound=Document)
M = TypeVar("M", bound=BaseModel)

# Above this an answer is parsed in a thread: it would hold up the event loop for more than some milliseconds.
LARGE_BYTES = 100_000
# Members by which services say that they failed although the status is 200.
ERROR_MEMBERS = ("error", "errors", "error_code")


class _NotOurJson(ValueError):
    """JSON that Python would take and that has no one meaning, or that reports an error; the message quotes nothing."""


async def read_document(source: str, model: type[D], body: bytes, currency: str | None = None) -> D:
    """The document in `body`; MalformedAnswer where it is not one, or not in `currency`."""
    if len(body) > LARGE_BYTES:
        return await asyncio.to_thread(parse_document, source, model, body, currency)
    return parse_document(source, model, body, currency)


def parse_document(source: str, model: type[D], body: bytes, currency: str | None = None) -> D:
    """The same, at once."""
    document = parse_model(source, model, body)
    if currency is not None and document.currency != currency:
        raise MalformedAnswer(source, "currency is not the one asked for")
    return document


def parse_model(source: str, model: type[M], body: bytes) -> M:
    """What `body` says, in any strict model; MalformedAnswer where it does not."""
    # The errors below quote the answer, so they are left behind before ours is raised.
    try:
        answer = json.loads(body.decode(), object_pairs_hook=_without_repeats, parse_constant=_no_constant)
        _refuse_error(answer, model)
        return model.model_validate_json(body, strict=True)
    except ValidationError as error:
        why = _broken_rules(error)
    except _NotOurJson as error:
        why = str(error)
    except json.JSONDecodeError as error:
        why = f"not JSON at line {error.lineno}, column {error.colno}"
    except (UnicodeDecodeError, RecursionError) as error:
        why = "nested too deeply" if isinstance(error, RecursionError) else "not UTF-8"
    except ValueError:
        # Python refuses integers of more than some thousand digits.
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
        raise _NotOurJson("an object names a member twice")
    return members


def _refuse_error(answer: object, model: type[BaseModel]) -> None:
    """An answer that reports an error is no document, even where the rest of it would be one.

    A model that has such a member itself knows what it means.
    """
    if isinstance(answer, dict):
        for name in ERROR_MEMBERS:
            if answer.get(name) and name not in model.model_fields:
                raise _NotOurJson(f"the answer reports a failure in its member {name}")


def _no_constant(_: str) -> Never:
    raise _NotOurJson("NaN and Infinity are not JSON")
