"""Splits names into comparable words: one script, one case, and a weight for each word.

A name of any script becomes lower-case Latin words (`anyascii`). Arabic and Hebrew omit short vowels, so their
words are marked and compared by consonants; Chinese and Korean syllables become words of their own, which may join.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from math import sqrt
from typing import NamedTuple

from anyascii import anyascii
from ruamel.yaml import YAML

from underwriting.screening.spelling import likeness, sound


class Kind(StrEnum):
    """The kind of what has the name. Names are compared with names of the same kind only."""

    INDIVIDUAL = "individual"
    ENTITY = "entity"
    VESSEL = "vessel"
    AIRCRAFT = "aircraft"


class Role(StrEnum):
    """The role of a word in a name."""

    OWN = "own"
    COMMON = "common name"
    INITIAL = "initial"
    PARTICLE = "particle"
    TITLE = "title"
    GENERIC = "generic"
    LEGAL = "legal form"


# The weight of a role relative to a distinctive word. A word weighs the square root of its letters: longer words say
# more, but not in proportion.
_ROLE_WEIGHT = {
    Role.OWN: 1.0,
    Role.COMMON: 0.7,
    Role.INITIAL: 0.7,
    Role.GENERIC: 0.5,
    Role.PARTICLE: 0.3,
    Role.TITLE: 0.2,
    Role.LEGAL: 0.25,
}
# A legal form written out counts no more than its abbreviation.
_LEGAL_LETTERS = 4
_NO_FORMS: frozenset[str] = frozenset()
# An initial counts as a short word.
_INITIAL_LETTERS = 3
# Legal forms of this length are recognised even if misspelt.
_MISSPELT_LETTERS = 9
_MISSPELT = 0.85


class Script(StrEnum):
    """The kind of script in which a word was written."""

    ALPHABET = "alphabet"
    ABJAD = "abjad"
    SYLLABLES = "syllables"


class Word(NamedTuple):
    """One word in Latin letters, its role, weight and script, the kind of a legal form, and the names it is short for.

    `full` has the word itself where it is a name that has short forms.
    """

    text: str
    role: Role
    weight: float
    script: Script = Script.ALPHABET
    legal: str = ""
    full: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Name:
    """A name as written, and its words."""

    kind: Kind
    written: str
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Vocabulary:
    """The word lists of words.yaml, ready to look up."""

    roles: dict[str, Role]
    common: frozenset[str]
    generic: frozenset[str]
    abbreviations: dict[str, list[str]]
    legal: dict[tuple[str, ...], str]
    longest_legal: int
    numbers: dict[str, str]
    tens: dict[str, int]
    full: dict[str, frozenset[str]]


# "BOUT, Viktor" is spoken "Viktor BOUT".
_FAMILY_FIRST = re.compile("^([^,]+),([^,]+)$")
_SYLLABLE = re.compile("([\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af])")
_ABJAD = re.compile("[\u0590-\u06ff\u0750-\u077f]")
_APOSTROPHES = re.compile("['\"`´‘’ʻʼ“”«»]")
# Exceptions to transliteration by letter: the attached Arabic article; Hebrew letters with two sounds or for a vowel;
# Greek digraphs (ELOT 743).
_DIGRAPHS = tuple(
    (re.compile(pattern, re.IGNORECASE), latin)
    for pattern, latin in (
        (r"(?<!\w)ال(?=\w{3})", "al "),
        ("ב", "b"),
        ("ו", "w"),
        ("ظ", "z"),
        ("ο[υύ]", "ou"),
        (r"(?<!\w)μπ", "b"),
        (r"(?<!\w)ντ", "d"),
        (r"(?<!\w)γκ", "g"),
    )
)
_DOTTED = re.compile(r"\b(\w)\.(?=\w\b)")
_WORD = re.compile("[a-z0-9]+")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
# Digits in a person's name stand for letters: a typing error, or an attempt to evade the filter.
_LOOKALIKES = str.maketrans("0134579", "oieastg")


def parse_name(written: str, kind: Kind) -> Name:
    """Split a name; one without a letter or digit has no words."""
    individual = kind is Kind.INDIVIDUAL
    spoken = _FAMILY_FIRST.sub(r"\2 \1", written) if individual else written
    marked = [(word, _script(part)) for part in _parts(spoken) for word in _latin(part)]
    words = tuple(_person(marked) if individual else _organisation(marked))
    if all(word.role is Role.LEGAL for word in words):
        # A company named by a legal form only, such as "AB".
        words = tuple(Word(word.text, Role.OWN, sqrt(len(word.text)), word.script) for word in words)
    return Name(kind, written, words)


def _parts(written: str) -> list[str]:
    text = _APOSTROPHES.sub("", written).replace("&", " and ")
    return (text if text.isascii() else _respelled(text)).split()


def _respelled(text: str) -> str:
    # An invisible character must neither split nor change a word.
    text = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
    for digraph, latin in _DIGRAPHS:
        text = digraph.sub(latin, text)
    return _SYLLABLE.sub(r" \1 ", text)


def _script(part: str) -> Script:
    if part.isascii():
        return Script.ALPHABET
    if _ABJAD.search(part):
        return Script.ABJAD
    return Script.SYLLABLES if _SYLLABLE.search(part) else Script.ALPHABET


def _latin(part: str) -> list[str]:
    latin = part if part.isascii() else _APOSTROPHES.sub("", anyascii(part))
    return _WORD.findall(_DOTTED.sub(r"\1", latin.casefold()))


def _person(marked: Sequence[tuple[str, Script]]) -> Iterator[Word]:
    known = vocabulary()
    for raw, script in marked:
        text = raw if raw.isdigit() else raw.translate(_LOOKALIKES)
        role = known.roles.get(text, Role.COMMON if sound(text) in known.common else Role.OWN)
        letters = len(text)
        if letters == 1:
            role, letters = Role.INITIAL, _INITIAL_LETTERS
        full = known.full.get(text, _NO_FORMS)
        yield Word(text, role, sqrt(letters) * _ROLE_WEIGHT[role], script, full=full)


def _organisation(marked: Sequence[tuple[str, Script]]) -> Iterator[Word]:
    known = vocabulary()
    scripts = dict(marked)
    texts = _in_digits([text for word, _ in marked for text in known.abbreviations.get(word, [word])])
    start = 0
    while start < len(texts):
        length, legal = _legal_form(texts[start : start + known.longest_legal])
        text = " ".join(texts[start : start + length])
        start += length
        role = Role.LEGAL if legal else Role.GENERIC if text in known.generic else Role.OWN
        letters = min(len(text), _LEGAL_LETTERS) if legal else len(text)
        yield Word(text, role, sqrt(letters) * _ROLE_WEIGHT[role], scripts.get(text, Script.ALPHABET), legal)


def _legal_form(texts: Sequence[str]) -> tuple[int, str]:
    """How many words the longest legal form at the start of `texts` has, and its kind; (1, "") where there is none."""
    for length in range(len(texts), 0, -1):
        if legal := vocabulary().legal.get(tuple(texts[:length])):
            return length, legal
    return 1, _misspelt_legal_form(texts[0]) if len(texts[0]) >= _MISSPELT_LETTERS else ""


@lru_cache(maxsize=20_000)
def _misspelt_legal_form(text: str) -> str:
    long = (form for form in vocabulary().legal if len(form) == 1 and len(form[0]) >= _MISSPELT_LETTERS)
    return next((vocabulary().legal[form] for form in long if likeness(form[0], text) > _MISSPELT), "")


def _in_digits(texts: Sequence[str]) -> list[str]:
    known = vocabulary()
    digits: list[str] = []
    after_tens = False
    for text in texts:
        ordinal = _ORDINAL.fullmatch(text)
        number = ordinal[1] if ordinal else known.numbers.get(text, text)
        if after_tens and number.isdigit() and len(number) == 1:
            digits[-1] = str(int(digits[-1]) + int(number))
        else:
            digits.append(number)
        after_tens = text in known.tens
    return digits


@cache
def vocabulary() -> Vocabulary:
    """The word lists, read once."""
    words = YAML(typ="safe").load(files(__package__).joinpath("words.yaml").read_text("utf-8"))
    roles = dict.fromkeys(words["particles"].split(), Role.PARTICLE) | dict.fromkeys(
        words["titles"].split(), Role.TITLE
    )
    tens = {text: 10 * number for number, text in enumerate(words["tens"].split(), 2)}
    numbers = {text: str(tens[text]) for text in tens}
    for series, first in (("numbers", 1), ("ordinals", 1)):
        numbers |= {text: str(number) for number, text in enumerate(words[series].split(), first)}
    numbers |= {roman: str(number) for roman, number in words["roman"].items()}
    legal = {
        tuple(word for part in _parts(spelling) for word in _latin(part)): legal
        for legal, spellings in words["legal_forms"].items()
        for spelling in spellings.split(",")
    }
    generic = frozenset(words["generic"].split())
    abbreviations = {short: long.split() for short, long in words["abbreviations"].items()}
    common = frozenset(map(sound, words["common"].split()))
    longest = max(map(len, legal))
    return Vocabulary(roles, common, generic, abbreviations, legal, longest, numbers, tens, _full_names())


def _full_names() -> dict[str, frozenset[str]]:
    """Every name that has short forms, and every short form, with the names that it may stand for."""
    forms = YAML(typ="safe").load(files(__package__).joinpath("short_forms.yaml").read_text("utf-8"))
    full = defaultdict[str, set[str]](set)
    for names, short in forms.items():
        first, *_ = spelled = names.split()
        for word in (*spelled, *short.split()):
            full[word].add(first)
    return {word: frozenset(of) for word, of in full.items()}
