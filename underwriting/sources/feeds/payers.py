"""Who is on the other side, in a stable spelling: what comes from one payer has one name."""

import re
from collections import defaultdict
from collections.abc import Set
from itertools import dropwhile

from underwriting.sources.feeds.words import BANK_WORDS, telling, words

# What banks put around a payer's name in an ACH line; each ends the name (NACHA file layout: company entry
# description, individual name and id, company id, entry class, trace).
_AFTER = re.compile(r"\b(?:des:|id:|indn:|co id:|conf#|ref ?#|(?:ppd|web(?! loan)|ccd|tel|trace|trn)\b)", re.IGNORECASE)
_MERCHANT = re.compile(r"merchant name:\s*(?P<name>.+)$", re.IGNORECASE)
# A name's first words tell it; after them come places and numbers that change.
NAME_WORDS = 4
# What follows a company's legal form, or is a place with its state at the end of a line, is no part of its name.
_LEGAL_FORMS = frozenset(words("inc llc ltd corp lp plc"))
_STATES = frozenset(
    words(
        "al ak az ar ca co ct dc de fl ga hi ia id il in ks ky la ma md me mi mn mo ms mt nc nd ne nh nj nm nv ny oh "
        "ok or pa ri sc sd tn tx ut va vt wa wi wv wy"
    )
)
_PLACES_BEGIN = frozenset(
    words("new san santa los las saint st fort ft el palo salt lake kansas rapid sioux grand long")
)
# What is left of a word that the line cuts off.
_CUT_LETTERS = 3


def payer(description: str, counterparty: str | None) -> str | None:
    """The provider's own name for the other side, else what the description says; None where nothing is left of it.

    "ACME CORP DES:PAYROLL ID:0123" and "Acme Corp Payroll 4711" are both "acme".
    """
    named = counterparty or (merchant["name"] if (merchant := _MERCHANT.search(description)) else "")
    return _name(named) or _name(_AFTER.split(description, maxsplit=1)[0]) or _plain(description)


def names_somebody(description: str, counterparty: str | None) -> bool:
    """Whether the other side has a name, other than the bank's words for the kind of booking."""
    return _name(counterparty or "") is not None or _name(_AFTER.split(description, maxsplit=1)[0]) is not None


def lender(description: str, counterparty: str | None, debt_words: frozenset[str], trade: frozenset[str]) -> str | None:
    """The name of a lender, whatever else its payouts and its collections say.

    Words of debts are no part of it, those of the lending trade only behind a word of its own, as in "Green Cash".
    """
    for text in (counterparty or "", _AFTER.split(description, maxsplit=1)[0], description):
        if own := list(dropwhile(trade.__contains__, _company(text, debt_words))):
            return " ".join(own[:NAME_WORDS])[:100]
    return payer(description, counterparty)


def short_names(names: Set[str]) -> dict[str, str]:
    """Each name's shortest spelling among them, which begins it: "green dot" for "green dot visa".

    What begins two names that differ, as "green" begins "green dot" and "green arrow", is neither.
    """
    begun: dict[str, list[str]] = defaultdict(list)
    for name in names:
        for short in beginnings(name) & names:
            begun[short].append(name)
    clear = {short for short, found in begun.items() if beginnings(max(found, key=len)).issuperset(found)}
    return {name: min((beginnings(name) & clear) | {name}, key=len) for name in names}


def beginnings(name: str) -> frozenset[str]:
    """What a line may leave of a name: its first words, of which the last may be cut off unless it is the first."""
    said = name.split()
    cuts = ((at, letters) for at, word in enumerate(said) if at for letters in range(_CUT_LETTERS, len(word)))
    cut_off = (" ".join((*said[:at], said[at][:letters])) for at, letters in cuts)
    return frozenset(" ".join(said[: at + 1]) for at in range(len(said))).union(cut_off)


def _company(text: str, no_names: frozenset[str]) -> list[str]:
    """The words up to the company's legal form, or up to the place at the end of the line, which tell something."""
    said = [word for word in words(text) if not any(map(str.isdigit, word))]
    form = next((at for at, word in enumerate(said) if word in _LEGAL_FORMS and telling(tuple(said[:at]))), None)
    if form is not None:
        del said[form:]
    elif len(said) > 1 and said[-1] in _STATES:
        del said[-1:]
        if len(said) > 1 and said[-1] not in BANK_WORDS | no_names:
            del said[-1:]
            while len(said) > 1 and said[-1] in _PLACES_BEGIN:
                del said[-1:]
    return [word for word in telling(tuple(said)) if word not in no_names]


def _name(text: str) -> str | None:
    """The first words that tell something."""
    return " ".join(telling(words(text))[:NAME_WORDS])[:100] or None


def _plain(text: str) -> str | None:
    """The same without sparing the bank's words, for a payer who is called nothing else."""
    return " ".join(word for word in words(text) if not any(map(str.isdigit, word)))[:100] or None
