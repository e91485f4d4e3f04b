"""Who is on the other side, in a stable spelling: what comes from one payer has one name."""

import re

from underwriting.feeds.words import telling, words

# What banks put around a payer's name in an ACH line; each ends the name (NACHA file layout: company entry
# description, individual name and id, company id, entry class, trace).
_AFTER = re.compile(r"\b(?:des:|id:|indn:|co id:|conf#|ref ?#|(?:ppd|web|ccd|tel|trace|trn)\b)", re.IGNORECASE)
_MERCHANT = re.compile(r"merchant name:\s*(?P<name>.+)$", re.IGNORECASE)
# A name's first words tell it; after them come places and numbers that change.
NAME_WORDS = 4
# A word of so many letters tells a lender; a shorter one, as in "One Main", does so with the next word.
_TELLING_LETTERS = 4


def payer(description: str, counterparty: str | None) -> str | None:
    """The provider's own name for the other side, else what the description says; None where nothing is left of it.

    "ACME CORP DES:PAYROLL ID:0123" and "Acme Corp Payroll 4711" are both "acme".
    """
    named = counterparty or (merchant["name"] if (merchant := _MERCHANT.search(description)) else "")
    return _name(named) or _name(_AFTER.split(description, maxsplit=1)[0]) or _plain(description)


def names_somebody(description: str, counterparty: str | None) -> bool:
    """Whether the other side has a name, other than the bank's words for the kind of booking."""
    return _name(counterparty or "") is not None or _name(_AFTER.split(description, maxsplit=1)[0]) is not None


def lender(description: str, counterparty: str | None, debt_words: frozenset[str]) -> str | None:
    """The name of a lender, the same for its payout and its collection, whatever else either line says.

    It is the first word that is neither the bank's nor one of debts; the first two where that one is short.
    """
    for text in (counterparty or "", _AFTER.split(description, maxsplit=1)[0], description):
        if named := [word for word in telling(words(text)) if word not in debt_words]:
            return " ".join(named[: 1 if len(named[0]) >= _TELLING_LETTERS else 2])[:100]
    return payer(description, counterparty)


def _name(text: str) -> str | None:
    """The first words that tell something."""
    return " ".join(telling(words(text))[:NAME_WORDS])[:100] or None


def _plain(text: str) -> str | None:
    """The same without sparing the bank's words, for a payer who is called nothing else."""
    return " ".join(word for word in words(text) if not any(map(str.isdigit, word)))[:100] or None
