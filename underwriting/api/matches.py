"""List matches over HTTP: customers who may be on a screening list, and their clearance by staff."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from underwriting import referrals
from underwriting.api.auth import MatchReader, MatchWriter
from underwriting.api.context import Context
from underwriting.api.documented import AFTER, PageSize, answer, refusals
from underwriting.api.examples import LISTED
from underwriting.domain.application import CustomerId
from underwriting.domain.plausible import PlainText
from underwriting.store import matches
from underwriting.store.errors import NeverMatched
from underwriting.store.matches import Match

router = APIRouter(prefix="/v1/list_matches", tags=["list matches"])


class EntryMatched(BaseModel):
    """One entry of a list, and how like the customer it is."""

    entry: str = Field(description="The list, and the entry's id on it", examples=["ofac-sdn:7150"])
    kind: str = Field(description="Whether it was compared as a person or as a company")
    score: float
    confirmed: bool = Field(description="Whether the day of birth or a document agrees, besides the name")
    evidence: str = Field(description="What was found beside the name; it names nobody")
    found_at: datetime

    @classmethod
    def of(cls, match: Match) -> "EntryMatched":
        """As it is stored, without what was compared."""
        found = match.found
        shared = {name: getattr(found, name) for name in ("kind", "score", "confirmed", "evidence")}
        return cls(entry=found.reference, found_at=match.found_at, **shared)


class Listed(BaseModel):
    """A customer who may be on a list and whom nobody cleared, with the entries found."""

    user_id: str
    matches: list[EntryMatched]


class ListedPage(BaseModel):
    """Customers with open matches, by their ids."""

    items: list[Listed]
    next: str | None = Field(description="Send it as `after` for the next page; null on the last one")


class Clearance(BaseModel):
    """Why the customer is none of the entries found."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "born elsewhere"}]})

    note: PlainText = Field(min_length=3, max_length=2000, description="Kept sealed; never shown to the customer.")


@router.get(
    "",
    responses=answer(200, "A page", {"items": [LISTED], "next": None}) | refusals(),
    summary="Customers who may be on a list",
)
async def waiting(
    caller: MatchReader,
    context: Context,
    after: Annotated[CustomerId | None, Query(description=AFTER)] = None,
    limit: PageSize = 50,
) -> ListedPage:
    """The tenant's customers with matches that nobody cleared yet."""
    async with context.store.read() as work:
        found = await matches.by_user(work, caller.tenant, after, limit)
    items = [Listed(user_id=user, matches=list(map(EntryMatched.of, each))) for user, each in found.items()]
    return ListedPage(items=items, next=items[-1].user_id if len(items) == limit else None)


@router.post(
    "/{user_id}/clear",
    responses=answer(200, "Cleared", LISTED) | refusals(400, 404, 409),
    summary="Clear a customer's matches",
)
async def clear(user_id: CustomerId, body: Clearance, caller: MatchWriter, context: Context) -> Listed:
    """Remember that the customer is none of the entries found, until the customer's details or an entry change.

    The token's subject is stored as who cleared them. Evaluations that rest on the matches are not returned any more.
    The same request again changes nothing.
    """
    async with context.store.begin() as work:
        if not await matches.of_user(work, caller.tenant, user_id):
            raise NeverMatched(user_id)
        cleared = await referrals.clear_matches(work, caller.tenant, user_id, caller.subject, body.note)
    return Listed(user_id=user_id, matches=list(map(EntryMatched.of, cleared)))
