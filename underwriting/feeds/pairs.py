"""What only several transactions tell together: reversals, moves between own accounts, payers that also collect."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from underwriting.domain.histories import INCOME, Category
from underwriting.feeds.categoriser import NOT_REVERSED, Judgement
from underwriting.feeds.raw import RawTransaction
from underwriting.feeds.rulings import Certainty, rulings

# A transfer between two banks takes up to three banking days (NACHA), and a weekend may lie between.
TRANSFER_DAYS = 5
_FEES = frozenset({Category.FEE, Category.OVERDRAFT_FEE})
# What a move between own accounts may look like: where it leaves, and where it arrives.
_MAY_LEAVE = frozenset({None, Category.TRANSFER, Category.CASH, Category.SPENDING})
_MAY_ARRIVE = INCOME | {None, Category.TRANSFER}
# What a lender or a bookmaker collects, which tells what it paid out; and what else it may look like.
_COLLECTED = (Category.ADVANCE, Category.LOAN, Category.GAMBLING)
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


def judged_together(rows: Sequence[Judged]) -> list[Judged]:
    """The rows of all accounts in the same order, each with what the others tell of it."""
    found = list(rows)
    _match_reversals(found)
    _mark_own_transfers(found)
    _mark_collectors(found)
    return found


def _match_reversals(rows: list[Judged]) -> None:
    """A reversal has the category of the latest transaction before it that it takes back, where one is found."""
    opposite: dict[tuple[str, int], list[int]] = defaultdict(list)
    for at, one in enumerate(rows):
        if not one.raw.pending:
            opposite[one.raw.account_id, one.raw.amount].append(at)
    for at, one in enumerate(rows):
        candidates = [rows[other] for other in opposite.get((one.raw.account_id, -one.raw.amount), ())]
        reversed_ = [other for other in candidates if _takes_back(one, other)]
        if reversed_:
            latest = max(reversed_, key=lambda other: other.raw.booked_on)
            rows[at] = replace(
                one, judgement=replace(one.judgement, category=latest.category, counterparty=latest.counterparty)
            )


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
    # A payer that takes back to the cent what it has just paid needs no words for it.
    is_recall = one.raw.amount < 0 and one.category is None and other.category in INCOME
    return is_recall and same_name and days <= rulings().recall_days


def _mark_own_transfers(rows: list[Judged]) -> None:
    """Money that leaves one account and comes to another of the same user's, unless somebody else is known to pay."""
    arrivals: dict[int, list[int]] = defaultdict(list)
    for at, one in enumerate(rows):
        if one.raw.amount > 0 and not one.raw.pending and one.judgement.certainty is not Certainty.SURE:
            arrivals[one.raw.amount].append(at)
    for at, one in enumerate(rows):
        if one.raw.amount < 0 and not one.raw.pending:
            arrived = next((other for other in arrivals.get(-one.raw.amount, ()) if _moves(one, rows[other])), None)
            if arrived is not None:
                arrivals[-one.raw.amount].remove(arrived)
                rows[at], rows[arrived] = (rows[which].as_category(Category.TRANSFER) for which in (at, arrived))


def _moves(leaving: Judged, arriving: Judged) -> bool:
    """Whether the money that leaves one account may be what arrives in another within the days of a transfer.

    One of both has to be a transfer, or nobody is known to be on either side.
    """
    apart = abs((arriving.raw.booked_on - leaving.raw.booked_on).days)
    if leaving.raw.account_id == arriving.raw.account_id or apart > TRANSFER_DAYS:
        return False
    if leaving.category not in _MAY_LEAVE or arriving.category not in _MAY_ARRIVE:
        return False
    is_told = Category.TRANSFER in {leaving.category, arriving.category}
    return is_told or (_is_open(leaving) and _is_open(arriving))


def _is_open(one: Judged) -> bool:
    return one.category is None or one.judgement.certainty is Certainty.WEAK


def _mark_collectors(rows: list[Judged]) -> None:
    """Who takes back a good part of what he pays is no employer: it is a lender, or nobody can tell what it is."""
    by_first: dict[str, list[tuple[tuple[str, ...], Judged]]] = defaultdict(list)
    for one in rows:
        if one.counterparty and not one.judgement.reversal:
            name = tuple(one.counterparty.split())
            by_first[name[0]].append((name, one))
    verdicts = {
        payer: category
        for named in by_first.values()
        for payer in {name for name, one in named if one.raw.amount > 0 and one.category in INCOME}
        for category in _collected_as(payer, named)
    }
    for at, one in enumerate(rows):
        if one.category in INCOME and one.counterparty and (payer := tuple(one.counterparty.split())) in verdicts:
            rows[at] = one.as_category(verdicts[payer])


def _collected_as(payer: tuple[str, ...], named: Sequence[tuple[tuple[str, ...], Judged]]) -> Iterator[Category | None]:
    """What the payments of such a payer are, where it is one. The longer name may add a place or a purpose."""
    paid, taken, kinds = 0, 0, Counter[Category | None]()
    for name, one in named:
        if name == payer and one.category in INCOME:
            paid += max(0, one.raw.amount)
        elif one.raw.amount < 0 and one.category in _MAY_BE_COLLECTED and _same(name, payer):
            taken -= one.raw.amount
            kinds[one.category] -= one.raw.amount
    if taken and taken >= rulings().collects_share * paid:
        yield next((kind for kind, _ in kinds.most_common() if kind in _COLLECTED), None)


def _same(name: tuple[str, ...], payer: tuple[str, ...]) -> bool:
    shorter = min(len(name), len(payer))
    return name[:shorter] == payer[:shorter]
