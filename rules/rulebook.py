"""A rulebook: which rules a review runs, in which order, with which properties. Data, published as versions."""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rules.book import PARSED, Book, book_from, read_book, read_document, read_file, shipped
from rules.eligibility.book import EligibilityBook
from rules.problems import RulebookError
from rules.rule import Rule
from rules.stages import Stages

__all__ = [
    "AnyBook",
    "Rulebook",
    "RulebookError",
    "Terms",
    "load_rulebook",
    "parse_rulebook",
    "rulebook_schema",
    "shipped_rulebooks",
]


class Terms(BaseModel):
    """What the product costs: the requested instalment follows from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    annual_rate: Annotated[
        Decimal,
        Field(ge=0, le=10, allow_inf_nan=False, description="0.24 is 24% a year"),
        # 0.24 and 0.240 are the same terms.
        AfterValidator(Decimal.normalize),
    ]
    months: Annotated[int, Field(strict=True, ge=1, le=120, description="Term, where the application names none")]


class Rulebook(Book):
    """Stages of checks with their rules, and what to do with an unknown."""

    kind: ClassVar[Literal["review", "eligibility"]] = "review"

    terms: Terms
    stages: Stages

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule in book order."""
        return tuple(rule for stage in self.stages for rules in stage.values() for rule in rules)

    @cached_property
    def checks(self) -> tuple[str, ...]:
        """Every check in book order."""
        return tuple(check for stage in self.stages for check in stage)

    def rules_of(self, check: str) -> tuple[Rule, ...]:
        """The rules of `check`; KeyError where the book has no such check."""
        for stage in self.stages:
            if check in stage:
                return stage[check]
        raise KeyError(f"{self.name} v{self.version} has no check {check}")


# A book that judges applications in stages, or one that judges users at once.
AnyBook = Rulebook | EligibilityBook


@lru_cache(maxsize=PARSED)
def parse_rulebook(text: str, origin: str = "rulebook") -> Rulebook:
    """Read a rulebook from YAML or its canonical form; RulebookError names every problem with `origin` and line."""
    return read_book(Rulebook, text, origin)


def load_rulebook(path: Path) -> AnyBook:
    """Read the book in a file, of eligibility where it has `rules`; RulebookError where it cannot be read or is wrong.

    A book has either `stages`, as the pre-screening's, or `rules`, as those of eligibility.
    """
    document = read_document(read_file(path), str(path), ", ".join(Rulebook.model_fields))
    if isinstance(document.value, dict) and "rules" in document.value and "stages" not in document.value:
        return book_from(EligibilityBook, document, str(path))
    return book_from(Rulebook, document, str(path))


@cache
def shipped_rulebooks() -> Mapping[str, Rulebook]:
    """The rulebooks of the pre-screening that come with the project, by name; read once."""
    return shipped(Rulebook)


def rulebook_schema() -> dict[str, Any]:
    """The JSON Schema of a rulebook, with every rule and its properties."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Rulebook.model_json_schema()}
