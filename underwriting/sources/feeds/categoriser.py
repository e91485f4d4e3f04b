"""Says of every transaction what it is for, and who is on the other side."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from underwriting.domain.histories import ESSENTIAL, INCOME, Category
from underwriting.domain.money import minor_digits
from underwriting.sources.feeds.payers import lender, names_somebody, payer
from underwriting.sources.feeds.raw import RawTransaction
from underwriting.sources.feeds.rulings import Calling, Certainty, Ruling, phrasebooks, rulings
from underwriting.sources.feeds.words import words

# What only comes in, and what goes either way. The bank's fees come in where they are refunded. Anything else only goes
# out, and money in is some of it given back.
_ONLY_IN = INCOME | {Category.RETURNED, Category.REFUND, Category.INTEREST, Category.PROCEEDS}
_DEBTS = frozenset({Category.ADVANCE, Category.LOAN})
_FEES = frozenset({Category.FEE, Category.OVERDRAFT_FEE})
_EITHER_WAY = _DEBTS | _FEES | {Category.TRANSFER, Category.OWN_FLOAT, Category.GAMBLING}
# What a merchant gives back is a refund, whatever it was; a returned debit was sent back by the bank.
NOT_REVERSED = ESSENTIAL | {Category.SPENDING, Category.CASH, Category.REFUND, Category.RETURNED}
# The provider's codes of pay for work.
PAY_CODES = frozenset({"INCOME_WAGES", "INCOME_SALARY", "INCOME_MILITARY", "INCOME_GIG_ECONOMY", "INCOME_CONTRACTOR"})


@dataclass(frozen=True)
class Judgement:
    """What a transaction is for, None where nobody can tell; and who is on the other side, None where nothing says."""

    category: Category | None
    counterparty: str | None
    certainty: Certainty = Certainty.TOLD
    # Whether it takes another transaction back.
    reversal: bool = False


class _Reading(NamedTuple):
    """What the words of one kind of transaction call for: in each layer of rules, and as names."""

    layers: tuple[tuple[Calling, ...], ...]
    payer: str | None
    lender: str | None
    names_somebody: bool


_UNTOLD = Judgement(None, None)


def categorised(rows: Iterable[RawTransaction], currency: str) -> Iterator[Judgement]:
    """Each row's judgement, in order, by what the row itself says.

    The provider's word in our own language goes first, then the layers of categories.yaml in their order; a small
    payment to somebody with a name is spending. The words of the description and of the other side's name count alike.
    """
    # The same words come back month after month.
    read = cache(_read)
    scale = Decimal(1).scaleb(-minor_digits(currency))
    for row in rows:
        yield _judged(row, read(row.description, row.counterparty), row.amount * scale)


def _read(description: str, counterparty: str | None) -> _Reading:
    said = [words(description), words(counterparty or "")]
    return _Reading(
        tuple(book.called_for(said) for book in phrasebooks()),
        payer(description, counterparty),
        lender(description, counterparty, rulings().debt_words, rulings().trade_words),
        names_somebody(description, counterparty),
    )


def _judged(row: RawTransaction, reading: _Reading, amount: Decimal) -> Judgement:
    told = Judgement(row.category, None, Certainty.SURE) if row.category else _by_layers(row, reading, amount)
    unknown = reading.lender if told.category in _DEBTS else reading.payer
    return replace(told, counterparty=told.counterparty or unknown)


def _by_layers(row: RawTransaction, reading: _Reading, amount: Decimal, *, reversed_: bool = False) -> Judgement:
    """What the first layer says that says anything; `reversed_` leaves out the words that tell of a reversal."""
    for layer, callings in zip(rulings().layers, reading.layers, strict=True):
        ruling, name = _first_fitting(callings, amount, reversed_=reversed_)
        if ruling and ruling.reversal:
            return _reversal(ruling, row, reading, amount)
        if ruling:
            return Judgement(ruling.category, name, layer.certainty)
        if category := _by_code(layer.codes, row.codes, amount):
            return Judgement(category, None, layer.certainty)
    return Judgement(Category.SPENDING, None) if _is_small_purchase(reading, amount) else _UNTOLD


def _reversal(ruling: Ruling, row: RawTransaction, reading: _Reading, amount: Decimal) -> Judgement:
    """The category of what is reversed, which is what the other words say of the opposite amount.

    A merchant's refund has a category of its own. Money out may only sound like a reversal.
    """
    taken_back = _by_layers(row, reading, -amount, reversed_=True)
    if taken_back.category is not None and taken_back.category not in NOT_REVERSED:
        return replace(taken_back, reversal=True)
    if ruling.category:
        return Judgement(ruling.category, None, reversal=True)
    return replace(_by_layers(row, reading, amount, reversed_=True), reversal=True)


def _first_fitting(
    callings: tuple[Calling, ...], amount: Decimal, *, reversed_: bool
) -> tuple[Ruling | None, str | None]:
    fitting = (one for one in callings if one[0].fits(amount) and not (reversed_ and one[0].reversal))
    return next(fitting, (None, None))


def _is_small_purchase(reading: _Reading, amount: Decimal) -> bool:
    return reading.names_somebody and -rulings().small_purchase <= amount < 0


def _by_code(known: dict[str, Category | None], codes: tuple[str, ...], amount: Decimal) -> Category | None:
    """What the provider's finest known code says, where the amount's sign agrees."""
    category = next((known[code] for code in codes if code in known), None)
    if category is None or category in _EITHER_WAY:
        return category
    if amount > 0 and category not in _ONLY_IN:
        # Cash paid in is not cash given back.
        return None if category is Category.CASH else Category.REFUND
    return None if amount < 0 and category in _ONLY_IN else category
