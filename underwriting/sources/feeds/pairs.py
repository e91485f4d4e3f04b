"""What only several transactions tell together: reversals, moves between own accounts, payers that also collect."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from underwriting.domain.histories import INCOME, Category
from underwriting.sources.feeds.categoriser import NOT_REVERSED, PAY_CODES, Judgement
from underwriting.sources.feeds.payers import beginnings, short_names
from underwriting.sources.feeds.raw import RawTransaction
from underwriting.sources.feeds.rulings import Certainty, rulings
from underwriting.sources.feeds.words import telling, words

# A transfer between two banks takes up to three banking days (NACHA), and a weekend may lie between.
TRANSFER_DAYS = 5
_FEES = frozenset({Category.FEE, Category.OVERDRAFT_FEE})
# What a move between own accounts may look like: where it leaves, and where it arrives.
_MAY_LEAVE = frozenset({None, Category.TRANSFER, Category.CASH, Category.SPENDING})
_MAY_ARRIVE = INCOME | {None, Category.TRANSFER}
# What a lender or a bookmaker collects, which tells what it paid out; and what else it may look like.
_COLLECTED = (Category.ADVANCE, Category.LOAN, Category.GAMBLING)
_HABIT = 3
# A shorter first word, as in "US Foods", tells nobody.
_TELLING_LETTERS = 4
_DEBTS = frozenset({Category.ADVANCE, Category.LOAN})
# What a debit that comes back may look like, and the provider's codes of payments on debts.
_MAY_BE_RETURNED = frozenset({None, Category.REFUND}) | _DEBTS
_PAYMENT_CODES = "LOAN_PAYMENTS"
_MAY_BE_COLLECTED = frozenset({None, Category.TRANSFER, Category.SPENDING, *_COLLECTED})


@dataclass(frozen=True)
class Judged:
    """A transaction and what is known of it."""

    raw: RawTransaction
    judgement: Judgement

    @property
    def category(self) -> Category | None:
        """What it is for."""
        return self.judgement.category

    @property
    def counterparty(self) -> str | None:
        """Who is on the other side."""
        return self.judgement.counterparty

    def as_category(self, category: Category | None) -> "Judged":
        """The same transaction, known better."""
        return replace(self, judgement=replace(self.judgement, category=category))

    def named(self, counterparty: str | None) -> "Judged":
        """The same transaction, with this name on the other side."""
        return replace(self, judgement=replace(self.judgement, counterparty=counterparty))

    @property
    def said(self) -> frozenset[str]:
        """All that is said about it."""
        return frozenset(words(f"{self.raw.description} {self.raw.counterparty or ''}"))


def judged_together(rows: Sequence[Judged]) -> list[Judged]:
    """The rows of all accounts in the same order, each with what the others tell of it."""
    found = list(rows)
    _name_lenders(found)
    _match_reversals(found)
    _match_returned_debits(found)
    _mark_own_transfers(found)
    _mark_collectors(found)
    _mark_advances(found)
    return found


def _name_lenders(rows: list[Judged]) -> None:
    """One lender has one name, whatever its lines add to it."""
    lent = [at for at, one in enumerate(rows) if one.category in _DEBTS and one.counterparty]
    names = short_names({rows[at].counterparty or "" for at in lent})
    for at in lent:
        rows[at] = rows[at].named(names[rows[at].counterparty or ""])


def _match_reversals(rows: list[Judged]) -> None:
    """A reversal has the category of the latest transaction before it that it takes back, where one is found."""
    opposite: dict[tuple[str, int], list[int]] = defaultdict(list)
    for at, one in enumerate(rows):
        if not one.raw.pending:
            opposite[one.raw.account_id, one.raw.amount].append(at)
    for at, one in enumerate(rows):
        if not one.judgement.reversal and not _may_be_recall(one):
            continue
        candidates = [rows[other] for other in opposite.get((one.raw.account_id, -one.raw.amount), ())]
        reversed_ = [other for other in candidates if _takes_back(one, other)]
        if reversed_:
            latest = max(reversed_, key=lambda other: other.raw.booked_on)
            rows[at] = one.as_category(latest.category).named(latest.counterparty)


def _takes_back(one: Judged, other: Judged) -> bool:
    """Whether `one` may be the reversal of `other`, which has the opposite amount."""
    days = (one.raw.booked_on - other.raw.booked_on).days
    if days < 0 or other.judgement.reversal or other.category is None or other.category in NOT_REVERSED:
        return False
    same_name = one.counterparty is not None and one.counterparty == other.counterparty
    if one.judgement.reversal:
        is_fee = one.category in _FEES and other.category in _FEES
        is_told = one.category not in {None, Category.REFUND}
        return days <= rulings().reversal_days and (is_fee or (same_name and not is_told))
    return other.category in INCOME and same_name and days <= rulings().recall_days


def _may_be_recall(one: Judged) -> bool:
    """Whether a payer may take back what it has just paid: to the cent, it needs no words for it."""
    return one.raw.amount < 0 and one.category is None


def _match_returned_debits(rows: list[Judged]) -> None:
    """What looks like a refund may be a debit that the bank sent back: then it has all of its amount, days after it.

    It is one where the words say so, and untold where nothing says that a merchant gave it back.
    """
    debits: dict[tuple[str, int], list[Judged]] = defaultdict(list)
    for one in rows:
        if one.raw.amount < 0 and not one.raw.pending:
            debits[one.raw.account_id, -one.raw.amount].append(one)
    for at, one in enumerate(rows):
        if one.raw.amount <= 0 or not _may_be_returned(one):
            continue
        says_returned = not rulings().return_words.isdisjoint(one.said)
        if any(_sends_back(one, debit) for debit in debits.get((one.raw.account_id, one.raw.amount), ())):
            rows[at] = one.as_category(Category.RETURNED if says_returned else _untold(one))
        elif says_returned:
            rows[at] = one.as_category(_untold(one))


def _may_be_returned(one: Judged) -> bool:
    is_known = one.judgement.certainty is Certainty.SURE and one.category not in _DEBTS
    if one.raw.category or is_known or one.category not in _MAY_BE_RETURNED:
        return False
    return rulings().purchase_words.isdisjoint(one.said)


def _untold(one: Judged) -> Category | None:
    """What is left of a guess: a lender may pay out what it has just collected."""
    return one.category if one.category in _DEBTS and not _is_payment(one) else None


def _is_payment(one: Judged) -> bool:
    """Whether the provider says that it is a payment on a debt, which only comes in again where it is given back."""
    return any(code.startswith(_PAYMENT_CODES) for code in one.raw.codes)


def _sends_back(one: Judged, debit: Judged) -> bool:
    """Whether `one` may be all of `debit` sent back: days after it, with its name or with none, and no card's."""
    days = (one.raw.booked_on - debit.raw.booked_on).days
    if not 0 <= days <= rulings().recall_days or not rulings().purchase_words.isdisjoint(debit.said):
        return False
    named = frozenset(telling(tuple(one.said))) - rulings().return_words
    return not named or not named.isdisjoint(debit.said)


