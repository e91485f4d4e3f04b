"""Every rule about users, by name. The rules of a category are in the module of that name."""

from importlib import import_module

from rules.core.catalogue import rules_in
from rules.core.rule import Rule

CATEGORIES: dict[str, dict[str, type[Rule]]] = {
    category: rules_in(import_module(f"rules.eligibility.categories.{category}"))
    for category in (
        "account_health",
        "transaction_activity",
        "payment_history",
        "income_stability",
        "risk",
        "balance_and_limits",
        "behaviour",
        "subscription",
        "loans",
        "scores",
    )
}
USER_RULES: dict[str, type[Rule]] = {name: rule for rules in CATEGORIES.values() for name, rule in rules.items()}
