"""The rules of the rulebooks that decided, for tables that show what each rule asks."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

import typer

from rules.books import shipped_books
from rules.core.edition import Edition
from rules.core.problems import RulebookError
from rules.core.rule import Rule
from rules.eligibility.book import EligibilityBook, parse_eligibility_book
from rules.limits.policy import parse_policy
from rules.prescreening.book import Rulebook, parse_rulebook
from underwriting.cli.store import with_database
from underwriting.domain.decision import RulebookRef
from underwriting.lender import open_store
from underwriting.settings import settings
from underwriting.store import rulebooks
from underwriting.store.errors import StoreError
from underwriting.store.models import RulebookKind

READERS: Mapping[RulebookKind, Callable[[str], Edition]] = {
    RulebookKind.REVIEW: parse_rulebook,
    RulebookKind.ELIGIBILITY: parse_eligibility_book,
    RulebookKind.LIMITS: parse_policy,
}


def rules_of(refs: Iterable[RulebookRef]) -> dict[RulebookRef, Sequence[Rule]]:
    """The rules of each of these books. Where the store of the API is out of reach, those of shipped ones only."""
    known: dict[RulebookRef, Sequence[Rule]] = {book.ref: book.rules for book in shipped_books()}
    published = [ref for ref in refs if ref not in known]
    if not published:
        return known
    try:
        return known | asyncio.run(_published(published))
    except (StoreError, RulebookError) as error:
        named = ", ".join(map(str, published))
        typer.echo(f"What the rules of {named} ask is not shown: {error}", err=True)
        return known


async def _published(refs: Iterable[RulebookRef]) -> dict[RulebookRef, Sequence[Rule]]:
    found: dict[RulebookRef, Sequence[Rule]] = {}
    async with open_store(with_database(settings())) as store, store.read() as work:
        for ref in refs:
            published = await rulebooks.get(work, ref.name, ref.version)
            book = READERS[published.kind](published.text)
            # The API may belong to another store, with a book of its own under this name.
            if book.ref == ref and isinstance(book, Rulebook | EligibilityBook):
                found[ref] = book.rules
    return found
