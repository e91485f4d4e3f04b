"""Which facts would have made a rule pass? Found by evaluating the rule itself, so that no second definition is needed.

A rule is evaluated on many values of one fact at once, all other facts unchanged: the numbers among the rule's
properties, their neighbours, and a coarse ladder over the fact's whole range. Between two neighbouring values with
different results the ladder is refined until the border is exact. Where no single fact helps, several are tried
together.
"""

from rules.explain.conditions import Among, Condition, Missing, Show, Span, Way
from rules.explain.counterfactuals import is_open, missing_facts, passing, ways_to_pass

__all__ = [
    "Among",
    "Condition",
    "Missing",
    "Show",
    "Span",
    "Way",
    "is_open",
    "missing_facts",
    "passing",
    "ways_to_pass",
]
