"""Stores in which the shipped books are published."""

from rules.eligibility.book import shipped_eligibility_books
from rules.prescreening.book import shipped_rulebooks
from underwriting.store import rulebooks
from underwriting.store.models import RulebookKind
from underwriting.store.session import Store


async def publish_shipped(store: Store, *kinds: RulebookKind) -> None:
    """Publish the shipped books of these kinds."""
    async with store.begin() as work:
        for book in (*shipped_rulebooks().values(), *shipped_eligibility_books().values()):
            if book.kind in kinds:
                await rulebooks.publish(work, book.ref, book.product, book.text, "test", RulebookKind(book.kind))
