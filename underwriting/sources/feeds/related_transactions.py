"""Corrects categories with the help of other transactions: reversals, transfers between own accounts, collectors."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from underwriting.domain.histories import INCOME, Category
from underwriting.sources.feeds.categoriser import DEBTS, FEES, NOT_REVERSED, PAY_CODES, CategorisedTransaction
from underwriting.sources.feeds.category_rules import Certainty, category_rules
from underwriting.sources.feeds.payers import beginnings, short_names
from underwriting.sources.feeds.words import distinctive_words

# A transfer between two banks takes up to three banking days (NACHA), and a weekend may lie between.
TRANSFER_DAYS = 5
# Categories that a transfer between own accounts may have been given: where it leaves, and where it arrives.
_MAY_LEAVE = frozenset({None, Category.TRANSFER, Category.CASH, Category.SPENDING})
_MAY_ARRIVE = INCOME | {None, Category.TRANSFER}
# What a lender or a bookmaker collects, which shows what its payouts are; and what else a collection may look like.
_COLLECTED = (Category.ADVANCE, Category.LOAN, Category.GAMBLING)
_MAY_BE_COLLECTED = frozenset({None, Category.TRANSFER, Category.SPENDING, *_COLLECTED})
# So many transactions are a pattern.
_PATTERN = 3
# A shorter first word, as in "US Foods", identifies nobody.
_DISTINCTIVE_LETTERS = 4
# Categories that a returned debit may have been given, and the prefix of the provider's codes of payments on debts.
_MAY_BE_RETURNED = DEBTS | {None, Category.REFUND}
_PAYMENT_CODES = "LOAN_PAYMENTS"


def correct_categories(rows: Iterable[CategorisedTransaction]) -> list[CategorisedTransaction]:
    """The rows of all accounts in the same order, each corrected by what the others show."""
    found = list(rows)
    _name_lenders(found)
    _match_reversals(found)
    _match_returned_debits(found)
    _match_own_transfers(found)
    _correct_collectors(found)
    _correct_advances(found)
    return found


def _name_lenders(rows: list[CategorisedTransaction]) -> None:
    """Give each lender one name, whatever its lines add to it."""
    debts = [index for index, one in enumerate(rows) if one.category in DEBTS and one.counterparty]
    names = short_names({rows[index].counterparty or "" for index in debts})
    for index in debts:
        rows[index] = replace(rows[index], counterparty=names[rows[index].counterparty or ""])


def _match_reversals(rows: list[CategorisedTransaction]) -> None:
    """Give a reversal the category of the latest earlier transaction that it may reverse, where there is one."""
    booked: dict[tuple[str, int], list[int]] = defaultdict(list)
    for index, one in enumerate(rows):
        if not one.raw.pending:
            booked[one.raw.account_id, one.raw.amount].append(index)
    for index, one in enumerate(rows):
        # A payer may take back a pay to the cent without words of a reversal.
        if one.reversal or (one.raw.amount < 0 and one.category is None):
            opposite = (rows[other] for other in booked.get((one.raw.account_id, -one.raw.amount), ()))
            reversed_ = [other for other in opposite if _reverses(one, other)]
            if reversed_:
                latest = max(reversed_, key=lambda other: other.raw.booked_on)
                rows[index] = replace(one, category=latest.category, counterparty=latest.counterparty)


def _reverses(one: CategorisedTransaction, other: CategorisedTransaction) -> bool:
    """Whether `one` may be the reversal of `other`, which has the opposite amount."""
    days = (one.raw.booked_on - other.raw.booked_on).days
    if days < 0 or other.reversal or other.category is None or other.category in NOT_REVERSED:
        return False
    same_name = one.counterparty is not None and one.counterparty == other.counterparty
    if one.reversal:
        both_fees = one.category in FEES and other.category in FEES
        is_open = one.category in {None, Category.REFUND}
        return days <= category_rules().reversal_days and (both_fees or (same_name and is_open))
    return other.category in INCOME and same_name and days <= category_rules().recall_days


def _match_returned_debits(rows: list[CategorisedTransaction]) -> None:
    """Find debits that the bank sent back: credits of the whole amount of a debit, within days after it.

    With words of a return such a credit is a returned debit; without, and without words of a purchase, it is unknown.
    """
    debits: dict[tuple[str, int], list[CategorisedTransaction]] = defaultdict(list)
    for one in rows:
        if one.raw.amount < 0 and not one.raw.pending:
            debits[one.raw.account_id, -one.raw.amount].append(one)
    for index, one in enumerate(rows):
        if one.raw.amount <= 0 or not _may_be_returned(one):
            continue
        has_return_words = not category_rules().return_words.isdisjoint(one.words)
        if any(_returns(one, debit) for debit in debits.get((one.raw.account_id, one.raw.amount), ())):
            rows[index] = one.with_category(Category.RETURNED if has_return_words else _payout_or_unknown(one))
        elif has_return_words:
            rows[index] = one.with_category(_payout_or_unknown(one))


def _may_be_returned(one: CategorisedTransaction) -> bool:
    is_sure = one.certainty is Certainty.SURE and one.category not in DEBTS
    if one.raw.category or is_sure or one.category not in _MAY_BE_RETURNED:
        return False
    return category_rules().purchase_words.isdisjoint(one.words)


def _payout_or_unknown(one: CategorisedTransaction) -> Category | None:
    """A lender may pay out the amount that it has just collected; anything else is unknown.

    A payment on a debt, by the provider's code, only comes in again where it is given back.
    """
    is_payment = any(code.startswith(_PAYMENT_CODES) for code in one.raw.codes)
    return one.category if one.category in DEBTS and not is_payment else None


def _returns(one: CategorisedTransaction, debit: CategorisedTransaction) -> bool:
    """Whether `one` may return the whole `debit`: days after it, with its name or none, and not a card purchase."""
    days = (one.raw.booked_on - debit.raw.booked_on).days
    if not 0 <= days <= category_rules().recall_days or not category_rules().purchase_words.isdisjoint(debit.words):
        return False
    name = frozenset(distinctive_words(tuple(one.words))) - category_rules().return_words
    return not name or not name.isdisjoint(debit.words)


def _match_own_transfers(rows: list[CategorisedTransaction]) -> None:
    """Find money that moves between two accounts of the user, unless somebody else is known to have paid it."""
    arrivals: dict[int, list[int]] = defaultdict(list)
    for index, one in enumerate(rows):
        if one.raw.amount > 0 and not one.raw.pending and one.certainty is not Certainty.SURE:
            arrivals[one.raw.amount].append(index)
    for index, one in enumerate(rows):
        if one.raw.amount < 0 and not one.raw.pending:
            candidates = arrivals.get(-one.raw.amount, [])
            possible = [other for other in candidates if _may_be_transfer(one, rows[other])]
            if possible:
                arrival = min(possible, key=lambda other: _match_rank(one, rows[other]))
                candidates.remove(arrival)
                for side in (index, arrival):
                    rows[side] = rows[side].with_category(Category.TRANSFER)


def _match_rank(leaving: CategorisedTransaction, arriving: CategorisedTransaction) -> tuple[bool, int]:
    """Lower is likelier: a known transfer first, then the nearest in time."""
    return arriving.category is not Category.TRANSFER, abs((arriving.raw.booked_on - leaving.raw.booked_on).days)


def _may_be_transfer(leaving: CategorisedTransaction, arriving: CategorisedTransaction) -> bool:
    """Whether the money that leaves one account may arrive in the other: within days, and by both categories.

    One of the two has to be a transfer, or the categories of both are uncertain.
    """
    apart = abs((arriving.raw.booked_on - leaving.raw.booked_on).days)
    if leaving.raw.account_id == arriving.raw.account_id or apart > TRANSFER_DAYS:
        return False
    if leaving.category not in _MAY_LEAVE or arriving.category not in _MAY_ARRIVE:
        return False
    # The provider knows who paid it.
    if arriving.category in INCOME and arriving.raw.codes and arriving.certainty is not Certainty.WEAK:
        return False
    return Category.TRANSFER in {leaving.category, arriving.category} or (_is_open(leaving) and _is_open(arriving))


def _is_open(one: CategorisedTransaction) -> bool:
    return one.category is None or one.certainty is Certainty.WEAK


def _correct_collectors(rows: list[CategorisedTransaction]) -> None:
    """A payer that collects a good part of what it pays is not an employer, whatever its words and codes are."""
    by_first_word: dict[str, list[int]] = defaultdict(list)
    for index, one in enumerate(rows):
        if one.counterparty and not one.reversal:
            by_first_word[one.counterparty.casefold().split()[0]].append(index)
    for indexes in by_first_word.values():
        payers = {rows[index].counterparty for index in indexes if rows[index].category in INCOME}
        for payer in sorted(filter(None, payers)):
            _correct_collector(payer, rows, [index for index in indexes if _may_be_of(payer, rows[index])])


def _may_be_of(payer: str, one: CategorisedTransaction) -> bool:
    """Whether a transaction may be the payer's: by its name, or a debt by the first word of the name."""
    collects = one.raw.amount < 0 and one.category in _COLLECTED
    if collects and len(payer.split(maxsplit=1)[0]) >= _DISTINCTIVE_LETTERS:
        return True
    # Of two spellings of one name, the longer one adds a place or a purpose.
    first, second = payer.casefold(), (one.counterparty or "").casefold()
    return first in beginnings(second) or second in beginnings(first)


