"""Says of every transaction what it is for, and who is on the other side."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from underwriting.domain.histories import INCOME, Category
from underwriting.domain.money import minor_digits
from underwriting.feeds.payers import names_somebody, payer
from underwriting.feeds.raw import RawTransaction
from underwriting.feeds.rulings import Calling, Ruling, decisive, otherwise, rulings
from underwriting.feeds.words import words

# What only comes in, and what goes either way; anything else only goes out, and money in is some of it given back.
_ONLY_IN = INCOME | {Category.RETURNED, Category.REFUND, Category.INTEREST}
_EITHER_WAY = frozenset({Category.TRANSFER, Category.ADVANCE, Category.OWN_FLOAT, Category.LOAN})

# The category, None where nobody can tell, and the other side's name, None where nothing names it.
Judgement = tuple[Category | None, str | None]


class _Reading(NamedTuple):
    """What the words of one kind of transaction call for."""

    decisive: tuple[Calling, ...]
    otherwise: tuple[Calling, ...]
    payer: str | None
    names_somebody: bool


def categorised(rows: Iterable[RawTransaction], currency: str) -> Iterator[Judgement]:
    """Each row's judgement, in order.

    The provider's word in our own language goes first; then the decisive words of categories.yaml, the provider's
    code, and the other words; a small payment to somebody with a name is spending. The words of the description and
    of the other side's name count alike.
    """
    # The same words come back month after month.
    read = cache(_read)
    scale = Decimal(1).scaleb(-minor_digits(currency))
    for row in rows:
        yield _judged(row, read(row.description, row.counterparty), row.amount * scale)


def _read(description: str, counterparty: str | None) -> _Reading:
    said = [words(description), words(counterparty or "")]
    return _Reading(
        decisive().called_for(said),
        otherwise().called_for(said),
        payer(description, counterparty),
        names_somebody(description, counterparty),
    )


def _judged(row: RawTransaction, reading: _Reading, amount: Decimal) -> Judgement:
    ruling, name = _first_fitting(reading.decisive, amount)
    category = row.category or (ruling.category if ruling else _by_code(row))
    if category is None:
        last, _ = _first_fitting(reading.otherwise, amount)
        category = last.category if last else _small_purchase(reading, amount)
    return category, name or reading.payer


def _small_purchase(reading: _Reading, amount: Decimal) -> Category | None:
    small = reading.names_somebody and -rulings().small_purchase <= amount < 0
    return Category.SPENDING if small else None


def _first_fitting(callings: tuple[Calling, ...], amount: Decimal) -> tuple[Ruling | None, str | None]:
    return next((calling for calling in callings if calling[0].fits(amount)), (None, None))


def _by_code(row: RawTransaction) -> Category | None:
    """What the provider's finest known code says, where the amount's sign agrees."""
    known = rulings().codes
    category = next((known[code] for code in row.codes if code in known), None)
    if category is None or category in _EITHER_WAY:
        return category
    if row.amount > 0 and category not in _ONLY_IN:
        # Cash paid in is not cash given back.
        return None if category is Category.CASH else Category.REFUND
    return None if row.amount < 0 and category in _ONLY_IN else category
