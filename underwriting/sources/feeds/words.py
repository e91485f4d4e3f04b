"""Splits the text of a bank line into comparable words."""

import re
import unicodedata

_NO_WORD = re.compile(r"[^\w]+|_+")
# Digits that the bank or the provider masked.
_MASK = re.compile(r"x{2,}")
_ACCENTS = re.compile(r"[\u0300-\u036f]")


def words(text: str) -> tuple[str, ...]:
    """The words of `text`, without case, accents, punctuation and masked digits: "Á.B. #12 XXX" is a, b, 12."""
    # Folded before accents go: a Greek iota below a letter is an accent in small letters and a letter in capitals.
    folded = unicodedata.normalize("NFKD", text).casefold()
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", folded))
    return tuple(word for word in _NO_WORD.split(plain) if word and not _MASK.fullmatch(word))


# Words of banks and of payroll, which do not distinguish payers.
BANK_WORDS = frozenset(
    words(
        "ach deposit direct dep dd dir dirdep payroll payrll pay paycheck salary wages des credit debit electronic "
        "pmnt rcvd from to recurring purchase authorized on pos card checkcard check visa dda pur payment pymt pmt "
        "transaction transfer online banking mobile misc type withdrawal co inc llc ltd corp company the of via ext "
        "external january jan february feb march mar april apr may june jun july jul august aug sep september sept "
        "october oct november nov december dec reversal reversed reverse refund refunded rfnd return returned"
    )
)


def distinctive_words(text: tuple[str, ...]) -> tuple[str, ...]:
    """The words that are not the bank's, and have no digits."""
    return tuple(word for word in text if word not in BANK_WORDS and not any(map(str.isdigit, word)))
