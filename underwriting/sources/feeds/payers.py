"""The name of a counterparty in a stable spelling: all transactions of one payer get one name."""

import re
from collections import defaultdict
from collections.abc import Set
from itertools import dropwhile

from underwriting.sources.feeds.words import BANK_WORDS, distinctive_words, words

# What banks write after a payer's name in an ACH line; each ends the name (NACHA file layout: company entry
# description, individual name and id, company id, entry class, trace).
_AFTER = re.compile(r"\b(?:des:|id:|indn:|co id:|conf#|ref ?#|(?:ppd|web(?! loan)|ccd|tel|trace|trn)\b)", re.IGNORECASE)
_MERCHANT = re.compile(r"merchant name:\s*(?P<name>.+)$", re.IGNORECASE)
# The first words identify a payer; after them come places and numbers that change.
NAME_WORDS = 4
# A name ends at its legal form, or before a place and state at the end of a line.
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
# The least letters of a word that the line cuts off.
_CUT_LETTERS = 3


def payer(description: str, counterparty: str | None) -> str | None:
    """The provider's name of the counterparty, else the one in the description; None where there is none.

    "ACME CORP DES:PAYROLL ID:0123" and "Acme Corp Payroll 4711" are both "acme".
    """
    named = counterparty or (merchant["name"] if (merchant := _MERCHANT.search(description)) else "")
    return _name(named) or _name(_AFTER.split(description, maxsplit=1)[0]) or _plain(description)


def names_somebody(description: str, counterparty: str | None) -> bool:
    """Whether the counterparty has a name, apart from the bank's words for the kind of booking."""
    return _name(counterparty or "") is not None or _name(_AFTER.split(description, maxsplit=1)[0]) is not None


def lender(description: str, counterparty: str | None, debt_words: frozenset[str], trade: frozenset[str]) -> str | None:
    """The name of a lender, the same for its payouts and its collections.

    It has no words of debts, and words of the lending trade only after a distinctive word, as in "Green Cash".
    """
    for text in (counterparty or "", _AFTER.split(description, maxsplit=1)[0], description):
        if own := list(dropwhile(trade.__contains__, _company(text, debt_words))):
            return " ".join(own[:NAME_WORDS])[:100]
    return payer(description, counterparty)


def short_names(names: Set[str]) -> dict[str, str]:
    """Each name's shortest spelling among `names` that begins it: "green dot" for "green dot visa".

    A beginning of two different names is not used: "green" begins "green dot" and "green arrow".
    """
    begun: dict[str, list[str]] = defaultdict(list)
    for name in names:
        for short in beginnings(name) & names:
            begun[short].append(name)
    clear = {short for short, found in begun.items() if beginnings(max(found, key=len)).issuperset(found)}
    return {name: min((beginnings(name) & clear) | {name}, key=len) for name in names}


def beginnings(name: str) -> frozenset[str]:
    """What a short line may show of a name: its first words; the last one may be cut off unless it is the first."""
    parts = name.split()
    whole = (" ".join(parts[:count]) for count in range(1, len(parts) + 1))
    cut_off = (
        " ".join((*parts[:count], parts[count][:letters]))
        for count in range(1, len(parts))
        for letters in range(_CUT_LETTERS, len(parts[count]))
    )
    return frozenset(whole).union(cut_off)


def _company(text: str, no_names: frozenset[str]) -> list[str]:
    """The distinctive words up to the company's legal form, or up to the place at the end of the line."""
    parts = [word for word in words(text) if not any(map(str.isdigit, word))]
    forms = (index for index, word in enumerate(parts) if word in _LEGAL_FORMS)
    end = next((index for index in forms if distinctive_words(tuple(parts[:index]))), None)
    if end is not None:
        del parts[end:]
    elif len(parts) > 1 and parts[-1] in _STATES:
        del parts[-1:]
        if len(parts) > 1 and parts[-1] not in BANK_WORDS | no_names:
            del parts[-1:]
            while len(parts) > 1 and parts[-1] in _PLACES_BEGIN:
                del parts[-1:]
    return [word for word in distinctive_words(tuple(parts)) if word not in no_names]


def _name(text: str) -> str | None:
    """The first distinctive words."""
    return " ".join(distinctive_words(words(text))[:NAME_WORDS])[:100] or None


def _plain(text: str) -> str | None:
    """All words without digits, for a payer whose name consists of the bank's words only."""
    return " ".join(word for word in words(text) if not any(map(str.isdigit, word)))[:100] or None
