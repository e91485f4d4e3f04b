"""A person's decision on a referred evaluation: which amounts may be approved, and the result."""

from collections.abc import Iterable
from datetime import date, datetime

from rules.eligibility.book import EligibilityBook
from rules.eligibility.decide import due_by_amount
from underwriting.domain.application import Product
from underwriting.domain.decision import APPLICATION_NOTICE, Reason, Verdict
from underwriting.domain.eligibility import Decider, Eligibility
from underwriting.domain.money import Money
from underwriting.domain.profile import FloatProfile


def rejected(then: Eligibility, reasons: tuple[Reason, ...], requested_on: date, now: datetime) -> Eligibility:
    """The referral, rejected by a person for the reasons that the person chose.

    The day on which notice is due does not change, however long it waited for the person.
    """
    due = requested_on + APPLICATION_NOTICE
    changes = {"verdict": Verdict.REJECTED, "reasons": reasons, "notice_due": due}
    return then.model_copy(update={**changes, "decided_by": Decider.PERSON, "decided_at": now})


def approved(
    then: Eligibility,
    product: Product,
    books: Iterable[EligibilityBook],
    profile: FloatProfile,
    up_to: int | None,
    now: datetime,
) -> Eligibility:
    """The referral, approved by a person, with the amounts up to `up_to` minor units, or with all possible amounts.

    Possible are the amounts that the user has (`due_by_amount`, for a loan of all the books) and can afford, if the
    affordability cap is known: a person decides on what is not known, and cannot override what is. ValueError where
    none is possible, or `up_to` is too high or too low.
    """
    cap = then.affordability_cap
    due = due_by_amount(product, profile, books)
    allowed = tuple(amount for amount in due if cap is None or due[amount] <= cap)
    if not allowed:
        raise ValueError("there is no amount to approve: none is enabled, or none is affordable")
    if up_to is not None and up_to > allowed[-1]:
        highest = Money(minor=allowed[-1], currency=then.currency)
        why = "no higher amount is enabled" if allowed[-1] == max(due) else "the user can afford no more"
        raise ValueError(f"at most {highest} can be approved: {why}")
    amounts = tuple(each for each in allowed if up_to is None or each <= up_to)
    if not amounts:
        lowest = Money(minor=allowed[0], currency=then.currency)
        raise ValueError(f"at least {lowest} can be approved: there is no lower amount")
    changes = {"verdict": Verdict.APPROVED, "approved_amounts": amounts, "reasons": (), "notice_due": None}
    return then.model_copy(update={**changes, "decided_by": Decider.PERSON, "decided_at": now})
