"""With which facts would a rule have passed? Found by asking the rule itself, never written down beside it.

A rule's claim is asked about many values of one fact at once, all other facts as they are: the numbers among the rule's
own properties, their neighbours, and a coarse ladder over all that the fact may be. Between two neighbouring answers
that differ the ladder is refined until the border is exact. Where no single fact helps, several are tried together.
"""

from rules.explain.conditions import Among, Condition, Missing, Show, Span, Way
from rules.explain.counterfactuals import missing_facts, passing, ways_to_pass

__all__ = ["Among", "Condition", "Missing", "Show", "Span", "Way", "missing_facts", "passing", "ways_to_pass"]
