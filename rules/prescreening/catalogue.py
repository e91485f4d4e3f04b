"""Every rule of the pre-screening, by name. The rules of a check are in the module of that name."""

from importlib import import_module

from rules.core.catalogue import rules_in
from rules.core.rule import Rule
from rules.facts import CHECKS

RULES: dict[str, type[Rule]] = {
    name: rule
    for check in CHECKS
    for name, rule in rules_in(import_module(f"rules.prescreening.checks.{check}")).items()
}
