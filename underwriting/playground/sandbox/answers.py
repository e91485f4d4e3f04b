"""What a service answers about a customer: the file in the data folder where there is one, else the persona's word."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import lru_cache
from pathlib import Path

from fastapi import HTTPException, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from underwriting.domain.documents import BankStatements
from underwriting.playground.sandbox.float_user import FloatUser
from underwriting.playground.sandbox.histories import up_to
from underwriting.playground.sandbox.personas import COMPANY_PREFIX, Persona, find
from underwriting.playground.sandbox.question import Question
from underwriting.playground.sandbox.records import RECORDS
from underwriting.playground.sandbox.user_records import USER_RECORDS
from underwriting.playground.sandbox.users import find_user
from underwriting.sources.sources import Service

HUGE_BYTES = 50_000_000


class Answers:
    """Answers as bodies of JSON. `slow` is how long a slow source takes, seconds."""

    def __init__(self, data_dir: Path, slow: float) -> None:
        self._data_dir = data_dir
        self._slow = slow

    async def response(self, service: Service, asked: Question, part: str = "") -> Response:
        """The service's answer, honest or not, as the persona has it; `part` says which one, of those it has."""
        persona = _persona(service, asked.subject)
        if isinstance(persona, Persona) and persona.huge is service:
            return StreamingResponse(_endless_statement(asked.currency), media_type="application/json")
        return Response(await self.body(service, asked, part), media_type="application/json")

    async def body(self, service: Service, asked: Question, part: str = "") -> bytes:
        """The same as bytes; 404 where nobody knows the subject, 503 where its persona says so."""
        if body := self._from_file(service, asked, part):
            return body
        if persona := _persona(service, asked.subject):
            if persona.down is service:
                raise HTTPException(503, "this service is down for this customer")
            if persona.slow is service:
                await asyncio.sleep(self._slow)
            # A feed may have thousands of lines.
            feed = await asyncio.to_thread(_feed, asked) if service is Service.TRANSACTIONS else None
            if body := feed or _from_persona(service, asked, part):
                return body
        raise HTTPException(404, "not known here")

    def _from_file(self, service: Service, asked: Question, part: str) -> bytes | None:
        """The document as it is on file; of statements the part that was asked for."""
        try:
            body = (self._data_dir / service / part / f"{asked.subject}.json").read_bytes()
        except FileNotFoundError:
            return None
        if service is not Service.STATEMENTS:
            return body
        return up_to(BankStatements.model_validate_json(body), asked).model_dump_json().encode()


def _persona(service: Service, subject: str) -> Persona | FloatUser | None:
    """Who is asked about: an applicant, a company's applicant, or a user of floats."""
    if service is not Service.REGISTRY:
        return find(subject) or find_user(subject)
    return find(subject.removeprefix(COMPANY_PREFIX)) if subject.startswith(COMPANY_PREFIX) else None


# Feeds are larger than other answers, so that fewer are kept.
@lru_cache(maxsize=256)
def _feed(asked: Question) -> bytes | None:
    return _made(Service.TRANSACTIONS, asked, "")


@lru_cache(maxsize=2048)
def _from_persona(service: Service, asked: Question, part: str) -> bytes | None:
    return None if service is Service.TRANSACTIONS else _made(service, asked, part)


def _made(service: Service, asked: Question, part: str) -> bytes | None:
    persona = _persona(service, asked.subject)
    document = _document(persona, service, asked, part) if persona else None
    if persona is None or document is None:
        return None
    if lies := persona.lies.get(service):
        return json.dumps(document.model_dump(mode="json") | dict(lies)).encode()
    return document.model_dump_json().encode()


def _document(who: Persona | FloatUser, service: Service, asked: Question, part: str) -> BaseModel | None:
    if isinstance(who, FloatUser):
        told = USER_RECORDS.get((service, part))
        return told(who, asked) if told else None
    record = RECORDS.get(service)
    return record(who, asked) if record and not part else None


async def _endless_statement(currency: str) -> AsyncIterator[bytes]:
    """Statements of `HUGE_BYTES`, well formed to the end."""
    line = b'{"line_no": 0, "booked_on": "2020-01-01", "amount": 0, "balance": 0, "category": "spending"}'
    lines = b",\n".join([line] * 700)
    yield b'{"currency": "%s", "period_start": "2020-01-01", "period_end": "2020-01-01",' % currency.encode()
    yield b'"opening_balance": 0, "lines": [' + line
    for _ in range(HUGE_BYTES // len(lines)):
        yield b",\n" + lines
    yield b"]}"
