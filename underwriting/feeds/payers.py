"""Who is on the other side, in a stable spelling: what comes from one payer has one name."""

import re

from underwriting.feeds.words import words

# What banks put around a payer's name in an ACH line; each ends the name (NACHA file layout: company entry
# description, individual name and id, company id, entry class, trace).
_AFTER = re.compile(r"\b(?:des:|id:|indn:|co id:|conf#|ref ?#|(?:ppd|web|ccd|tel|trace|trn)\b)", re.IGNORECASE)
_MERCHANT = re.compile(r"merchant name:\s*(?P<name>.+)$", re.IGNORECASE)
# Words of banks and of payroll that tell no payer from another.
_BANK_WORDS = frozenset(
    words(
        "ach deposit direct dep dd dir dirdep payroll payrll pay paycheck salary wages des credit debit electronic "
        "pmnt rcvd from to recurring purchase authorized on pos card checkcard check visa dda pur payment pymt pmt "
        "transaction transfer online banking mobile misc type withdrawal co inc llc ltd corp company the of via ext "
        "external jan january feb february mar march apr april may jun june jul july aug august sep sept september oct "
        "october nov november dec december"
    )
)
# A name's first words tell it; after them come places and numbers that change.
NAME_WORDS = 4


def payer(description: str, counterparty: str | None) -> str | None:
    """The provider's own name for the other side, else what the description says; None where nothing is left of it.

    "ACME CORP DES:PAYROLL ID:0123" and "Acme Corp Payroll 4711" are both "acme".
    """
    named = counterparty or (merchant["name"] if (merchant := _MERCHANT.search(description)) else "")
    return _name(named) or _name(_AFTER.split(description, maxsplit=1)[0]) or _plain(description)


def names_somebody(description: str, counterparty: str | None) -> bool:
    """Whether the other side has a name, other than the bank's words for the kind of booking."""
    return _name(counterparty or "") is not None or _name(_AFTER.split(description, maxsplit=1)[0]) is not None


def _name(text: str) -> str | None:
    """The first words that are no bank's, and have no digits."""
    telling = [word for word in words(text) if word not in _BANK_WORDS and not any(map(str.isdigit, word))]
    return " ".join(telling[:NAME_WORDS])[:100] or None


def _plain(text: str) -> str | None:
    """The same without sparing the bank's words, for a payer who is called nothing else."""
    return " ".join(word for word in words(text) if not any(map(str.isdigit, word)))[:100] or None
