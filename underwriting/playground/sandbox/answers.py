"""A service's answer about a customer: the file in the data folder if there is one, else made from the persona."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import lru_cache
from pathlib import Path

from fastapi import HTTPException, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from underwriting.domain.documents import BankStatements
from underwriting.domain.service import Service
from underwriting.playground.sandbox.float_user import FloatUser
from underwriting.playground.sandbox.personas import COMPANY_PREFIX, Persona, find
from underwriting.playground.sandbox.records import RECORDS
from underwriting.playground.sandbox.source_request import SourceRequest
from underwriting.playground.sandbox.statement_plans import up_to
from underwriting.playground.sandbox.user_records import USER_RECORDS
from underwriting.playground.sandbox.users import find_user

HUGE_BYTES = 50_000_000


class Answers:
    """Answers as JSON. `slow` is the delay of a slow source in seconds."""

    def __init__(self, data_dir: Path, slow: float) -> None:
        self._data_dir = data_dir
        self._slow = slow

    async def response(self, service: Service, request: SourceRequest, part: str = "") -> Response:
        """The service's answer about the persona, possibly a wrong one; `part` names one of several documents."""
        persona = _persona(service, request.subject)
        if isinstance(persona, Persona) and persona.huge is service:
            return StreamingResponse(_endless_statement(request.currency), media_type="application/json")
        return Response(await self.body(service, request, part), media_type="application/json")

    async def body(self, service: Service, request: SourceRequest, part: str = "") -> bytes:
        """The same as bytes; 404 for an unknown subject, 503 where the persona's service is down."""
        if body := self._from_file(service, request, part):
            return body
        if persona := _persona(service, request.subject):
            if persona.down is service:
                raise HTTPException(503, "this service is down for this customer")
            if persona.slow is service:
                await asyncio.sleep(self._slow)
            # A feed may have thousands of lines.
            feed = await asyncio.to_thread(_feed, request) if service is Service.TRANSACTIONS else None
            if body := feed or _from_persona(service, request, part):
                return body
        raise HTTPException(404, "not known here")

    def _from_file(self, service: Service, request: SourceRequest, part: str) -> bytes | None:
        """The document in the data folder; of statements, the requested part."""
        try:
            body = (self._data_dir / service / part / f"{request.subject}.json").read_bytes()
        except FileNotFoundError:
            return None
        if service is not Service.STATEMENTS:
            return body
        return up_to(BankStatements.model_validate_json(body), request).model_dump_json().encode()


def _persona(service: Service, subject: str) -> Persona | FloatUser | None:
    """The persona of a subject: an applicant, a company's applicant, or a user of floats."""
    if service is not Service.REGISTRY:
        return find(subject) or find_user(subject)
    return find(subject.removeprefix(COMPANY_PREFIX)) if subject.startswith(COMPANY_PREFIX) else None


# Feeds are larger than other answers, so fewer are cached.
@lru_cache(maxsize=256)
def _feed(request: SourceRequest) -> bytes | None:
    return _render(Service.TRANSACTIONS, request, "")


@lru_cache(maxsize=2048)
def _from_persona(service: Service, request: SourceRequest, part: str) -> bytes | None:
    return None if service is Service.TRANSACTIONS else _render(service, request, part)


def _render(service: Service, request: SourceRequest, part: str) -> bytes | None:
    persona = _persona(service, request.subject)
    document = _document(persona, service, request, part) if persona else None
    if persona is None or document is None:
        return None
    if wrong_fields := persona.wrong_fields.get(service):
        return json.dumps(document.model_dump(mode="json") | dict(wrong_fields)).encode()
    return document.model_dump_json().encode()


def _document(who: Persona | FloatUser, service: Service, request: SourceRequest, part: str) -> BaseModel | None:
    if isinstance(who, FloatUser):
        user_record = USER_RECORDS.get((service, part))
        return user_record(who, request) if user_record else None
    record = RECORDS.get(service)
    return record(who, request) if record and not part else None


async def _endless_statement(currency: str) -> AsyncIterator[bytes]:
    """Well-formed statements of `HUGE_BYTES`."""
    line = b'{"line_no": 0, "booked_on": "2020-01-01", "amount": 0, "balance": 0, "category": "spending"}'
    lines = b",\n".join([line] * 700)
    yield b'{"currency": "%s", "period_start": "2020-01-01", "period_end": "2020-01-01",' % currency.encode()
    yield b'"opening_balance": 0, "lines": [' + line
    for _ in range(HUGE_BYTES // len(lines)):
        yield b",\n" + lines
    yield b"]}"
