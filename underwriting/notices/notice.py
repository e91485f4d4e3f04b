"""A notice as data: everything that its templates show. It names a person, so it is never logged."""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict

from underwriting.domain.application import Product
from underwriting.domain.creditor import Contact
from underwriting.domain.decision import Missing, Reason
from underwriting.domain.notice import NoticeKind
from underwriting.notices.report import Report
from underwriting.store.record import OfferRecord


class Addressee(BaseModel):
    """The addressee. The name is missing if the user service did not answer."""

    model_config = ConfigDict(frozen=True)

    customer_id: str
    name: str | None = None
    street: str | None = None
    country: str | None = None
    business: bool = False


class About(BaseModel):
    """What was decided, without anybody's name. Amounts are decimal strings in major units of `currency`."""

    model_config = ConfigDict(frozen=True)

    subject_id: str
    customer_id: str
    number: int
    kind: NoticeKind
    product: Product
    decided_on: date
    due: date
    currency: str
    # The requested amount; for a lowered limit, the limit before and after.
    amount: str | None = None
    limit_before: str | None = None
    limit_after: str | None = None
    reasons: tuple[Reason, ...] = ()
    missing: tuple[Missing, ...] = ()
    offer: OfferRecord | None = None
    respond_by: datetime | None = None
    business: bool = False
    # The bureau's report in the ledger.
    report: bytes | None = None


class Notice(BaseModel):
    """The notice itself."""

    model_config = ConfigDict(frozen=True)

    written_on: date
    creditor: Contact
    agency: Contact
    addressee: Addressee
    kind: NoticeKind
    product: Product
    subject_id: str
    decided_on: date
    due: date
    currency: str
    amount: str | None
    limit_before: str | None
    limit_after: str | None
    # The principal reasons; none if a company is told that it may ask for them.
    reasons: tuple[Reason, ...]
    reasons_on_request: bool
    missing: tuple[Missing, ...]
    offer: OfferRecord | None
    respond_by: datetime | None
    # The last day for the customer's answer, as the notice shows it.
    answer_by: date | None
    report: Report | None
