"""Notices that have to be sent to customers: kind, subject and due date."""

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from underwriting.domain.application import Product


class NoticeKind(StrEnum):
    """The kind of a notice."""

    ADVERSE_ACTION = "adverse_action"
    INCOMPLETENESS = "incompleteness"
    COUNTEROFFER = "counteroffer"
    # No notice yet: it has to be decided first, in time for the notice.
    UNDECIDED = "undecided"


class Owed(BaseModel):
    """One notice that is due: about an application, an evaluation, or a user in a limit run.

    `number` counts the decisions about the subject: each may need a notice of its own.
    """

    model_config = ConfigDict(frozen=True)

    tenant: str
    subject_id: str = Field(description="An application, an evaluation, or a limit run")
    customer_id: str
    number: int
    kind: NoticeKind
    product: Product
    due: date

    @property
    def cursor(self) -> tuple[date, str, str]:
        """Its position in the list of due notices."""
        return self.due, self.subject_id, self.customer_id
