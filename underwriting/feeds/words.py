"""Text as a bank writes it, in words that can be compared."""

import re

_NO_WORD = re.compile(r"[^\w]+|_+")
# Digits that the bank or the provider masked.
_MASK = re.compile(r"x{2,}")


def words(text: str) -> tuple[str, ...]:
    """The words of `text`, without case, punctuation and masked digits: "A.B. #12 XXX" is a, b, 12."""
    return tuple(word for word in _NO_WORD.split(text.casefold()) if word and not _MASK.fullmatch(word))
