"""Notices over HTTP: which are due, what each says, and that it was sent. A tenant sees its own only."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from underwriting.api.auth import NoticeReader, NoticeWriter
from underwriting.api.context import Context, problem, refusing
from underwriting.api.documented import AFTER, JSON, PageSize, answer, refusals
from underwriting.api.examples import NOTICE, OWED, SENDING
from underwriting.domain.application import CustomerId
from underwriting.domain.notice import Owed
from underwriting.domain.plausible import WRITTEN, PlainText, RequestedMoment
from underwriting.notices import service as notice_service
from underwriting.notices.notice import Notice
from underwriting.notices.service import Sending, Written
from underwriting.store import notices
from underwriting.store.notices import Cursor

TEXT, HTML = "text/plain", "text/html"
# It names a person: nobody may cache it, and its page runs no scripts.
PRIVATE = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'"}

router = APIRouter(prefix="/v1/notices", tags=["notices"])

SubjectId = Annotated[
    str,
    Path(
        pattern=r"^(app|evl|lim)_[0-9A-HJKMNP-TV-Z]{26}$",
        description="An application, an evaluation or a limit run",
        examples=["app_01KAYB2M4Z5W8Q0V6T3R9N7XJC"],
    ),
]
Whom = Annotated[CustomerId | None, Query(description="The user, where it is about a limit run")]


class OwedPage(BaseModel):
    """Notices that are due and were not sent, the most urgent first."""

    items: list[Owed]
    next: str | None = Field(description="Send it as `after` for the next page; null on the last one")


class WasSent(BaseModel):
    """How a notice was sent, and when."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"how": "letter", "sent_at": "2026-03-03T09:00:00Z"}]}
    )

    how: PlainText = Field(min_length=1, max_length=100, description="Such as `letter`, `e-mail` or `in the app`")
    sent_at: RequestedMoment | None = Field(default=None, description="Now, where it is left out")


@router.get(
    "",
    responses=answer(200, "A page", {"items": [OWED], "next": None}) | refusals(),
    summary="Notices that are due",
)
async def due(
    caller: NoticeReader,
    context: Context,
    until: Annotated[
        Annotated[date, WRITTEN] | None, Query(description="Due until this day; all, where it is left out")
    ] = None,
    after: Annotated[PlainText | None, Query(max_length=200, description=AFTER)] = None,
    limit: PageSize = 50,
) -> OwedPage:
    """The tenant's notices that were not sent yet, with those that are overdue first."""
    async with context.store.read() as work:
        found = await notices.due(work, caller.tenant, until, _cursor(after), limit)
    following = "~".join(map(str, found[-1].cursor)) if len(found) == limit else None
    return OwedPage(items=found, next=following)


@router.get(
    "/{subject_id}",
    response_model=Notice,
    responses=answer(200, "The notice as JSON, or by `Accept` as text or HTML", NOTICE) | refusals(404, 409),
    summary="Write a notice",
)
async def show(
    subject_id: SubjectId,
    caller: NoticeReader,
    context: Context,
    customer_id: Whom = None,
    accept: Annotated[str, Header(description=f"`{JSON}`, `{TEXT}` or `{HTML}`")] = JSON,
) -> Response:
    """The notice as it is to be sent today. It names the customer."""
    written = await _written(context, caller.tenant, subject_id, customer_id)
    if HTML in accept:
        return Response(written.html, headers=PRIVATE, media_type=HTML)
    if TEXT in accept:
        return Response(written.text, headers=PRIVATE, media_type=TEXT)
    return Response(written.notice.model_dump_json(), headers=PRIVATE, media_type=JSON)


@router.post(
    "/{subject_id}/sent",
    responses=answer(200, "Noted", SENDING) | refusals(400, 404, 409),
    summary="Note that a notice was sent",
)
async def sent(
    subject_id: SubjectId, body: WasSent, caller: NoticeWriter, context: Context, customer_id: Whom = None
) -> Sending:
    """Store that the notice was sent, how and when, together with its text. It is not due any more."""
    written = await _written(context, caller.tenant, subject_id, customer_id)
    with refusing("body.sent_at"):
        return await notice_service.sent(context.store, written, body.how, body.sent_at, caller.subject)


async def _written(context: Context, tenant: str, subject_id: str, customer_id: str | None) -> Written:
    who_is = notice_service.addressee_from(context.sources)
    return await notice_service.write(context.store, context.config, who_is, tenant, subject_id, customer_id)


def _cursor(after: str | None) -> Cursor | None:
    if after is None:
        return None
    day, _, rest = after.partition("~")
    subject_id, _, customer_id = rest.partition("~")
    try:
        return date.fromisoformat(day), subject_id, customer_id
    except ValueError:
        raise problem("query.after", "send back what `next` was") from None
