"""Float profiles over HTTP: which amounts a user may take at which fee; staff and services change them."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rules.limits.tiers import CURRENCY, TIERS, tiers_enabled
from underwriting.api.auth import ProfileReader, ProfileWriter
from underwriting.api.context import Context
from underwriting.api.documented import AFTER, VERSION_ETAG, PageSize, answer, refusals
from underwriting.api.errors import ApiError
from underwriting.api.etags import matches, quoted, version_of
from underwriting.api.examples import PROFILE
from underwriting.domain.application import CustomerId, Product
from underwriting.domain.money import Money
from underwriting.domain.plausible import PlainText, RequestedMoment
from underwriting.domain.profile import FloatProfile, Reason, TierId
from underwriting.store import profiles
from underwriting.store.errors import UnknownProfile

router = APIRouter(
    prefix="/v1/{user_id}/underwriting",
    tags=["float profile"],
)
WRITTEN = answer(200, "The version in force", PROFILE, headers=VERSION_ETAG) | refusals(400, 404, 412)


class TierRecord(BaseModel):
    """One amount and its flat fee, decimal strings in major units."""

    id: TierId
    amount: str = Field(examples=["50.00"])
    fee: str = Field(examples=["5.00"])
    enabled: bool


class ProfileRecord(BaseModel):
    """The profile in force, or an earlier version of it."""

    user_id: str
    version: int
    currency: str
    tiers: list[TierRecord]
    limit: str = Field(description="The highest enabled amount", examples=["20.00"])
    paused: list[Product]
    created_on: datetime
    created_by: str
    reason: str
    expires_on: datetime | None = Field(description="Set on a temporary version, which is in force until then")

    @classmethod
    def of(cls, profile: FloatProfile) -> "ProfileRecord":
        """As the API shows it, without the notes of staff."""

        def decimal(minor: int) -> str:
            return Money(minor=minor, currency=profile.currency).decimal

        return cls(
            user_id=profile.user_id,
            version=profile.version,
            currency=profile.currency,
            tiers=[
                TierRecord(id=tier.id, amount=decimal(tier.amount), fee=decimal(tier.fee), enabled=tier.enabled)
                for tier in profile.tiers
            ],
            limit=decimal(profile.limit),
            paused=sorted(profile.paused),
            created_on=profile.created_on,
            created_by=profile.created_by,
            reason=profile.reason,
            expires_on=profile.expires_on,
        )


class Versions(BaseModel):
    """Versions, newest first."""

    items: list[ProfileRecord]
    next: int | None = Field(description="Send it as `after` for the next page; null on the last one")


def _known(ids: list[str]) -> list[str]:
    tiers_enabled(ids)
    return ids


def _to_come(moment: datetime) -> datetime:
    if moment <= datetime.now(UTC):
        raise ValueError("is in the past; give a moment that is still to come")
    return moment


class Change(BaseModel):
    """The next version: which tiers of the schedule are enabled, and which products are paused."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"enabled": ["1", "2", "3"], "paused": [], "reason": "goodwill"}]},
    )

    enabled: Annotated[list[TierId], AfterValidator(_known)] = Field(
        description="Ids of the tiers that the user may take", examples=[["1", "2", "3"]]
    )
    paused: list[Product] = Field(default=[], description="Products that the user may not take now")
    reason: Reason = Field(description="A short code of yours: small letters, digits and _", examples=["goodwill"])
    notes: Annotated[
        PlainText | None, Field(max_length=2000, description="For colleagues. Kept sealed; never shown.")
    ] = None


