"""Finds the rules of a module."""

from inspect import isabstract
from types import ModuleType

from rules.core.rule import Rule


def rules_in(module: ModuleType) -> dict[str, type[Rule]]:
    """The rules of a module by name, in the order of their definition."""
    found = vars(module).values()
    return {
        each.__name__: each
        for each in found
        if isinstance(each, type) and issubclass(each, Rule) and not isabstract(each)
    }
