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
from underwriting.sources.feeds.words import telling, words

WILD = "*"


class Certainty(StrEnum):
    """How well founded a category is: by decisive words, by a code or other words, or by a code that says little."""

    SURE = "sure"
    TOLD = "told"
    WEAK = "weak"


class Ruling(BaseModel):
    """One rule of categories.yaml: any of its words, with the sign and of the size, makes the category."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # None where the words show that nobody can tell, whatever weaker signs say.
    category: Category | None
    sign: Literal["in", "out"] | None = None
    # Major units, without sign.
    at_least: Decimal = Decimal(0)
    words: tuple[str, ...] = ()
    # Of payers whose name is known whatever they are called by: name to words.
    names: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    # One of these words has to be said as well, anywhere.
    beside: frozenset[str] = frozenset()
    # None of these words may be said.
    unless: frozenset[str] = frozenset()
    # The words tell that another transaction is reversed: its category counts, with the opposite sign. `category` is
    # for where nothing else tells what is reversed.
    reversal: bool = False

    def allows(self, said: frozenset[str]) -> bool:
        """Whether the other words that are said agree."""
        return (not self.beside or not self.beside.isdisjoint(said)) and self.unless.isdisjoint(said)

    def fits(self, amount: Decimal) -> bool:
        """Whether an amount of this sign and size, in major units, can be meant."""
        right_sign = self.sign is None or (amount > 0) == (self.sign == "in")
        return right_sign and amount != 0 and abs(amount) >= self.at_least


class Layer(BaseModel):
    """Rules on words, or what the provider's codes mean. A layer decides where those before it say nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[Ruling, ...] = ()
    # None where a code does not tell.
    codes: dict[str, Category | None] = Field(default_factory=dict)
    # Whether better evidence, as a pair of transfers between own accounts, may overrule what this layer says.
    certainty: Certainty = Certainty.TOLD


class Rulings(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: tuple[Layer, ...]
    small_purchase: Decimal
    # Days after a transaction within which it is reversed.
    reversal_days: int
    # Days within which a payer takes a whole payment back.
    recall_days: int
    # A payer that takes this share of what it pays is no employer.
    collects_share: Decimal
    # Words that do not tell one lender from another: anywhere, and before a word of the lender's own.
    debt_words: frozenset[str]
    trade_words: frozenset[str]
    # Words of a bank that sends a debit back unpaid, and of purchases, which no bank sends back.
    return_words: frozenset[str]
    purchase_words: frozenset[str]


@dataclass(frozen=True)
class _Phrase:
    """Words in a row that call for a rule, and the name of the payer who is called so."""

    words: tuple[str, ...]
    rank: int
    name: str | None
    # True where it has to be all that is said, but for the bank's words.
    whole: bool = False


# A rule, and the name of the payer by whom it was called for.
Calling = tuple[Ruling, str | None]


class Phrasebook:
    """Rules in order, found by the words of a description: in one pass, however many rules there are."""

    def __init__(self, rulings: Sequence[Ruling]) -> None:
        self._rulings = rulings
        self._by_first: dict[str, list[_Phrase]] = {}
        self._wild: list[tuple[str, _Phrase]] = []
        for phrase in _phrases(rulings):
            if WILD in phrase.words:
                self._wild.append((next(word for word in phrase.words if word != WILD), phrase))
            else:
                self._by_first.setdefault(phrase.words[0], []).append(phrase)
        self._beginnings = tuple(part for part, phrase in self._wild if phrase.words[0] != WILD)
        self._ends = tuple(part for part, phrase in self._wild if phrase.words[0] == WILD)

    def called_for(self, said: Iterable[tuple[str, ...]]) -> tuple[Calling, ...]:
        """The rules that what was said calls for, the first one first, whatever the amount; with the payers' names."""
        texts = tuple(said)
        found = {(phrase.rank, phrase.name) for text in texts for phrase in self._phrases_in(text)}
        every = frozenset(chain.from_iterable(texts))
        callings = ((self._rulings[rank], name) for rank, name in sorted(found, key=lambda one: one[0]))
        return tuple(one for one in callings if one[0].allows(every))

    def _phrases_in(self, said: tuple[str, ...]) -> Iterator[_Phrase]:
        for at, word in enumerate(said):
            for phrase in self._by_first.get(word, ()):
                if phrase.words == (telling(said) if phrase.whole else said[at : at + len(phrase.words)]):
                    yield phrase
            if word.startswith(self._beginnings) or word.endswith(self._ends):
                yield from self._wild_phrases_of(word)

    def _wild_phrases_of(self, word: str) -> Iterator[_Phrase]:
        for part, phrase in self._wild:
            if word != part and (word.endswith(part) if phrase.words[0] == WILD else word.startswith(part)):
                yield phrase


def _phrases(rulings: Iterable[Ruling]) -> Iterator[_Phrase]:
    for rank, ruling in enumerate(rulings):
        for text in ruling.words:
            yield _Phrase(_split(text), rank, None)
        for name, called in ruling.names.items():
            yield _Phrase(words(name), rank, name, whole=True)
            for text in called:
                yield _Phrase(_split(text), rank, name)


def _split(text: str) -> tuple[str, ...]:
    """The words of a phrase; a beginning is ("word", "*"), an end ("*", "word"), each with more letters."""
    before, after = (WILD,) * text.startswith(WILD), (WILD,) * text.endswith(WILD)
    return before + words(text) + after


@cache
def rulings() -> Rulings:
    """The rules of the package; a mistake in the file is an error at the first use."""
    text = files(__package__).joinpath("categories.yaml").read_text("utf-8")
    return Rulings.model_validate(YAML(typ="safe").load(text))


@cache
def phrasebooks() -> tuple[Phrasebook, ...]:
    """The words of each layer."""
    return tuple(Phrasebook(layer.rules) for layer in rulings().layers)
