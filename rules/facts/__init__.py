"""Facts: named, typed values about a subject as of a date, defined once in SQL over what the sources answered.

One file for each check (`<check>.sql`), run by DuckDB on one applicant's rows in memory or on the histories of many,
each with a date of its own. Nothing dated after a subject's `as_of` influences its facts.
"""

from rules.facts.catalogue import CATALOGUE, CHECKS, Fact, facts_of
from rules.facts.queries import FactsError, compute_facts
from rules.facts.tables import input_schema, subjects, tables_of

__all__ = [
    "CATALOGUE",
    "CHECKS",
    "Fact",
    "FactsError",
    "compute_facts",
    "facts_of",
    "input_schema",
    "subjects",
    "tables_of",
]
