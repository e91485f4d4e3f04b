"""Published rulebooks, read through a cache with a time to live that every publication empties."""

import time

from cachetools import TTLCache

from rules.eligibility.assignment import arm_of
from rules.eligibility.book import EligibilityBook, parse_eligibility_book
from rules.rulebook import Rulebook, parse_rulebook
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


class Bookshelf:
    """The newest published version of the rulebook in force: a second old, or `rulebook_ttl` without a publication."""

    def __init__(self, store: Store, config: Settings) -> None:
        self._store = store
        self._publications = Publications(store)
        self._mark = -1
        self._name = config.rulebook
        self._books: TTLCache[str, Rulebook] = TTLCache(maxsize=64, ttl=config.rulebook_ttl)
        self._experiments: TTLCache[Product, list[Rulebook]] = TTLCache(maxsize=8, ttl=config.rulebook_ttl)
        self._digests: TTLCache[Product, str] = TTLCache(maxsize=8, ttl=config.rulebook_ttl)

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
        if (found := self._experiments.get(book.product)) is None:
            mark = self._mark
            async with self._store.read() as work:
                current = await rulebooks.current_set(work, RulebookKind.REVIEW, book.product)
            books = (parse_rulebook(each.text, origin=str(each.ref)) for each in current.books)
            found = sorted((each for each in books if each.experiment), key=lambda each: (each.priority, each.name))
            # What was read before a publication is not kept after it.
            if mark == self._mark:
                self._experiments[book.product] = found
        return [each for each in found if each.currency == book.currency]

    async def _book(self, name: str) -> Rulebook:
        await self._drop_outdated()
        if (book := self._books.get(name)) is None:
            mark = self._mark
            async with self._store.read() as work:
                published = await rulebooks.get(work, name)
            book = parse_rulebook(published.text, origin=str(published.ref))
            # What was read before a publication is not kept after it.
            if mark == self._mark:
                self._books[name] = book
        return book

    async def eligibility(self, work: Work, product: Product) -> tuple[list[EligibilityBook], str]:
        """The books of eligibility in force for a product, and the digest of their set: as published now, not cached.

        UnknownRulebook before any is published.
        """
        current = await self._current(work, product)
        if not current.books:
            raise UnknownRulebook(f"for {product} of the kind {RulebookKind.ELIGIBILITY}", None)
        return [parse_eligibility_book(book.text, str(book.ref)) for book in current.books], current.digest

    async def digest(self, product: Product) -> str:
        """The digest of the set of books of eligibility in force for a product."""
        await self._drop_outdated()
        if (found := self._digests.get(product)) is None:
            mark = self._mark
            async with self._store.read() as work:
                found = (await self._current(work, product)).digest
            # What was read before a publication is not kept after it.
            if mark == self._mark:
                self._digests[product] = found
        return found

    async def _drop_outdated(self) -> None:
        """Forget what is cached, once anything was published since."""
        if (mark := await self._publications.mark()) != self._mark:
            self._mark = mark
            self._books.clear()
            self._experiments.clear()
            self._digests.clear()

    async def _current(self, work: Work, product: Product) -> BookSet:
        return await rulebooks.current_set(work, RulebookKind.ELIGIBILITY, product)


def _is_in_arm(book: Rulebook, customer_id: str) -> bool:
    return book.experiment is not None and arm_of(book.experiment, customer_id) == book.experiment.arm
