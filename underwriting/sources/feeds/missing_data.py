"""What a feed lacks: transactions that are left out are counted, with the reason, so that the rest can be used."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from underwriting.domain.histories import TransactionFeed
from underwriting.sources.feeds.raw import RawTransaction, Skip, Skipped
from underwriting.sources.feeds.timing import timing


@dataclass(frozen=True)
class FeedReading:
    """A feed, and a description of what it lacks; None where it is complete."""

    feed: TransactionFeed
    missing: str | None


def limit_dates(rows: Iterable[RawTransaction], last: date) -> tuple[list[RawTransaction], list[Skipped]]:
    """The rows dated up to `last`, and those dated too far ahead.

    A date that is a few days ahead becomes `last`: what the bank already shows has happened.
    """
    dated, skipped = [], []
    for row in rows:
        ahead = (row.booked_on - last).days
        if ahead <= 0:
            dated.append(row)
        elif ahead <= timing().booked_ahead_days:
            dated.append(replace(row, booked_on=last))
        elif row.pending:
            skipped.append(Skipped(Skip.PLANNED, row.account_id, row.booked_on, pending=True))
        else:
            skipped.append(Skipped(Skip.DATED_AHEAD, row.account_id))
    return dated, skipped


def latest_unread_day(skipped: Iterable[Skipped], last: date) -> date | None:
    """The latest day with a skipped booking; a booking without a known day counts for `last`."""
    return max((one.booked_on or last for one in skipped if not one.pending), default=None)


def describe_missing(feed: TransactionFeed, skipped: Sequence[Skipped]) -> str | None:
    """What the feed lacks."""
    return "; ".join((*_states(feed), *_counted(skipped))) or None


def _states(feed: TransactionFeed) -> Iterator[str]:
    if feed.still_reading:
        yield "the provider is still reading older transactions"
    if feed.login_required:
        yield "the bank asks the user to log in again"
    if feed.changes_unknown:
        yield "the provider does not say which transactions the bank has changed or taken back"
    if feed.opening_balance is None:
        yield "the current balance is not known"
    if feed.holds is None:
        yield "the pending debits are not known"


def _counted(skipped: Sequence[Skipped]) -> Iterator[str]:
    if skipped:
        counts = Counter(one.why for one in skipped)
        reasons = ", ".join(f"{counts[why]} {why}" for why in Skip if why in counts)
        yield f"transactions left out: {reasons}"