def _correct_collector(payer: str, rows: list[CategorisedTransaction], indexes: Sequence[int]) -> None:
    """Give the payments of such a payer the category of what it collects, or none where that is uncertain."""
    paid = [index for index in indexes if rows[index].category in INCOME and rows[index].counterparty == payer]
    taken = [index for index in indexes if rows[index].raw.amount < 0 and rows[index].category in _MAY_BE_COLLECTED]
    amounts = Counter[Category | None]()
    for index in taken:
        amounts[rows[index].category] -= rows[index].raw.amount
    share = category_rules().collects_share
    # One payment that is taken back once is no pattern.
    if not taken or len(indexes) < _PATTERN or amounts.total() < share * sum(rows[index].raw.amount for index in paid):
        return
    # Uncategorised debits of a payer that pays as much are a lender's.
    likeliest = Category.LOAN if amounts.most_common(1)[0][0] is None else None
    category = next((each for each, _ in amounts.most_common() if each in _COLLECTED), likeliest)
    # Two names with one first word may be an employer and a lender. An employer that also lends is uncertain.
    is_other = any((rows[index].counterparty or "").casefold() != payer.casefold() for index in taken)
    is_employer = _is_employer([rows[index] for index in paid], amounts.total())
    if is_other and is_employer:
        return
    if is_other or is_employer:
        category = None
    for index in (*paid, *(index for index in taken if category and rows[index].category is None)):
        rows[index] = replace(rows[index], category=category, counterparty=payer)


def _is_employer(paid: Sequence[CategorisedTransaction], taken: int) -> bool:
    """Whether a payer is an employer, although a lender has a similar name.

    The provider's codes say pay for work, and the payments without the last one, which a lender has not collected
    yet, exceed what was taken.
    """
    before_last = sorted(paid, key=lambda one: one.raw.booked_on)[:-1]
    has_pay_codes = all(not PAY_CODES.isdisjoint(one.raw.codes) for one in paid)
    return has_pay_codes and len(paid) >= _PATTERN and sum(one.raw.amount for one in before_last) > taken


def _correct_advances(rows: list[CategorisedTransaction]) -> None:
    """Payouts of a payer that only collects advances are advances: some codes do not distinguish them from loans."""
    collected: dict[str, set[Category | None]] = defaultdict(set)
    for one in rows:
        if one.raw.amount < 0 and one.counterparty and one.category in DEBTS:
            collected[one.counterparty].add(one.category)
    for index, one in enumerate(rows):
        is_loan = one.raw.amount > 0 and one.category is Category.LOAN
        if is_loan and collected.get(one.counterparty or "") == {Category.ADVANCE}:
            rows[index] = one.with_category(Category.ADVANCE)
