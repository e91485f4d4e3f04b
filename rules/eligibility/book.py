"""A book of eligibility: rules that all have to pass, whom they apply to, and which amounts they open."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property, lru_cache
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from rules.book import PARSED, Book, read_book, shipped
from rules.eligibility.applicability import AppliesTo, Experiment
from rules.eligibility.arms import moved
from rules.eligibility.catalogue import USER_RULES
from rules.notation import reader_of, rules_schema, written
from rules.places import Path
from rules.problems import RulebookError, wrong, wrong_at
from rules.rule import Rule
from underwriting.domain.application import Product
from underwriting.domain.money import MAX_MINOR


def _each_once(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    if problems := list(_doubled(rules)):
        raise wrong_at(problems)
    return rules


def _doubled(rules: tuple[Rule, ...]) -> Iterator[tuple[Path, str]]:
    names = [rule.name for rule in rules]
    for place, name in enumerate(names):
        if name in names[:place]:
            yield (place, name), "stands twice; keep one"


def _rising(amounts: tuple[int, ...]) -> tuple[int, ...]:
    if list(amounts) != sorted(set(amounts)):
        raise wrong("have to rise, each amount once")
    return amounts


UserRule = Annotated[Rule, BeforeValidator(reader_of(USER_RULES)), PlainSerializer(written)]
Offer = Annotated[int, Field(strict=True, gt=0, le=MAX_MINOR)]


class EligibilityBook(Book):
    """Passes when all its rules pass, fails when any fails, else is unknown.

    A superseding book has to pass whatever the others say. The first regular one that passes, by priority, decides:
    it opens the amounts that it offers.
    """

    kind: ClassVar[Literal["review", "eligibility"]] = "eligibility"

    applies_to: AppliesTo = AppliesTo()
    offers: Annotated[
        tuple[Offer, ...], AfterValidator(_rising), Field(description="Amounts that the book opens, minor units")
    ] = ()
    # Left out of the canonical form where it is 1, so that books without instalments keep their digest.
    instalments: Annotated[
        int,
        Field(
            strict=True,
            ge=1,
            le=52,
            exclude_if=lambda pays: pays == 1,
            description="Into how many pays a loan is repaid, in equal parts; a float is repaid from one",
        ),
    ] = 1
    rules: Annotated[
        tuple[UserRule, ...],
        Field(min_length=1),
        AfterValidator(_each_once),
        WithJsonSchema({**rules_schema(USER_RULES), "description": "All of them have to pass"}),
    ]

    @model_validator(mode="after")
    def _offers_or_supersedes(self) -> Self:
        if problems := list(self._problems()):
            raise wrong_at(problems)
        return self

    def _problems(self) -> Iterator[tuple[Path, str]]:
        if self.superseding and self.offers:
            yield ("offers",), "a superseding book opens no amounts; leave them to the regular ones"
        if not self.superseding and not self.offers:
            yield ("offers",), "missing; list the amounts that the book opens, in minor units"
        if self.instalments > 1 and (self.superseding or self.product is not Product.LOAN):
            yield ("instalments",), "only a regular book for loans has instalments; leave them out"

    def due_a_pay(self, amount: int) -> int:
        """What is to be repaid from the first pay, minor units, for `amount`: an instalment, rounded up."""
        return -(-amount // self.instalments)

    @property
    def experiment(self) -> Experiment | None:
        """The experiment that the book takes part in, with its arm."""
        return self.applies_to.experiment

    @cached_property
    def order(self) -> tuple[bool, int, str, int]:
        """Where the book stands among others: superseding ones first, then by priority; by name where these agree."""
        return not self.superseding, self.priority, self.name, self.version


@lru_cache(maxsize=PARSED)
def parse_eligibility_book(text: str, origin: str = "rulebook") -> EligibilityBook:
    """Read a book from YAML or its canonical form; RulebookError names every problem with `origin` and line."""
    return read_book(EligibilityBook, text, origin)


def agree_on_experiments(books: Iterable[Book]) -> None:
    """RulebookError where books of one experiment give its arms different shares: an arm would be of two sizes."""
    first: dict[str, Book] = {}
    problems = []
    for book in books:
        if (experiment := book.experiment) is None:
            continue
        other = first.setdefault(experiment.name, book)
        if other.experiment and other.experiment.shares != experiment.shares:
            problems.append(
                f"{book.ref} and {other.ref} give the arms of the experiment {experiment.name} different shares; "
                "repeat the same in both"
            )
    if problems:
        raise RulebookError(problems)


def keep_arms(published: Iterable[Book], books: Iterable[Book]) -> None:
    """RulebookError where a new version of an experiment would move users who are in an arm already."""
    before = {book.experiment.name: book.experiment for book in published if book.experiment}
    problems = []
    for book in books:
        now = book.experiment
        if now and now.name in before and (share := moved(before[now.name], now)):
            problems.append(
                f"{book.ref} would move {share:.2%} of all users out of their arms of {now.name}; only raise "
                "shares, or give the experiment another name"
            )
    if problems:
        raise RulebookError(problems)


@cache
def shipped_eligibility_books() -> Mapping[str, EligibilityBook]:
    """The books of eligibility that come with the project, by name; read once."""
    return shipped(EligibilityBook, "eligibility")


def eligibility_schema() -> dict[str, Any]:
    """The JSON Schema of a book of eligibility, with every rule and its properties."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **EligibilityBook.model_json_schema()}
