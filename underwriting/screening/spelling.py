"""How alike two words are: by edits, by how they sound, and by consonants where a script leaves vowels out."""

import re
from functools import lru_cache

from rapidfuzz.distance import OSA

# One edit in every four letters, rounded down, but one in any word of two letters or more: the share at which
# Damerau's single errors (80% of misspellings) stay in and another name of the same length mostly stays out.
_EDITS_PER_LETTER = 0.25
# Sounding the same is almost being the same; sounding alike is less.
_SOUND = 0.97
_ALIKE = 0.90
_ALIKE_LETTERS = 4
# Equal consonants say the more, the more of them there are.
_CONSONANTS = {1: 0.6, 2: 0.8}
_MANY_CONSONANTS = 0.92

# One spelling for each sound, over the usual romanisations of Arabic, Cyrillic, Greek, Chinese and Korean names and
# the spellings of European languages. The order matters.
_SOUNDS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("tsch|tch|tj", "ch"),
        ("sch|sz", "sh"),
        ("ph", "f"),
        ("kh", "h"),
        ("gh", "g"),
        ("dzh|dj|zh", "j"),
        ("th", "t"),
        ("dh", "d"),
        ("ck|q", "k"),
        ("^x", "s"),
        ("x", "ks"),
        ("c(?=[eiy])", "s"),
        ("c(?!h)", "k"),
        ("w", "v"),
        ("ou|oo|eu", "u"),
        ("eo", "o"),
        ("(?<=[aeiou])j(?=$|[^aeiou])", "i"),
        ("ey|ay|ai", "ei"),
        ("ee|ie|iy|y", "i"),
        ("ae|oe", "e"),
        ("(?<=[aeiou])h(?=$|[^aeiou])", ""),
        ("z", "s"),
        (r"(.)\1+", r"\1"),
    )
)

# What romanisations and ears disagree about: voiced or unvoiced (Jong, Cho'ng; Gaddafi, Kadafi), e or i, o or u, h.
_LOOSE = str.maketrans({"g": "k", "j": "c", "d": "t", "b": "p", "e": "i", "o": "u", "h": None})
_SEMIVOWELS = str.maketrans("wy", "ui")
_ABJAD_LETTERS = str.maketrans("pvg", "bfj")


@lru_cache(maxsize=200_000)
def sound(word: str) -> str:
    """The word in one spelling for each sound."""
    for pattern, spelling in _SOUNDS:
        word = pattern.sub(spelling, word)
    return word


@lru_cache(maxsize=200_000)
def loose_sound(word: str) -> str:
    """The word in one spelling for all sounds that are easily taken for each other."""
    return sound(word).translate(_LOOSE)


@lru_cache(maxsize=50_000)
def consonants(word: str) -> str:
    """What a script without vowels writes of the word; w, y and a silent h are vowels there, p is b and v is f."""
    letters = re.sub("[aeiou]", "", sound(word.translate(_SEMIVOWELS)).translate(_ABJAD_LETTERS))
    return re.sub(r"(.)\1+", r"\1", letters[:1] + letters[1:].replace("h", ""))


def likeness(a: str, b: str) -> float:
    """0 (other words) to 1 (the same), symmetric; 0 where there are more edits than an error explains."""
    if a == b:
        return 1.0
    best = max(_edits(a, b), _SOUND * _edits(sound(a), sound(b)))
    if best < _ALIKE and min(len(a), len(b)) >= _ALIKE_LETTERS:
        best = max(best, _ALIKE * _edits(loose_sound(a), loose_sound(b)))
    return best


def sound_likeness(a: str, b: str) -> float:
    """The same for words that must sound the same, or alike, in every letter."""
    if a == b:
        return 1.0
    return _SOUND if sound(a) == sound(b) else _ALIKE if loose_sound(a) == loose_sound(b) else 0.0


def consonant_likeness(a: str, b: str) -> float:
    """The same for two words of which one was written without vowels."""
    ours, theirs = consonants(a), consonants(b)
    if ours and ours == theirs:
        return _CONSONANTS.get(len(ours), _MANY_CONSONANTS)
    return _MANY_CONSONANTS * _edits(ours, theirs) if min(len(ours), len(theirs)) > max(_CONSONANTS) else 0.0


@lru_cache(maxsize=200_000)
def _edits(a: str, b: str) -> float:
    letters = max(len(a), len(b))
    if letters < 2:  # noqa: PLR2004 - a letter alone has nothing to be an error in
        return float(a == b)
    edits = OSA.distance(a, b)
    return 1 - edits / letters if edits <= max(1, int(letters * _EDITS_PER_LETTER)) else 0.0
