"""Published rulebooks that are in force today (UTC), read through a cache that every publication empties."""

import hashlib
import time
from collections.abc import Awaitable, Callable, Hashable
from datetime import UTC, date, datetime
from typing import Any, TypeVar

import rfc8785
from cachetools import TTLCache

from rules.core.experiments import arm_of
from rules.eligibility.book import EligibilityBook, parse_eligibility_book
from rules.facts.terms import fact_terms
from rules.limits.policy import LimitPolicy, shipped_policy
from rules.prescreening.book import Rulebook, parse_rulebook
from underwriting.domain.application import Application, ApplicationRequest, Product
from underwriting.settings import Settings
from underwriting.store import rulebooks
from underwriting.store.errors import UnknownRulebook
from underwriting.store.models import RulebookKind
from underwriting.store.rulebooks import BookSet
from underwriting.store.session import Store, Work

V = TypeVar("V")

# Seconds between two looks at the store for new publications.
LOOK_SECONDS = 1.0


class NotLent(ValueError):
    """No rulebook decides on this product in this currency."""

    def __init__(self, field: str, wanted: str, offered: str) -> None:
        super().__init__(f"{wanted} is not lent here; {offered} is")
        self.field = field


class RulebookCache:
    """The rulebooks in force: as published a second ago or, without a publication since, up to `rulebook_ttl` ago.

    The store is asked at most once a second whether any process published a rulebook. Prefect's events would reach one
    worker of many and no API; the store is what all processes share.
    """

    def __init__(self, store: Store, config: Settings) -> None:
        self._store = store
        self._name = config.rulebook
        self.limit_policy = shipped_policy(config.limit_policy)
        self._cached: TTLCache[Hashable, Any] = TTLCache(maxsize=128, ttl=config.rulebook_ttl)
        # What changes with every publication and withdrawal, and when the store was last asked for it.
        self._mark: Hashable = None
        self._asked_at = -LOOK_SECONDS

    async def book_for(self, request: Application | ApplicationRequest) -> Rulebook:
        """The rulebook that decides the request: that of the customer's arm of an experiment, else the one in force.

        NotLent if none does, UnknownRulebook before any is published.
        """
        book = await self._read((self._name,), self._book)
        if request.product != book.product:
            raise NotLent("product", request.product, book.product)
        if request.requested.currency != book.currency:
            raise NotLent("currency", request.requested.currency, book.currency)

        async def in_experiments(work: Work, today: date) -> list[Rulebook]:
            """The books for this product that take part in an experiment, by priority."""
            current = await rulebooks.current_set(work, RulebookKind.REVIEW, book.product, today)
            books = [parse_rulebook(each.text, origin=str(each.ref)) for each in current.books]
            return sorted((each for each in books if each.experiment), key=lambda each: (each.priority, each.name))

        candidates = await self._read((RulebookKind.REVIEW, book.product), in_experiments)
        lent = (each for each in candidates if each.currency == book.currency)
        return next((each for each in lent if _is_in_arm(each, request.customer_id)), book)

    async def refusal(self, request: ApplicationRequest) -> NotLent | UnknownRulebook | None:
        """Why no rulebook decides the request; None if one does.

        Ask before a transaction begins: where the answer is not cached, it takes a connection of its own.
        """
        try:
            await self.book_for(request)
        except (NotLent, UnknownRulebook) as error:
            return error
        return None

    async def eligibility(self, work: Work, product: Product) -> tuple[list[EligibilityBook], str]:
        """The books of eligibility in force for a product, and the digest of them and the limit policy.

        Read from the store, not cached; UnknownRulebook if none is in force.
        """
        current = await rulebooks.current_set(work, RulebookKind.ELIGIBILITY, product, datetime.now(UTC).date())
        if not current.books:
            raise UnknownRulebook(f"for {product} of the kind {RulebookKind.ELIGIBILITY}", None)
        books = [parse_eligibility_book(book.text, str(book.ref)) for book in current.books]
        return books, digest_of(current, self.limit_policy)

    async def digest(self, product: Product) -> str:
        """The digest of the books of eligibility in force for a product, and of the limit policy."""

        async def read(work: Work, today: date) -> str:
            current = await rulebooks.current_set(work, RulebookKind.ELIGIBILITY, product, today)
            return digest_of(current, self.limit_policy)

        return await self._read((RulebookKind.ELIGIBILITY, product), read)

    async def _book(self, work: Work, today: date) -> Rulebook:
        published = await rulebooks.in_force(work, self._name, today)
        return parse_rulebook(published.text, origin=str(published.ref))

    async def _read(self, key: tuple[str, ...], read: Callable[[Work, date], Awaitable[V]]) -> V:
        """What `read` finds for today, from the cache if nothing was published since."""
        await self._drop_outdated()
        today = datetime.now(UTC).date()
        found: V | None = self._cached.get((key, today))
        if found is None:
            mark = self._mark
            async with self._store.read() as work:
                found = await read(work, today)
            # What was read before a publication is not kept after it.
            if mark == self._mark:
                self._cached[key, today] = found
        return found

    async def _drop_outdated(self) -> None:
        """Empty the cache if anything was published since; StoreUnreachable if that cannot be known."""
        now = time.monotonic()
        if now - self._asked_at < LOOK_SECONDS:
            return
        # Callers that come during the query use the mark of a moment ago.
        self._asked_at = now
        async with self._store.read() as work:
            mark = await rulebooks.mark(work)
        if mark != self._mark:
            self._mark = mark
            self._cached.clear()


def digest_of(books: BookSet, policy: LimitPolicy) -> str:
    """The SHA-256 of what an evaluation rests on: the books in force, the limit policy, the numbers in the facts."""
    return hashlib.sha256(rfc8785.dumps([books.digest, policy.ref.digest, fact_terms().ref.digest])).hexdigest()


def _is_in_arm(book: Rulebook, customer_id: str) -> bool:
    return book.experiment is not None and arm_of(book.experiment, customer_id) == book.experiment.arm
