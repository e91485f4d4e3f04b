"""Writing a notice, and storing that it was sent: what the API and the command line share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from pydantic import BaseModel

from underwriting.domain.creditor import Creditor
from underwriting.domain.notice import NoticeKind, Owed
from underwriting.integrations.errors import SourceError
from underwriting.notices import about
from underwriting.notices.errors import NoticeImpossible
from underwriting.notices.notice import Addressee, Notice
from underwriting.notices.write import as_html, as_text, creditor_of, notice_of
from underwriting.settings import Settings
from underwriting.sources.sources import Sources
from underwriting.store import notices
from underwriting.store.models import NoticeRow
from underwriting.store.session import Store

# Finds the name and address of a customer; a fake in tests.
WhoIs = Callable[[str, date], Awaitable[Addressee]]


@dataclass(frozen=True)
class Written:
    """A notice, and the creditor whose templates it is shown by."""

    owed: Owed
    notice: Notice
    creditor: Creditor

    @property
    def text(self) -> str:
        """As plain text."""
        return as_text(self.notice, self.creditor)

    @property
    def html(self) -> str:
        """As HTML."""
        return as_html(self.notice, self.creditor)


class Sending(BaseModel):
    """How and when a notice was sent."""

    id: str
    kind: str
    how: str
    sent_at: datetime
    sent_by: str

    @classmethod
    def of(cls, row: NoticeRow) -> "Sending":
        """From the row, without the content of the notice."""
        return cls(id=row.id, kind=row.kind, how=row.how, sent_at=row.sent_at, sent_by=row.sent_by)


async def write(
    store: Store, config: Settings, who_is: WhoIs, tenant: str | None, subject_id: str, customer_id: str | None = None
) -> Written:
    """The notice as it is to be sent today.

    NoNotice if none is needed; NoticeImpossible if nobody has decided yet, or if something is missing that the notice
    has to state.
    """
    async with store.read() as work:
        owed = await notices.get(work, tenant, subject_id, customer_id)
        if owed.kind is NoticeKind.UNDECIDED:
            raise NoticeImpossible(
                f"nobody has decided {subject_id} yet; decide it first, or have it reviewed, so that the customer has "
                f"the notice by {owed.due}"
            )
        found = await about.read(work, owed)
    creditor = creditor_of(owed.tenant, config.creditors)
    today = store.day_of(datetime.now(UTC))
    addressee = await who_is(owed.customer_id, today)
    return Written(owed, notice_of(found, addressee, creditor, config.bureaus, today), creditor)


async def sent(store: Store, written: Written, how: str, sent_at: datetime | None, sent_by: str) -> Sending:
    """Store that this notice was sent, with its text; ValueError for a moment in the future or before the decision."""
    now = datetime.now(UTC)
    decided_on = written.notice.decided_on
    if sent_at is not None and sent_at > now:
        raise ValueError(f"{_in_utc(sent_at)} is in the future; give the moment at which the notice was sent")
    if sent_at is not None and store.day_of(sent_at) < decided_on:
        raise ValueError(f"{_in_utc(sent_at)} is before {decided_on}, the day of the decision that the notice is about")
    kept = written.text.encode()
    async with store.begin() as work:
        row = await notices.record(work, written.owed, how=how, sent_at=sent_at or now, sent_by=sent_by, content=kept)
    return Sending.of(row)


def _in_utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def addressee_from(sources: Sources) -> WhoIs:
    """By the user service; if it does not answer, the notice is addressed to the customer's id."""

    async def who_is(customer_id: str, as_of: date) -> Addressee:
        try:
            person = await sources.person(customer_id, as_of)
            company = await sources.company(person.company_number, as_of) if person.company_number else None
        except SourceError:
            return Addressee(customer_id=customer_id)
        name = company.name if company else " ".join(filter(None, (person.given_name, person.family_name)))
        country = company.country if company else person.residence_country
        return Addressee(
            customer_id=customer_id,
            name=name or None,
            street=person.street,
            country=country,
            business=company is not None,
        )

    return who_is