def _mark_own_transfers(rows: list[Judged]) -> None:
    """Money that leaves one account and comes to another of the same user's, unless somebody else is known to pay."""
    arrivals: dict[int, list[int]] = defaultdict(list)
    for at, one in enumerate(rows):
        if one.raw.amount > 0 and not one.raw.pending and one.judgement.certainty is not Certainty.SURE:
            arrivals[one.raw.amount].append(at)
    for at, one in enumerate(rows):
        if one.raw.amount < 0 and not one.raw.pending:
            possible = [other for other in arrivals.get(-one.raw.amount, ()) if _moves(one, rows[other])]
            arrived = min(possible, key=lambda other: _unlikely(one, rows[other]), default=None)
            if arrived is not None:
                arrivals[-one.raw.amount].remove(arrived)
                rows[at], rows[arrived] = (rows[which].as_category(Category.TRANSFER) for which in (at, arrived))


def _unlikely(leaving: Judged, arriving: Judged) -> tuple[bool, int]:
    """How unlikely it is that this money arrived here: a transfer first, and the nearest in time."""
    return arriving.category is not Category.TRANSFER, abs((arriving.raw.booked_on - leaving.raw.booked_on).days)


def _moves(leaving: Judged, arriving: Judged) -> bool:
    """Whether the money that leaves one account may be what arrives in another within the days of a transfer.

    One of both has to be a transfer, or nobody is known to be on either side.
    """
    apart = abs((arriving.raw.booked_on - leaving.raw.booked_on).days)
    if leaving.raw.account_id == arriving.raw.account_id or apart > TRANSFER_DAYS:
        return False
    if leaving.category not in _MAY_LEAVE or arriving.category not in _MAY_ARRIVE:
        return False
    # The provider knows who paid it.
    if arriving.category in INCOME and arriving.raw.codes and arriving.judgement.certainty is not Certainty.WEAK:
        return False
    is_told = Category.TRANSFER in {leaving.category, arriving.category}
    return is_told or (_is_open(leaving) and _is_open(arriving))


