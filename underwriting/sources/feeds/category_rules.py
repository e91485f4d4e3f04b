"""The categoriser's rules, read from categories.yaml."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML

from underwriting.domain.histories import Category
from underwriting.sources.feeds.words import distinctive_words, words

WILD = "*"


class Certainty(StrEnum):
    """How reliable a category is: by decisive words, by a code or other words, or by an unspecific code."""

    SURE = "sure"
    STATED = "stated"
    WEAK = "weak"


class CategoryRule(BaseModel):
    """One rule of categories.yaml: any of its words gives the category, if sign and size of the amount agree."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # None where the words show that the category is unknown, whatever weaker evidence says.
    category: Category | None
    sign: Literal["in", "out"] | None = None
    # Major units, without sign.
    at_least: Decimal = Decimal(0)
    words: tuple[str, ...] = ()
    # A payer's name, and the words under which it appears.
    names: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    # One of these words has to occur as well.
    beside: frozenset[str] = frozenset()
    # None of these words may occur.
    unless: frozenset[str] = frozenset()
    # The words say that another transaction is reversed: its category counts, with the opposite sign. `category` counts
    # where the reversed transaction is not found.
    reversal: bool = False

    def allows(self, text: frozenset[str]) -> bool:
        """Whether the words of the text satisfy `beside` and `unless`."""
        return (not self.beside or not self.beside.isdisjoint(text)) and self.unless.isdisjoint(text)

    def fits(self, amount: Decimal) -> bool:
        """Whether the rule is about amounts of this sign and size (major units)."""
        right_sign = self.sign is None or (amount > 0) == (self.sign == "in")
        return right_sign and amount != 0 and abs(amount) >= self.at_least


class Layer(BaseModel):
    """Rules on words, or categories by the provider's codes. A layer applies where those before it match nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[CategoryRule, ...] = ()
    # None where a code has no definite category.
    codes: dict[str, Category | None] = Field(default_factory=dict)
    # Whether better evidence, such as a transfer between own accounts, may overrule this layer.
    certainty: Certainty = Certainty.STATED


class CategoryRules(BaseModel):
    """The content of categories.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: tuple[Layer, ...]
    small_purchase: Decimal
    # Days after a transaction within which it is reversed.
    reversal_days: int
    # Days within which a payer takes a whole payment back.
    recall_days: int
    # A payer that collects this share of what it pays is not an employer.
    collects_share: Decimal
    # Words that do not distinguish lenders: anywhere, and before a distinctive word.
    debt_words: frozenset[str]
    trade_words: frozenset[str]
    # Words of a debit that the bank returns unpaid, and of purchases, which banks do not return.
    return_words: frozenset[str]
    purchase_words: frozenset[str]


@dataclass(frozen=True)
class _Phrase:
    """Consecutive words that match a rule, and the name of the payer who appears under them."""

    words: tuple[str, ...]
    rank: int
    name: str | None
    # True where it has to be the whole text, apart from the bank's words.
    is_whole_text: bool = False


# A rule, and the name of the payer whose words matched it.
RuleMatch = tuple[CategoryRule, str | None]


class PhraseIndex:
    """Finds the rules whose words occur in a text, in one pass, however many rules there are."""

    def __init__(self, rules: Sequence[CategoryRule]) -> None:
        self._rules = rules
        self._by_first: dict[str, list[_Phrase]] = {}
        self._wild: list[tuple[str, _Phrase]] = []
        for phrase in _phrases(rules):
            if WILD in phrase.words:
                self._wild.append((next(word for word in phrase.words if word != WILD), phrase))
            else:
                self._by_first.setdefault(phrase.words[0], []).append(phrase)
        self._beginnings = tuple(part for part, phrase in self._wild if phrase.words[0] != WILD)
        self._ends = tuple(part for part, phrase in self._wild if phrase.words[0] == WILD)

    def matches(self, texts: Sequence[tuple[str, ...]]) -> tuple[RuleMatch, ...]:
        """The rules that the texts match, in the order of the file, whatever the amount; with the payers' names."""
        found = {(phrase.rank, phrase.name) for text in texts for phrase in self._phrases_in(text)}
        every = frozenset(chain.from_iterable(texts))
        matches = ((self._rules[rank], name) for rank, name in sorted(found, key=lambda one: one[0]))
        return tuple(one for one in matches if one[0].allows(every))

    def _phrases_in(self, text: tuple[str, ...]) -> Iterator[_Phrase]:
        for start, word in enumerate(text):
            for phrase in self._by_first.get(word, ()):
                found = distinctive_words(text) if phrase.is_whole_text else text[start : start + len(phrase.words)]
                if phrase.words == found:
                    yield phrase
            if word.startswith(self._beginnings) or word.endswith(self._ends):
                yield from self._wild_phrases_of(word)

    def _wild_phrases_of(self, word: str) -> Iterator[_Phrase]:
        for part, phrase in self._wild:
            if word != part and (word.endswith(part) if phrase.words[0] == WILD else word.startswith(part)):
                yield phrase


def _phrases(rules: Iterable[CategoryRule]) -> Iterator[_Phrase]:
    for rank, rule in enumerate(rules):
        for text in rule.words:
            yield _Phrase(_split(text), rank, None)
        for name, spellings in rule.names.items():
            yield _Phrase(words(name), rank, name, is_whole_text=True)
            for text in spellings:
                yield _Phrase(_split(text), rank, name)


def _split(text: str) -> tuple[str, ...]:
    """The words of a phrase; "word*" is ("word", "*") and "*word" is ("*", "word"), with at least one more letter."""
    before, after = (WILD,) * text.startswith(WILD), (WILD,) * text.endswith(WILD)
    return before + words(text) + after


@cache
def category_rules() -> CategoryRules:
    """The rules of categories.yaml; a mistake in the file is an error at the first use."""
    text = files(__package__).joinpath("categories.yaml").read_text("utf-8")
    return CategoryRules.model_validate(YAML(typ="safe").load(text))


@cache
def phrase_indexes() -> tuple[PhraseIndex, ...]:
    """The index of each layer's words."""
    return tuple(PhraseIndex(layer.rules) for layer in category_rules().layers)
