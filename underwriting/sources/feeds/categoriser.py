"""Gives every transaction a category and the name of its counterparty."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from underwriting.domain.histories import ESSENTIAL, INCOME, Category
from underwriting.domain.money import minor_digits
from underwriting.sources.feeds.category_rules import CategoryRule, Certainty, RuleMatch, category_rules, phrase_indexes
from underwriting.sources.feeds.payers import lender, names_somebody, payer
from underwriting.sources.feeds.raw import RawTransaction
from underwriting.sources.feeds.words import words

# Categories of money in, and categories of both signs: a bank may refund its fees. All other categories are money out;
# money in under them is a refund.
_ONLY_IN = INCOME | {Category.RETURNED, Category.REFUND, Category.INTEREST, Category.PROCEEDS}
DEBTS = frozenset({Category.ADVANCE, Category.LOAN})
FEES = frozenset({Category.FEE, Category.OVERDRAFT_FEE})
_EITHER_WAY = DEBTS | FEES | {Category.TRANSFER, Category.OWN_FLOAT, Category.GAMBLING}
# What a merchant gives back is a refund, whatever was bought; the bank sent a returned debit back.
NOT_REVERSED = ESSENTIAL | {Category.SPENDING, Category.CASH, Category.REFUND, Category.RETURNED}
# The provider's codes of pay for work.
PAY_CODES = frozenset({"INCOME_WAGES", "INCOME_SALARY", "INCOME_MILITARY", "INCOME_GIG_ECONOMY", "INCOME_CONTRACTOR"})


@dataclass(frozen=True)
class CategorisedTransaction:
    """A transaction with its category and counterparty; each is None where it is not known."""

    raw: RawTransaction
    category: Category | None
    counterparty: str | None
    certainty: Certainty = Certainty.STATED
    # Whether it reverses another transaction.
    reversal: bool = False

    def with_category(self, category: Category | None) -> "CategorisedTransaction":
        """The same transaction in another category."""
        return replace(self, category=category)

    @property
    def words(self) -> frozenset[str]:
        """All words of the description and of the counterparty's name."""
        return frozenset(words(f"{self.raw.description} {self.raw.counterparty or ''}"))


class _TextMatches(NamedTuple):
    """What the text of a transaction matches: the rules of each layer, and names."""

    layers: tuple[tuple[RuleMatch, ...], ...]
    payer: str | None
    lender: str | None
    names_somebody: bool


def categorise(rows: Iterable[RawTransaction], currency: str) -> Iterator[CategorisedTransaction]:
    """Each row with its category and counterparty, in order, by the row alone.

    A category that the provider gives in our terms comes first, then the layers of categories.yaml in their order; a
    small payment to somebody with a name is spending. The description and the counterparty's name are both searched.
    """
    # The same texts come every month.
    match_text = cache(_match_text)
    scale = Decimal(1).scaleb(-minor_digits(currency))
    for row in rows:
        yield _categorised(row, match_text(row.description, row.counterparty), row.amount * scale)


def _match_text(description: str, counterparty: str | None) -> _TextMatches:
    texts = [words(description), words(counterparty or "")]
    return _TextMatches(
        tuple(index.matches(texts) for index in phrase_indexes()),
        payer(description, counterparty),
        lender(description, counterparty, category_rules().debt_words, category_rules().trade_words),
        names_somebody(description, counterparty),
    )


def _categorised(row: RawTransaction, matches: _TextMatches, amount: Decimal) -> CategorisedTransaction:
    if row.category:
        found = CategorisedTransaction(row, row.category, None, Certainty.SURE)
    else:
        found = _by_layers(row, matches, amount)
    name = matches.lender if found.category in DEBTS else matches.payer
    return replace(found, counterparty=found.counterparty or name)


def _by_layers(
    row: RawTransaction, matches: _TextMatches, amount: Decimal, *, skip_reversals: bool = False
) -> CategorisedTransaction:
    """The result of the first layer that has one; `skip_reversals` ignores the rules about reversals."""
    for layer, found in zip(category_rules().layers, matches.layers, strict=True):
        rule, name = _first_fitting(found, amount, skip_reversals=skip_reversals)
        if rule and rule.reversal:
            return _reversal(rule, row, matches, amount)
        if rule:
            return CategorisedTransaction(row, rule.category, name, layer.certainty)
        if category := _by_code(layer.codes, row.codes, amount):
            return CategorisedTransaction(row, category, None, layer.certainty)
    return CategorisedTransaction(row, Category.SPENDING if _is_small_purchase(matches, amount) else None, None)


def _reversal(
    rule: CategoryRule, row: RawTransaction, matches: _TextMatches, amount: Decimal
) -> CategorisedTransaction:
    """The category of the reversed transaction: the one that the other words give to the opposite amount.

    A merchant's refund has a category of its own. Money out may only look like a reversal.
    """
    reversed_ = _by_layers(row, matches, -amount, skip_reversals=True)
    if reversed_.category is not None and reversed_.category not in NOT_REVERSED:
        return replace(reversed_, reversal=True)
    if rule.category:
        return CategorisedTransaction(row, rule.category, None, reversal=True)
    return replace(_by_layers(row, matches, amount, skip_reversals=True), reversal=True)


def _first_fitting(
    matches: tuple[RuleMatch, ...], amount: Decimal, *, skip_reversals: bool
) -> tuple[CategoryRule | None, str | None]:
    fitting = (one for one in matches if one[0].fits(amount) and not (skip_reversals and one[0].reversal))
    return next(fitting, (None, None))


def _is_small_purchase(matches: _TextMatches, amount: Decimal) -> bool:
    return matches.names_somebody and -category_rules().small_purchase <= amount < 0


def _by_code(known: dict[str, Category | None], codes: tuple[str, ...], amount: Decimal) -> Category | None:
    """The category of the provider's most detailed known code, if the sign of the amount agrees."""
    category = next((known[code] for code in codes if code in known), None)
    if category is None or category in _EITHER_WAY:
        return category
    if amount > 0 and category not in _ONLY_IN:
        # Cash paid in is not a refund of cash.
        return None if category is Category.CASH else Category.REFUND
    return None if amount < 0 and category in _ONLY_IN else category
