"""A rulebook: which rules a review runs, in which order, with which properties. Data, published as versions."""

from datetime import date
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import rfc8785
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from rules.places import YamlProblem, read_yaml
from rules.problems import RulebookError, reworded, rulebook_error
from rules.rule import Rule
from rules.stages import Stages
from underwriting.domain.application import Product
from underwriting.domain.decision import OnUnknown, RulebookRef
from underwriting.domain.money import CurrencyCode

__all__ = [
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


class Rulebook(BaseModel):
    """Stages of checks with their rules, and what to do with an unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,63}$", description="Lower-case letters, digits and hyphens")]
    version: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
    product: Product
    currency: Annotated[CurrencyCode, Field(description="The currency of every amount in the book")]
    valid_from: date
    on_unknown: OnUnknown = OnUnknown.REFER
    # Among the books of a product: lower first, and whether this one has to pass whatever the others say.
    priority: Annotated[int, Field(strict=True, ge=0, le=10_000)] = 100
    superseding: Annotated[bool, Field(strict=True)] = False
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

    @cached_property
    def text(self) -> str:
        """The canonical form (RFC 8785 JSON, which is YAML too): what is published, stored and read back."""
        return rfc8785.dumps(self.model_dump(mode="json")).decode()

    @cached_property
    def ref(self) -> RulebookRef:
        """Name, version and digest: the very text that decides."""
        return RulebookRef(name=self.name, version=self.version, digest=sha256(self.text.encode()).hexdigest())


def parse_rulebook(text: str, origin: str = "rulebook") -> Rulebook:
    """Read a rulebook from YAML or its canonical form; RulebookError names every problem with `origin` and line."""
    try:
        document = read_yaml(text)
    except YamlProblem as problem:
        raise RulebookError([f"{origin}:{problem.line}: {problem.message}"]) from None
    if not isinstance(document.value, dict):
        raise RulebookError([f"{origin}:1: not a rulebook; it has the keys {', '.join(Rulebook.model_fields)}"])
    try:
        return Rulebook.model_validate(document.value)
    except ValidationError as error:
        raise rulebook_error(reworded(error, Rulebook), document, origin) from None


def load_rulebook(path: Path) -> Rulebook:
    """Read the rulebook in a file; RulebookError where it cannot be read or is wrong."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise RulebookError([f"{path}: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        raise RulebookError([f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8"]) from None
    return parse_rulebook(text, str(path))


def shipped_rulebooks() -> dict[str, Rulebook]:
    """The rulebooks that come with the project, by name."""
    shipped = sorted(files(__package__).joinpath("rulebooks").iterdir(), key=lambda file: file.name)
    books = [parse_rulebook(file.read_text("utf-8"), file.name) for file in shipped if file.name.endswith(".yaml")]
    return {book.name: book for book in books}


def rulebook_schema() -> dict[str, Any]:
    """The JSON Schema of a rulebook, with every rule and its properties."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Rulebook.model_json_schema()}
