"""Published rulebooks, read through a cache with a time to live."""

from cachetools import TTLCache

from rules.rulebook import Rulebook, parse_rulebook
from underwriting.domain.application import Application, ApplicationRequest
from underwriting.settings import Settings
from underwriting.store import rulebooks
from underwriting.store.session import Store


class NotLent(ValueError):
    """No rulebook judges this product in this currency."""

    def __init__(self, field: str, wanted: str, offered: str) -> None:
        super().__init__(f"{wanted} is not lent here; {offered} is")
        self.field = field


class Bookshelf:
    """The newest published version of the rulebook in force, at most `rulebook_ttl` seconds old."""

    def __init__(self, store: Store, config: Settings) -> None:
        self._store = store
        self._name = config.rulebook
        self._books: TTLCache[str, Rulebook] = TTLCache(maxsize=64, ttl=config.rulebook_ttl)

    async def book_for(self, asked: Application | ApplicationRequest) -> Rulebook:
        """The rulebook that judges what is asked; NotLent where none does, UnknownRulebook before any is published."""
        book = await self._book(self._name)
        if asked.product != book.product:
            raise NotLent("product", asked.product, book.product)
        if asked.requested.currency != book.currency:
            raise NotLent("currency", asked.requested.currency, book.currency)
        return book

    async def _book(self, name: str) -> Rulebook:
        if (book := self._books.get(name)) is None:
            async with self._store.read() as work:
                published = await rulebooks.get(work, name)
            book = self._books[name] = parse_rulebook(published.text, origin=str(published.ref))
        return book
