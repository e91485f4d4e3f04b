"""Published rulebooks that are in force today (UTC), read through a cache that every publication empties."""

import hashlib
import time
from datetime import UTC, date, datetime

import rfc8785
from cachetools import TTLCache

from rules.core.experiments import arm_of
from rules.eligibility.book import EligibilityBook, parse_eligibility_book
from rules.facts.terms import fact_terms
from rules.limits.policy import LimitPolicy, policy_for
from rules.prescreening.book import Rulebook, parse_rulebook
from underwriting.domain.application import Application, ApplicationRequest, Product
from underwriting.settings import Settings
from underwriting.store import rulebooks
from underwriting.store.errors import UnknownRulebook
from underwriting.store.models import RulebookKind
from underwriting.store.rulebooks import BookSet
from underwriting.store.session import Store, Work

# Seconds between two questions whether anything was published.
LOOK_SECONDS = 1.0


class NotLent(ValueError):
    """No rulebook judges this product in this currency."""

    def __init__(self, field: str, wanted: str, offered: str) -> None:
        super().__init__(f"{wanted} is not lent here; {offered} is")
        self.field = field


class Publications:
    """Tells a cache that a rulebook was published, by whichever process. Asks the store at most once a second.

    Prefect's events would reach one worker of many and no API; the store is what all of them share.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._asked = -LOOK_SECONDS
        self._mark = -1

    async def mark(self) -> int:
        """A number that changes with every publication; StoreUnreachable where nobody can know."""
        now = time.monotonic()
        if now - self._asked >= LOOK_SECONDS:
            # Whoever asks meanwhile takes the mark of a moment ago.
            self._asked = now
            async with self._store.read() as work:
                self._mark = await rulebooks.mark(work)
        return self._mark


class RulebookCache:
    """The rulebooks in force: as published a second ago, or `rulebook_ttl` ago without a publication since."""

    def __init__(self, store: Store, config: Settings) -> None:
        self._store = store
        self._publications = Publications(store)
        self._mark = -1
        self._name = config.rulebook
        self.limit_policy = policy_for(config.limit_policy)
        self._books: TTLCache[tuple[str, date], Rulebook] = TTLCache(maxsize=64, ttl=config.rulebook_ttl)
        self._experiments: TTLCache[tuple[Product, date], list[Rulebook]] = TTLCache(maxsize=8, ttl=config.rulebook_ttl)
        self._digests: TTLCache[tuple[Product, date], str] = TTLCache(maxsize=8, ttl=config.rulebook_ttl)

    async def book_for(self, asked: Application | ApplicationRequest) -> Rulebook:
        """The rulebook that judges what is asked: that of the customer's arm of an experiment, else the one in force.

        NotLent where none does, UnknownRulebook before any is published.
        """
        book = await self._book(self._name)
        if asked.product != book.product:
            raise NotLent("product", asked.product, book.product)
        if asked.requested.currency != book.currency:
            raise NotLent("currency", asked.requested.currency, book.currency)
        in_arm = (each for each in await self._in_experiments(book) if _is_in_arm(each, asked.customer_id))
        return next(in_arm, book)

    async def _in_experiments(self, book: Rulebook) -> list[Rulebook]:
        """The books for the same applications that take part in an experiment, by priority."""
        today = datetime.now(UTC).date()
        if (found := self._experiments.get((book.product, today))) is None:
            mark = self._mark
            async with self._store.read() as work:
                current = await rulebooks.current_set(work, RulebookKind.REVIEW, book.product, today)
            books = (parse_rulebook(each.text, origin=str(each.ref)) for each in current.books)
            found = sorted((each for each in books if each.experiment), key=lambda each: (each.priority, each.name))
            # What was read before a publication is not kept after it.
            if mark == self._mark:
                self._experiments[book.product, today] = found
        return [each for each in found if each.currency == book.currency]

    async def _book(self, name: str) -> Rulebook:
        await self._drop_outdated()
        today = datetime.now(UTC).date()
        if (book := self._books.get((name, today))) is None:
            mark = self._mark
            async with self._store.read() as work:
                published = await rulebooks.in_force(work, name, today)
            book = parse_rulebook(published.text, origin=str(published.ref))
            # What was read before a publication is not kept after it.
            if mark == self._mark:
                self._books[name, today] = book
        return book

    async def eligibility(self, work: Work, product: Product) -> tuple[list[EligibilityBook], str]:
        """The books of eligibility in force for a product, and what they and the limit policy are known by.

        As published now, not cached; UnknownRulebook where none is in force.
        """
        current = await self._current(work, product, datetime.now(UTC).date())
        if not current.books:
            raise UnknownRulebook(f"for {product} of the kind {RulebookKind.ELIGIBILITY}", None)
        books = [parse_eligibility_book(book.text, str(book.ref)) for book in current.books]
        return books, digest_of(current, self.limit_policy)

    async def digest(self, product: Product) -> str:
        """What the books of eligibility in force for a product, and the limit policy, are known by."""
        await self._drop_outdated()
        today = datetime.now(UTC).date()
        if (found := self._digests.get((product, today))) is None:
            mark = self._mark
            async with self._store.read() as work:
                found = digest_of(await self._current(work, product, today), self.limit_policy)
            # What was read before a publication is not kept after it.
            if mark == self._mark:
                self._digests[product, today] = found
        return found

    async def _drop_outdated(self) -> None:
        """Forget what is cached, once anything was published since."""
        if (mark := await self._publications.mark()) != self._mark:
            self._mark = mark
            self._books.clear()
            self._experiments.clear()
            self._digests.clear()

    async def _current(self, work: Work, product: Product, day: date) -> BookSet:
        return await rulebooks.current_set(work, RulebookKind.ELIGIBILITY, product, day)


def digest_of(books: BookSet, policy: LimitPolicy) -> str:
    """The SHA-256 of what an evaluation rests on: the books in force, the policy that says what is affordable, and the
    numbers in the facts.
    """
    return hashlib.sha256(rfc8785.dumps([books.digest, policy.ref.digest, fact_terms().ref.digest])).hexdigest()


def _is_in_arm(book: Rulebook, customer_id: str) -> bool:
    return book.experiment is not None and arm_of(book.experiment, customer_id) == book.experiment.arm