class TemporaryChange(Change):
    """A temporary version, in force until it expires."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"enabled": ["1"], "paused": [], "reason": "goodwill", "expires_on": "2099-12-24T00:00:00Z"}]
        }
    )
    expires_on: Annotated[RequestedMoment, AfterValidator(_to_come)]


IfMatch = Annotated[
    str | None, Header(description="The ETag of the version that you read; 412 where it is not in force any more")
]


@router.get(
    "/float_profile",
    response_model=ProfileRecord,
    responses=answer(200, "The version in force", PROFILE, headers=VERSION_ETAG)
    | answer(304, "You have it", headers=VERSION_ETAG)
    | refusals(404),
    summary="The profile in force",
)
async def read(
    user_id: CustomerId,
    caller: ProfileReader,
    context: Context,
    if_none_match: Annotated[str | None, Header(description="The ETag you have")] = None,
) -> Response:
    """The version in force now; a new user has none."""
    async with context.store.read() as work:
        profile = await profiles.current(work, caller.tenant, user_id, datetime.now(UTC))
    if profile is None:
        raise UnknownProfile(user_id)
    etag = quoted(profile.version)
    if matches(if_none_match, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag})
    return _shown(profile)


@router.get(
    "/float_profile/versions",
    responses=answer(200, "A page", {"items": [PROFILE], "next": None}) | refusals(404),
    summary="All versions",
)
async def versions(
    user_id: CustomerId,
    caller: ProfileReader,
    context: Context,
    after: Annotated[int | None, Query(ge=1, le=2**31 - 1, description=AFTER)] = None,
    limit: PageSize = 50,
) -> Versions:
    """Permanent and temporary versions, newest first."""
    async with context.store.read() as work:
        found = await profiles.versions(work, caller.tenant, user_id, after, limit)
        if not found and not await profiles.versions(work, caller.tenant, user_id, None, 1):
            raise UnknownProfile(user_id)
    following = found[-1].version if len(found) == limit else None
    return Versions(items=[ProfileRecord.of(profile) for profile in found], next=following)


@router.put("/float_profile", response_model=ProfileRecord, responses=WRITTEN, summary="Write the next version")
async def write(
    user_id: CustomerId, body: Change, caller: ProfileWriter, context: Context, if_match: IfMatch = None
) -> Response:
    """Enable these tiers and pause these products, as a new version; a new user gets the default one first.

    While a temporary version is active it stays in force, with the new pauses.
    """
    return await _write(user_id, body, caller, context, if_match)


@router.put(
    "/float_profile/temporary",
    response_model=ProfileRecord,
    responses=WRITTEN,
    summary="Override the profile for a while",
)
async def write_temporary(
    user_id: CustomerId, body: TemporaryChange, caller: ProfileWriter, context: Context, if_match: IfMatch = None
) -> Response:
    """A version that is in force until `expires_on`, instead of any earlier temporary one."""
    return await _write(user_id, body, caller, context, if_match, body.expires_on)


@router.delete(
    "/float_profile/temporary",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses=answer(204, "Ended; the tag is that of the version in force", headers=VERSION_ETAG)
    | refusals(400, 404, 412),
    summary="End the override",
)
async def end_temporary(
    user_id: CustomerId, caller: ProfileWriter, context: Context, if_match: IfMatch = None
) -> Response:
    """End the temporary version before it expires: the permanent one is in force at once, as a new version."""
    expected, now = _expected(if_match), datetime.now(UTC)
    async with context.store.begin() as work:
        profile = await profiles.end_temporary(work, caller.tenant, user_id, caller.subject, now, expected)
    return Response(status_code=HTTPStatus.NO_CONTENT, headers={"ETag": quoted(profile.version)})


async def _write(
    user_id: str,
    body: Change,
    caller: ProfileWriter,
    context: Context,
    if_match: str | None,
    expires_on: datetime | None = None,
) -> Response:
    tiers, expected, now = tiers_enabled(body.enabled), _expected(if_match), datetime.now(UTC)
    tenant, subject = caller.tenant, caller.subject
    async with context.store.begin() as work:
        await profiles.on_first_contact(work, tenant, user_id, now, CURRENCY, TIERS)
        profile = await profiles.put(
            work, tenant, user_id, tiers, body.paused, body.reason, body.notes, subject, now, expires_on, expected
        )
    return _shown(profile)


def _expected(if_match: str | None) -> int | None:
    try:
        return version_of(if_match)
    except ValueError as error:
        raise ApiError(HTTPStatus.BAD_REQUEST, "BAD_ETAG", str(error)) from None


def _shown(profile: FloatProfile) -> Response:
    body = ProfileRecord.of(profile).model_dump_json()
    return Response(body, headers={"ETag": quoted(profile.version)}, media_type="application/json")
