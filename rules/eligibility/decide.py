"""The decision on one user from the results of the books. An unknown never approves and never raises an amount.

| superseding books | regular books | verdict |
|---|---|---|
| one fails | any | rejected |
| any | all fail | rejected |
| all pass, or there are none | one passes | approved, by the first that passes |
| otherwise | otherwise | referred |

A book whose `on_unknown` is `reject` counts as failing where it is unknown, unless a person has to look at all of its
unknowns. Where no regular book applies, the user is referred: there would be no reason to give for a rejection.

**Amounts** are those that the user has (the enabled tiers of the profile; a loan has no tiers, and so its book's
offers), the deciding book offers and its rules allow, as long as the user can afford what falls due from one pay: all
of a float with its fee, one instalment of a loan with interest and fees. If that cap is not known, no amount is, and
the deciding book's `on_unknown` rejects or refers. A regular book that comes before the deciding one and is unknown
might have decided instead, so no amount may be above the highest that it would have allowed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from rules.core.reasons import reason
from rules.eligibility.book import EligibilityBook
from rules.eligibility.book_result import FLAG_UNKNOWN, SEGMENT_UNKNOWN, EvaluatedBook, principal_codes
from underwriting.domain.application import Product
from underwriting.domain.decision import (
    APPLICATION_NOTICE,
    FactValue,
    OnUnknown,
    RulebookRef,
    Verdict,
    as_found,
)
from underwriting.domain.eligibility import BookResult, Eligibility
from underwriting.domain.money import MAX_MINOR
from underwriting.domain.profile import FloatProfile

PAUSED = "product_paused"
NO_BOOK = "no_rulebook_applies"
NO_AMOUNT = "no_amount_enabled"
UNAFFORDABLE = "amount_unaffordable"
AFFORDABILITY_UNKNOWN = "limit_affordability_unknown"
# The reasons that do not come from a rule.
REASONS_OF_JUDGEMENT = (SEGMENT_UNKNOWN, FLAG_UNKNOWN, PAUSED, NO_BOOK, NO_AMOUNT, UNAFFORDABLE, AFFORDABILITY_UNKNOWN)


@dataclass(frozen=True)
class _Judgement:
    verdict: Verdict
    codes: tuple[str, ...] = ()
    deciding: EvaluatedBook | None = None
    amounts: tuple[int, ...] = ()


def decide(
    product: Product,
    books: Iterable[EligibilityBook],
    results: Iterable[BookResult],
    profile: FloatProfile,
    affordability_cap: int | None,
    facts: Mapping[str, FactValue],
    now: datetime,
    troubles: Mapping[str, str] | None = None,
    policy: RulebookRef | None = None,
    fact_terms: RulebookRef | None = None,
    requested_on: date | None = None,
) -> Eligibility:
    """The evaluation of one user for `product`, from the results of every book that applies.

    `affordability_cap` is what may fall due from one pay by the limit policy `policy`, minor units; None where it is
    not known. `fact_terms` are the numbers that the facts rest on. The time for the notice runs from `requested_on`, or
    from the day of `now` where it is left out. ValueError where a result is of none of `books`, or where a book is not
    of the product or not in the profile's currency.
    """
    evaluated = _evaluated(product, books, results, profile.currency)
    made = _Judgement(Verdict.REJECTED, (PAUSED,)) if product in profile.paused else _by_precedence(evaluated)
    if made.verdict is Verdict.APPROVED and made.deciding:
        due = due_by_amount(product, profile, [made.deciding.book])
        made = _with_amounts(evaluated, made.deciding, due, affordability_cap)
    return Eligibility(
        verdict=made.verdict,
        currency=profile.currency,
        approved_amounts=made.amounts,
        affordability_cap=affordability_cap,
        policy=policy,
        fact_terms=fact_terms,
        deciding=made.deciding.book.ref if made.deciding else None,
        arm=made.deciding.result.arm if made.deciding else None,
        reasons=as_found(map(reason, made.codes), (outcome for each in evaluated for outcome in each.result.outcomes)),
        books=tuple(each.result for each in evaluated),
        facts=dict(facts),
        troubles=dict(troubles or {}),
        profile_version=profile.version,
        notice_due=None if made.verdict is Verdict.APPROVED else (requested_on or now.date()) + APPLICATION_NOTICE,
        decided_at=now,
    )


def _evaluated(
    product: Product, books: Iterable[EligibilityBook], results: Iterable[BookResult], currency: str
) -> list[EvaluatedBook]:
    """Each result with its book, in the books' order of precedence."""
    by_ref = {book.ref: book for book in books}
    evaluated = []
    for result in results:
        if (book := by_ref.get(result.rulebook)) is None:
            raise ValueError(f"there is a result of {result.rulebook}, and no such book; give the books that were run")
        if (book.product, book.currency) != (product, currency):
            raise ValueError(f"{book.ref} judges a {book.product} in {book.currency}, not a {product} in {currency}")
        evaluated.append(EvaluatedBook(book, result))
    return sorted(evaluated, key=lambda each: each.book.order)


