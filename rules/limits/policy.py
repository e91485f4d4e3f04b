"""A limit policy: the decision table, gates, affordability, and how fast a limit moves. Versioned data."""

from collections.abc import Mapping
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from rules.core.edition import PARSED, Edition, read_book, read_file, shipped
from rules.core.problems import RulebookError, wrong, wrong_at
from rules.limits.decision_table import AMOUNTS, Table
from rules.limits.gates import Gates
from rules.limits.policy_sections import AffordabilitySection, BusinessDay, GuardSection, StepSection
from rules.limits.tiers import CURRENCY
from underwriting.domain.application import Product
from underwriting.domain.money import CurrencyCode

__all__ = [
    "LimitPolicy",
    "UnknownPolicy",
    "load_policy",
    "parse_policy",
    "policy_for",
    "policy_schema",
    "shipped_policies",
    "shipped_policy",
]


class UnknownPolicy(ValueError):
    """No policy of this name decides about the product."""


def _has_tiers(product: Product) -> Product:
    if product is not Product.FLOAT:
        raise wrong(f"there are tiers of floats only, none of a {product}; write float")
    return product


def _of_the_tiers(currency: str) -> str:
    if currency != CURRENCY:
        raise wrong(f"the tiers are in {CURRENCY}, not in {currency}; see rules/policies/float_tiers.yaml")
    return currency


class LimitPolicy(Edition):
    """How limits are decided. Every amount is in minor units of `currency`."""

    kind: ClassVar[Literal["limits"]] = "limits"
    noun: ClassVar[str] = "a limit policy"

    product: Annotated[Product, AfterValidator(_has_tiers)]
    currency: Annotated[CurrencyCode, AfterValidator(_of_the_tiers)]
    business_day: BusinessDay
    balance: Annotated[
        Literal["cycle_available_balance", "available_balance"],
        Field(description="The fact that min_available is compared with: of a full pay cycle, or of one day"),
    ]
    table: Table
    affordability: AffordabilitySection
    gates: Gates
    step: StepSection
    guard: GuardSection

    @model_validator(mode="after")
    def _numbers_fit_together(self) -> Self:
        if self.step.first_limit not in AMOUNTS:
            amounts = ", ".join(map(str, AMOUNTS))
            raise wrong_at(
                [(("step", "first_limit"), f"there is no tier of {self.step.first_limit}; there are {amounts}")]
            )
        needed, counted = self.gates.recurring_income.min_deposits, self.affordability.confidence[0].min_deposits
        if counted > needed:
            raise wrong_at(
                [
                    (
                        ("gates", "recurring_income", "min_deposits"),
                        f"{needed} deposits pass the gate, and nothing is affordable below {counted}; raise it",
                    )
                ]
            )
        return self


@lru_cache(maxsize=PARSED)
def parse_policy(text: str, origin: str = "policy") -> LimitPolicy:
    """Read a policy from YAML or its canonical form; RulebookError names every problem with `origin`, line and row."""
    return read_book(LimitPolicy, text, origin)


def load_policy(path: Path) -> LimitPolicy:
    """Read the policy in a file; RulebookError where it cannot be read or is wrong."""
    return parse_policy(read_file(path), str(path))


@cache
def shipped_policies() -> Mapping[str, LimitPolicy]:
    """The policies that come with the project, by name; read once."""
    return shipped(LimitPolicy, "policies", pattern="cfi*.yaml")


def shipped_policy(name: str) -> LimitPolicy:
    """The shipped policy of the name that the settings give; UnknownPolicy where there is none."""
    policies = shipped_policies()
    if name not in policies:
        there_are = " and ".join(sorted(policies))
        raise UnknownPolicy(
            f"UNDERWRITING_LIMIT_POLICY: no policy that comes with the program is called {name}; there are {there_are}"
        )
    return policies[name]


def policy_for(name: str, product: Product = Product.FLOAT, *, today: date | None = None) -> LimitPolicy:
    """The shipped policy of a name, or the one in a YAML file.

    RulebookError where the file is wrong, or changes a shipped policy and keeps its version. UnknownPolicy where the
    policy is not about the product, or has to decide `today` and is not in force.
    """
    policies = shipped_policies()
    if name.endswith((".yaml", ".yml")):
        policy = load_policy(Path(name))
        if any(str(policy.ref) == str(one.ref) and policy.ref != one.ref for one in policies.values()):
            raise RulebookError([f"{name}: {policy.ref} is the shipped policy, and this one differs; raise `version`"])
    elif name in policies:
        policy = policies[name]
    else:
        raise UnknownPolicy(f"no policy is called {name}; there are {', '.join(policies)}, or name a .yaml file")
    if policy.product is not product:
        raise UnknownPolicy(f"the policy {policy.ref} is about a {policy.product}, not a {product}")
    if today and not policy.in_force_on(today):
        until = f" until {policy.valid_until}" if policy.valid_until else ""
        raise UnknownPolicy(
            f"the policy {policy.ref} decides from {policy.valid_from}{until}, and not today; try it with a dry run"
        )
    return policy


def policy_schema() -> dict[str, Any]:
    """The JSON Schema of a limit policy."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **LimitPolicy.model_json_schema()}
