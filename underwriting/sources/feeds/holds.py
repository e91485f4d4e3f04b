"""The pending debits that still reduce the available balance."""

from collections.abc import Sequence
from datetime import date

from underwriting.sources.feeds.categoriser import CategorisedTransaction
from underwriting.sources.feeds.timing import timing


def holds(rows: Sequence[CategorisedTransaction], as_of: date) -> int:
    """The sum of debits that are authorised and not booked yet, minor units. Pending deposits do not count.

    A hold expires after some days. It ends with its booking; where the bank does not name that booking, a later one of
    about the same amount by the same payee ends it. Each booking ends one hold.
    """
    debits = sorted((one for one in rows if one.raw.amount < 0), key=lambda one: one.raw.booked_on)
    booked = [one for one in debits if not one.raw.pending and one.raw.settles is None]
    held = 0
    for one in debits:
        if one.raw.pending and 0 <= (as_of - one.raw.booked_on).days <= timing().hold_days:
            if settling := [each for each in booked if _settles(each, one)]:
                booked.remove(min(settling, key=lambda each: abs(each.raw.amount - one.raw.amount)))
            else:
                held -= one.raw.amount
    return held


def _settles(booking: CategorisedTransaction, hold: CategorisedTransaction) -> bool:
    """Whether the booking may be that of the hold."""
    known = timing()
    if hold.counterparty is None or booking.counterparty != hold.counterparty:
        return False
    if not 0 <= (booking.raw.booked_on - hold.raw.booked_on).days <= known.settled_days:
        return False
    differs = abs(booking.raw.amount - hold.raw.amount)
    return differs <= known.settled_share * -hold.raw.amount or not known.any_amount.isdisjoint(booking.raw.codes)