def _by_precedence(evaluated: Sequence[EvaluatedBook]) -> _Judgement:
    superseding = [each for each in evaluated if each.book.superseding]
    regular = [each for each in evaluated if not each.book.superseding]
    against = [each for each in superseding if each.rejects]
    if regular and all(each.rejects for each in regular):
        against += regular
    if against:
        return _Judgement(Verdict.REJECTED, principal_codes(against))
    passing = next((each for each in regular if each.passes), None)
    if passing and all(each.passes for each in superseding):
        return _Judgement(Verdict.APPROVED, deciding=passing)
    unknown = [each for each in (superseding if passing else evaluated) if each.unknown]
    return _Judgement(Verdict.REFERRED, principal_codes(unknown) if regular else (NO_BOOK,))


def due_by_amount(product: Product, profile: FloatProfile, books: Iterable[EligibilityBook]) -> dict[int, int]:
    """The amounts that a user has, each with what falls due from one pay, minor units.

    They are the enabled tiers of the profile; of a loan, which has no tiers, what the books offer, by the cheapest.
    """
    if product is Product.FLOAT:
        return {tier.amount: tier.due for tier in profile.tiers if tier.enabled}
    due: dict[int, int] = {}
    for book in books:
        for offer in book.offers:
            due[offer] = min(book.due_a_pay(offer), due.get(offer, MAX_MINOR))
    return dict(sorted(due.items()))


def _with_amounts(
    evaluated: Sequence[EvaluatedBook], deciding: EvaluatedBook, due: Mapping[int, int], affordability_cap: int | None
) -> _Judgement:
    """The approval with its amounts, or the verdict where none is left. `due` has what each amount costs from a pay."""
    amounts = tuple(due)
    might_decide = [
        each for each in evaluated[: evaluated.index(deciding)] if not each.book.superseding and each.might_pass
    ]
    opened = deciding.allowed(amounts)
    highest = min((max(each.allowed(amounts), default=0) for each in might_decide), default=None)
    certain = tuple(each for each in opened if highest is None or each <= highest)
    if not opened:
        return _Judgement(Verdict.REJECTED, (NO_AMOUNT,), deciding)
    if not certain:
        return _Judgement(Verdict.REFERRED, principal_codes(might_decide), deciding)
    if affordability_cap is None:
        rejects = deciding.book.on_unknown is OnUnknown.REJECT
        return _Judgement(Verdict.REJECTED if rejects else Verdict.REFERRED, (AFFORDABILITY_UNKNOWN,), deciding)
    affordable = tuple(each for each in certain if due[each] <= affordability_cap)
    if not affordable:
        return _Judgement(Verdict.REJECTED, (UNAFFORDABLE,), deciding)
    return _Judgement(Verdict.APPROVED, deciding=deciding, amounts=affordable)
