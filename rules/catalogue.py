"""Every rule of the pre-screening, by name. A check's rules stand in the module named for the check."""

from importlib import import_module
from inspect import isabstract
from types import ModuleType

from rules.facts import CHECKS
from rules.rule import Rule


def rules_in(module: ModuleType) -> dict[str, type[Rule]]:
    """The rules that stand in a module, by name, in its order."""
    found = vars(module).values()
    return {
        each.__name__: each
        for each in found
        if isinstance(each, type) and issubclass(each, Rule) and not isabstract(each)
    }


RULES: dict[str, type[Rule]] = {
    name: rule for check in CHECKS for name, rule in rules_in(import_module(f"rules.{check}")).items()
}
