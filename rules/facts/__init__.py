"""Facts: named, typed values about a subject as of a date, defined once in SQL over what the sources answered.

One file for each check, and for each kind of history of a user of floats (`<query>.sql`), run by DuckDB on one
subject's rows in memory or on the histories of many, each with a date of its own. Nothing dated after a subject's
`as_of` influences its facts.
"""

from rules.facts.catalogue import (
    CATALOGUE,
    CHECKS,
    HISTORIES_QUERIES,
    SCREENING,
    USER_FACTS,
    Fact,
    fact_text,
    facts_of,
)
from rules.facts.queries import FactsError, compute_facts, facts_sql, shared_sql, user_facts
from rules.facts.tables import input_schema, subjects, tables_of, users_as_of

__all__ = [
    "CATALOGUE",
    "CHECKS",
    "HISTORIES_QUERIES",
    "SCREENING",
    "USER_FACTS",
    "Fact",
    "FactsError",
    "compute_facts",
    "fact_text",
    "facts_of",
    "facts_sql",
    "input_schema",
    "shared_sql",
    "subjects",
    "tables_of",
    "user_facts",
    "users_as_of",
]
