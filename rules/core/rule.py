"""What a rule is: one claim about facts, with typed properties."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo

from rules.core.columns import Column, Columns, Truth
from rules.core.wording import did_you_mean
from underwriting.domain.money import MAX_MINOR


@dataclass(frozen=True)
class Plausible:
    """Bounds outside which a number makes no sense: a book that is to be published has to keep them.

    They are not bounds of what can be read, since versions that were published before them stay readable. Of several
    on one property, the last one counts.
    """

    least: float | None = None
    most: float | None = None


# Ten years in days, which is also more than anybody counts.
Count = Annotated[int, Field(ge=0), Plausible(most=3_660)]
Ratio = Annotated[float, Field(ge=0), Plausible(most=10)]
# A part of a whole, such as of the income; 0.43 is 43%.
Part = Annotated[Ratio, Plausible(most=1)]
# A flow of money compared with the income, which it may exceed for a while.
TimesIncome = Annotated[Ratio, Plausible(most=3)]
Score = Annotated[float, Field(ge=0, le=1)]
MinorUnits = Annotated[
    int, Field(ge=-MAX_MINOR, le=MAX_MINOR, description="An amount in minor units of the rulebook's currency")
]
Amount = Annotated[int, Field(ge=0, le=MAX_MINOR)]
# Of floats repaid, or of renewals paid: capped at 8.
Rank = Annotated[int, Field(ge=0, le=8)]


def not_below(lower: str, value: int, given: ValidationInfo) -> int:
    """`value`, for a property that must not be below the one called `lower`."""
    if value < given.data.get(lower, value):
        raise ValueError(f"is below {lower}; raise it")
    return value


# `on_fail` of a rule whose failures always refer.
AlwaysRefer = Annotated[
    Literal["refer"], Field(exclude_if=lambda _: True, description="A failure of this rule always goes to a person")
]


class Facts:
    """The facts as a rule reads them: `facts.age_years` is that column. `names_read` has those read so far."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self.names_read: list[str] = []

    def __getattr__(self, name: str) -> Column:
        try:
            column = self._columns[name]
        except KeyError:
            hint = did_you_mean(name, self._columns, "the catalogue of facts lists them")
            raise AttributeError(f"no fact is called {name}; {hint}") from None
        self._note([name])
        return column

    def over(self, days: int, name: str) -> Column:
        """The fact `name` of the last `days` days; the catalogue has one fact for each window."""
        column: Column = getattr(self, f"{name}_{days}d")
        return column

    def derived(self, derive: "Derivation") -> Column:
        """What `derive` makes of the facts, computed once for all rules; the facts that it reads count as read."""
        if derive not in self._columns.derived:
            facts = Facts(self._columns)
            self._columns.derived[derive] = derive(facts), facts.names_read
        column, names = self._columns.derived[derive]
        self._note(names)
        return column

    def _note(self, names: Iterable[str]) -> None:
        self.names_read += [name for name in names if name not in self.names_read]


Derivation = Callable[[Facts], Column]


def derived(derive: Derivation) -> Derivation:
    """For a column that several rules derive from facts: it is computed once for them all."""
    return wraps(derive)(lambda facts: facts.derived(derive))


class Rule(BaseModel, ABC):
    """One claim about facts. Its class's docstring is the sentence that a credit officer would say.

    A rule belongs to the check that its module is named for. A claim passes where it is true, fails where it is
    false, and is unknown where it is NA; `fails_as` and `unknown_as` are the reason codes of the latter two.

    `on_fail` is the book's choice. With `refer`, a failure counts as unknown and goes to a person, with the reason of
    the failure.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    check: ClassVar[str]
    fails_as: ClassVar[str]
    unknown_as: ClassVar[str]
    # The reason code of rows in the grey band.
    grey_as: ClassVar[str | None] = None
    # The fact that names what is missing, where the rule fails because something is missing.
    missing_in: ClassVar[str | None] = None

    # The facts with the key factors of the score that the rule is about, the most important first.
    factors_in: ClassVar[tuple[str, ...]] = ()

    # Every code that `unknown_code` may give; and those of them that always refer, whatever the claim's result and the
    # book's `on_unknown`.
    unknown_codes: ClassVar[tuple[str, ...]] = ()
    concerns: ClassVar[tuple[str, ...]] = ()

    # Left out of the canonical form where it is `reject`, so that books without it keep their digest.
    on_fail: Annotated[
        Literal["reject", "refer"],
        Field(exclude_if=lambda choice: choice == "reject", description="What a failure does: reject, or refer"),
    ] = "reject"

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        """Take the check's name from the module, unless the class names its check."""
        if "check" not in vars(cls):
            cls.check = cls.__module__.rpartition(".")[2]

    @property
    def name(self) -> str:
        """What rulebooks and outcomes call the rule."""
        return type(self).__name__

    @classmethod
    def amounts(cls) -> frozenset[str]:
        """The properties that are amounts; their descriptions name the minor units."""
        return frozenset(name for name, field in cls.model_fields.items() if "minor units" in (field.description or ""))

    @abstractmethod
    def claim(self, facts: Facts) -> Truth:
        """Whether the claim holds, for each row; NA wherever it depends on a fact that is not known."""

    def cap(self, facts: Facts) -> Column | None:
        """The highest amount that each row is allowed where the claim holds, minor units; None without amounts.

        -1 sets no cap and 0 allows nothing, so that the rule fails. NA is not known, and so the rule is unknown.
        """
        return None

    def unknown_code(self, facts: Facts) -> Column | None:
        """For each row, the reason code to give where the rule is unknown; NA where the general code is right.

        The facts that it reads do not count as read by the rule.
        """
        return None

    def grey(self, facts: Facts) -> Truth | None:
        """Rows that a person has to look at although the claim holds, such as a possible match on a list."""
        return None
