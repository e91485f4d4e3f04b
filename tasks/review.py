"""One review for its checks: the application, its rulebook, the services, and the documents gathered so far."""

from typing import Self, TypeVar

import pyarrow as pa

from rules.facts import subjects, tables_of
from rules.prescreening.book import Rulebook
from underwriting.domain.application import Application
from underwriting.domain.decision import Offer
from underwriting.domain.documents import Document, RequestTerms
from underwriting.runtime import Runtime
from underwriting.screening.screener import Screened
from underwriting.store.claims import Claim

D = TypeVar("D", bound=Document)


class Review:
    """Documents stay in memory, between the tasks of one flow run: they are personal, and Prefect must not keep them.

    A plain class, because Prefect inspects the dataclasses and pydantic models among a task's arguments.
    """

    def __init__(self, runtime: Runtime, claim: Claim[Application], book: Rulebook) -> None:
        self.runtime = runtime
        self.claim = claim
        self.book = book
        # Matches with screening lists, to be stored with the decision.
        self.screened: Screened | None = None
        self._documents: dict[type[Document], Document] = {}

    @property
    def application(self) -> Application:
        """The application."""
        return self.claim.subject

    def by(self, book: Rulebook) -> Self:
        """The same answers, for another rulebook."""
        other = type(self)(self.runtime, self.claim, book)
        other._documents.update(self._documents)
        return other

    def add(self, document: Document) -> None:
        """Keep what a source answered; a later answer of the same kind replaces it, as on a retry."""
        self._documents[type(document)] = document

    def document(self, kind: type[D]) -> D | None:
        """The answer of one kind; None if its source gave none."""
        found = self._documents.get(kind)
        return found if isinstance(found, kind) else None

    def tables(self) -> dict[str, pa.Table]:
        """The input tables of the facts: the request, and all documents so far."""
        documents = tables_of(self.application.id, list(self._documents.values()))
        return {**self.request_tables(self.book.requested(self.application)), **documents}

    def request_tables(self, offer: Offer) -> dict[str, pa.Table]:
        """The tables of the request, as if this amount and term were applied for."""
        application = self.application
        terms = RequestTerms(
            bureau_permitted=application.bureau_consent is not None, mapr=self.book.terms.mapr(offer.term_months)
        )
        return {
            **subjects(application.id, application.as_of, offer.amount, offer.instalment),
            **tables_of(application.id, [terms]),
        }
