"""What may be published, but is unusual enough to look at it again: each with its reason."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from rules.books import AnyBook, Draft, shipped_books
from rules.core.list_rules import NotListed
from rules.core.yaml_source import Path
from rules.eligibility.applicability import AppliesTo
from rules.eligibility.book import EligibilityBook
from rules.prescreening.book import Rulebook
from rules.publishable import Requirements, placed_rules
from underwriting.domain.application import Product
from underwriting.domain.decision import APPLICATION_NOTICE
from underwriting.domain.money import amount_text

# By check: the rule that refers its doubtful documents.
_DOUBTFUL = {
    "bank_statements": "StatementsAddUp",
    "financial_statements": "AccountsAddUp",
    "credit_report": "NoCreditAlert",
}
# The rulebooks' grey score is 0.75; docs/screening.md has what each threshold finds.
_HIGH_GREY = 0.9
# An amount that is so many times what the shipped books have, or such a part of it, is probably in another unit.
_TIMES = 10
# Smaller amounts of shipped books say nothing about the unit: they are the least above zero.
_CENT_AMOUNTS = 100


def warnings(draft: Draft, required: Requirements) -> list[str]:
    """What is unusual about a draft that may be published, with file and line."""
    return [draft.problem(place, message) for look in CHECKS for place, message in look(draft.book, required)]


def _screens_a_part_only(book: AnyBook, required: Requirements) -> Iterator[tuple[Path, str]]:
    """A rule that no book may lack, in a book that guards some users only, or rejecting nobody."""
    for place, rule in placed_rules(book):
        if rule.name not in required.rules:
            continue
        if isinstance(book, EligibilityBook) and book.superseding and book.applies_to != AppliesTo():
            yield (
                (*place, rule.name),
                "no book may lack it, and this one applies to some users only, so that the others rely on other books",
            )
        if rule.on_fail == "refer":
            yield (*place, rule.name), "no book may lack it, and with on_fail: refer it rejects nobody"


def _seldom_matches(book: AnyBook, _required: Requirements) -> Iterator[tuple[Path, str]]:
    """Thresholds of the list screening that hardly any name reaches."""
    for place, rule in placed_rules(book):
        if not isinstance(rule, NotListed):
            continue
        if rule.grey_match_score > _HIGH_GREY:
            message = f"{rule.grey_match_score:g} misses most names that are written a little otherwise; 0.75 is usual"
            yield (*place, rule.name, "grey_match_score"), message
        if rule.min_match_score == 1:
            message = "1 rejects only who is listed under exactly the same name; 0.92 is usual"
            yield (*place, rule.name, "min_match_score"), message


def _other_unit(book: AnyBook, _required: Requirements) -> Iterator[tuple[Path, str]]:
    """Amounts that are probably dollars for cents, or cents for dollars: one of each property."""
    told = set()
    for place, key, amount in _amounts(book):
        usual = _usual_amounts().get((book.product, book.currency, *key))
        if amount <= 0 or usual is None or key in told:
            continue
        low, high = usual
        if low <= amount * _TIMES and amount <= high * _TIMES:
            continue
        told.add(key)
        meant = amount * 100 if amount < low else amount // 100
        low_text, high_text = amount_text(low, book.currency), amount_text(high, book.currency)
        shipped = low_text if low == high else f"{low_text} to {high_text}"
        found = amount_text(amount, book.currency)
        yield place, f"{amount} is {found}, and the shipped rulebooks have {shipped} there; was {meant} meant?"


def _amounts(book: AnyBook) -> Iterator[tuple[Path, tuple[str, str], int]]:
    """Every amount of a book: its place, the rule or section with the property, the amount."""
    for place, rule in placed_rules(book):
        for name in sorted(rule.amounts()):
            yield (*place, rule.name, name), (rule.name, name), getattr(rule, name)
    if isinstance(book, Rulebook):
        for index, amount in enumerate(book.counteroffer.amounts if book.counteroffer else ()):
            yield ("counteroffer", "amounts", index), ("counteroffer", "amounts"), amount
    elif book.product is Product.LOAN:
        # Those of floats have to be tiers.
        for index, amount in enumerate(book.offers):
            yield ("offers", index), ("", "offers"), amount
        for name in ("fee", "subscription_fee"):
            yield (name,), ("", name), getattr(book, name)


@cache
def _usual_amounts() -> Mapping[tuple[str, ...], tuple[int, int]]:
    """The lowest and the highest amount that the shipped books have, by product, currency, section and property."""
    found = defaultdict(list)
    for book in shipped_books():
        for _, key, amount in _amounts(book):
            if amount >= _CENT_AMOUNTS:
                found[(book.product, book.currency, *key)].append(amount)
    return {key: (min(amounts), max(amounts)) for key, amounts in found.items()}


def _trusts_its_documents(book: AnyBook, _required: Requirements) -> Iterator[tuple[Path, str]]:
    """A check without the rule that refers its doubtful documents."""
    if isinstance(book, Rulebook):
        names = {rule.name for rule in book.rules}
        for number, stage in enumerate(book.stages):
            for check in stage:
                if (rule := _DOUBTFUL.get(check)) and rule not in names:
                    message = f"without {rule}, a doubtful document goes to a person only if on_unknown refers"
                    yield ("stages", number, check), message


def _waits_too_long(book: AnyBook, _required: Requirements) -> Iterator[tuple[Path, str]]:
    """An incomplete application that waits longer than its notice may."""
    if isinstance(book, Rulebook) and (waits := book.incomplete):
        if waits.days > APPLICATION_NOTICE.days:
            yield (
                ("incomplete", "days"),
                f"{waits.days} days are longer than the {APPLICATION_NOTICE.days} within which the customer has to be "
                "told of the decision (12 CFR 1002.9)",
            )
        if waits.again_days > waits.days:
            yield ("incomplete", "again_days"), f"{waits.again_days} days are after the last of the {waits.days} days"


CHECKS: tuple[Callable[[AnyBook, Requirements], Iterator[tuple[Path, str]]], ...] = (
    _screens_a_part_only,
    _seldom_matches,
    _other_unit,
    _trusts_its_documents,
    _waits_too_long,
)
