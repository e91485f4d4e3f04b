"""A book of eligibility: rules that all have to pass, whom they apply to, and which amounts they offer."""

from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, Decimal
from functools import cache, cached_property, lru_cache
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from rules.core.edition import PARSED, Book, read_book, shipped
from rules.core.experiments import Experiment
from rules.core.problems import wrong, wrong_at
from rules.core.rule import Rule
from rules.core.rule_syntax import reader_of, rules_schema, written
from rules.core.yaml_source import Path
from rules.eligibility.applicability import AppliesTo
from rules.eligibility.catalogue import USER_RULES
from rules.eligibility.categories.loans import MilitaryRate
from underwriting.domain.application import Product
from underwriting.domain.money import MAX_MINOR, annual_percentage_rate

_YEAR = 365
# Of monthly pay; users who are paid more often pay less interest.
_LONGEST_PAY_PERIOD = 31
# A fee raises the annual rate the most if it is repaid weekly.
_SHORTEST_PAY_PERIOD = 7
# A subscription is renewed at the start of each month.
_SHORTEST_MONTH = 28
_OF_LOANS = frozenset({"instalments", "annual_rate", "fee", "subscription_fee", "instalment_days"})


def _each_once(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    if problems := list(_doubled(rules)):
        raise wrong_at(problems)
    return rules


def _doubled(rules: tuple[Rule, ...]) -> Iterator[tuple[Path, str]]:
    names = [rule.name for rule in rules]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield (index, name), "appears twice; keep one"


def _rising(amounts: tuple[int, ...]) -> tuple[int, ...]:
    if list(amounts) != sorted(set(amounts)):
        raise wrong("have to rise, each amount once")
    return amounts


UserRule = Annotated[Rule, BeforeValidator(reader_of(USER_RULES)), PlainSerializer(written)]
Offer = Annotated[int, Field(strict=True, gt=0, le=MAX_MINOR)]


class EligibilityBook(Book):
    """Passes when all its rules pass, fails when any fails, else is unknown.

    A superseding book has to pass whatever the others decide. The first regular one that passes, by priority, decides:
    the amounts are those that it offers.
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
            description="Number of pays from which a loan is repaid, in equal parts; a float is repaid from one",
        ),
    ] = 1
    # The costs of a loan, left out of the canonical form where they are the defaults.
    annual_rate: Annotated[
        Decimal,
        Field(
            ge=0,
            le=10,
            allow_inf_nan=False,
            exclude_if=lambda rate: rate == 0,
            description="0.24 is 24% of interest a year; of loans only, and without the fee",
        ),
        # 0.24 and 0.240 are the same costs.
        AfterValidator(Decimal.normalize),
    ] = Decimal(0)
    fee: Annotated[
        int,
        Field(
            strict=True,
            ge=0,
            le=MAX_MINOR,
            exclude_if=lambda fee: fee == 0,
            description="Fee of a loan, minor units, repaid with it; a float's fee is its tier's",
        ),
    ] = 0
    subscription_fee: Annotated[
        int,
        Field(
            strict=True,
            ge=0,
            le=MAX_MINOR,
            exclude_if=lambda fee: fee == 0,
            description="Monthly price of the subscription that a loan requires, minor units; it is paid beside the "
            "loan, and counts in its military annual percentage rate",
        ),
    ] = 0
    instalment_days: Annotated[
        int,
        Field(
            strict=True,
            ge=1,
            le=366,
            exclude_if=lambda days: days == _LONGEST_PAY_PERIOD,
            description="Days of interest from one instalment to the next",
        ),
    ] = _LONGEST_PAY_PERIOD
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
        if self.superseding or self.product is not Product.LOAN:
            for name in sorted(_OF_LOANS & self.model_fields_set):
                if getattr(self, name) != type(self).model_fields[name].default:
                    yield (name,), f"only a regular book for loans has {name}; leave it out"
        elif self.offers:
            yield from self._understated()

    def _understated(self) -> Iterator[tuple[Path, str]]:
        """A rate in the rule on the Military Lending Act that is below the rate by the book's own costs."""
        for index, rule in enumerate(self.rules):
            if isinstance(rule, MilitaryRate) and self._costs >= 1:
                yield ("offers", 0), f"{self.offers[0]} is no more than what the loan costs; amounts are in minor units"
            elif isinstance(rule, MilitaryRate) and Decimal(str(rule.mapr)) < self.mapr:
                message = (
                    f"is below {self.mapr.normalize():f}, the rate of {self.offers[0]} by the book's costs; raise it"
                )
                yield ("rules", index, rule.name, "mapr"), message

    def due_a_pay(self, amount: int) -> int:
        """What is to be repaid from one pay, minor units, for a loan of `amount`: an instalment, rounded up.

        All instalments are equal; each has its part of the amount, the fee and the interest on what is still owed.
        """
        rate = self.annual_rate * self.instalment_days / _YEAR
        owed = Decimal(amount + self.fee)
        instalment = owed * rate / (1 - (1 + rate) ** -self.instalments) if rate else owed / self.instalments
        return int(instalment.to_integral_value(ROUND_CEILING))

    @property
    def mapr(self) -> Decimal:
        """The highest military annual percentage rate of the book's amounts: the lowest one's, repaid every week.

        A subscription that a loan requires is a charge to participate (32 CFR 232.4(c)(1)(iii)(C)). Its renewals during
        the loan count as if they were paid at once.
        """
        a_year = Decimal(_YEAR) / self._least_days
        return annual_percentage_rate(self.annual_rate, self.instalments, self._costs, a_year)

    @property
    def _least_days(self) -> int:
        return min(self.instalment_days, _SHORTEST_PAY_PERIOD)

    @property
    def _costs(self) -> Decimal:
        """The fee and the renewals of the lowest amount, as a share of what is repaid without interest."""
        renewals = -(-self.instalments * self._least_days // _SHORTEST_MONTH)
        return Decimal(self.fee + renewals * self.subscription_fee) / (self.offers[0] + self.fee)

    @property
    def experiment(self) -> Experiment | None:
        """The experiment that the book takes part in, with its arm."""
        return self.applies_to.experiment

    @cached_property
    def order(self) -> tuple[bool, int, str, int]:
        """The book's order of precedence: superseding ones first, then by priority, then by name."""
        return not self.superseding, self.priority, self.name, self.version


@lru_cache(maxsize=PARSED)
def parse_eligibility_book(text: str, origin: str = "rulebook") -> EligibilityBook:
    """Read a book from YAML or its canonical form; RulebookError names every problem with `origin` and line."""
    return read_book(EligibilityBook, text, origin)


@cache
def shipped_eligibility_books() -> Mapping[str, EligibilityBook]:
    """The books of eligibility that come with the project, by name; read once."""
    return shipped(EligibilityBook, "rulebooks", "eligibility")


def eligibility_schema() -> dict[str, Any]:
    """The JSON Schema of a book of eligibility, with every rule and its properties."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **EligibilityBook.model_json_schema()}
