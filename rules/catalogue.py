"""Every rule there is, by name. A check's rules stand in the module named for the check."""

from importlib import import_module

from rules.facts import CHECKS
from rules.rule import Rule

RULES: dict[str, type[Rule]] = {}
for _check in CHECKS:
    for _found in vars(import_module(f"rules.{_check}")).values():
        if isinstance(_found, type) and issubclass(_found, Rule) and _found is not Rule:
            RULES[_found.__name__] = _found