def _is_open(one: Judged) -> bool:
    return one.category is None or one.judgement.certainty is Certainty.WEAK


def _mark_collectors(rows: list[Judged]) -> None:
    """A payer that takes back a good part of what it pays is no employer, whatever the words and codes are."""
    named: dict[str, list[int]] = defaultdict(list)
    for at, one in enumerate(rows):
        if one.counterparty and not one.judgement.reversal:
            named[one.counterparty.casefold().split()[0]].append(at)
    for places in named.values():
        payers = {one.counterparty for one in (rows[at] for at in places) if one.category in INCOME}
        for payer in sorted(filter(None, payers)):
            _mark_collector(payer, rows, [at for at in places if _may_be_collector(payer, rows[at])])


def _may_be_collector(payer: str, one: Judged) -> bool:
    """Whether a transaction may be of this payer: by its name, or a debt by the first word of it."""
    collects = one.raw.amount < 0 and one.category in _COLLECTED and len(payer.split(maxsplit=1)[0]) >= _TELLING_LETTERS
    return collects or _same(payer, one.counterparty)


def _mark_collector(payer: str, rows: list[Judged], places: Sequence[int]) -> None:
    """What the payments of such a payer are: a lender's or a bookmaker's, or nobody can tell."""
    paid = [at for at in places if rows[at].category in INCOME and rows[at].counterparty == payer]
    taken = [at for at in places if rows[at].raw.amount < 0 and rows[at].category in _MAY_BE_COLLECTED]
    kinds = Counter[Category | None]()
    for at in taken:
        kinds[rows[at].category] -= rows[at].raw.amount
    share = rulings().collects_share
    # One payment taken back once is no habit.
    if not taken or len(places) < _HABIT or kinds.total() < share * sum(rows[at].raw.amount for at in paid):
        return
    # Debits that nobody can tell, by one who pays as much, are a lender's.
    likeliest = Category.LOAN if kinds.most_common(1)[0][0] is None else None
    kind = next((kind for kind, _ in kinds.most_common() if kind in _COLLECTED), likeliest)
    # Two that share a first word may be an employer and a lender; one that also lends, nobody can tell.
    is_other = any((rows[at].counterparty or "").casefold() != payer.casefold() for at in taken)
    is_employer = _is_employer([rows[at] for at in paid], kinds.total())
    if is_other and is_employer:
        return
    if is_other or is_employer:
        kind = None
    for at in (*paid, *(at for at in taken if kind and rows[at].category is None)):
        rows[at] = rows[at].as_category(kind).named(payer)


def _is_employer(paid: Sequence[Judged], taken: int) -> bool:
    """Whether a payer is told from a lender with a name like its own.

    The provider says that it pays for work, and it has paid more than is taken even without its last pay, which a
    lender has not collected yet.
    """
    before_last = sorted(paid, key=lambda one: one.raw.booked_on)[:-1]
    says_work = all(not PAY_CODES.isdisjoint(one.raw.codes) for one in paid)
    return says_work and len(paid) >= _HABIT and sum(one.raw.amount for one in before_last) > taken


def _mark_advances(rows: list[Judged]) -> None:
    """Payouts of one who collects repayments of advances only are advances: some codes do not tell them from loans."""
    collected: dict[str, set[Category | None]] = defaultdict(set)
    for one in rows:
        if one.raw.amount < 0 and one.counterparty and one.category in {Category.ADVANCE, Category.LOAN}:
            collected[one.counterparty].add(one.category)
    for at, one in enumerate(rows):
        is_loan = one.raw.amount > 0 and one.category is Category.LOAN
        if is_loan and collected.get(one.counterparty or "") == {Category.ADVANCE}:
            rows[at] = one.as_category(Category.ADVANCE)


def _same(payer: str, name: str | None) -> bool:
    """Whether two names are one, of which the longer adds a place or a purpose."""
    one, other = payer.casefold(), (name or "").casefold()
    return one in beginnings(other) or other in beginnings(one)
