"""Columns and category conditions that the modules of the Polars peer share."""

import polars as pl

from benchmarks.peer_facts import GIVEN_BACK, SPENDING
from underwriting.domain.histories import ESSENTIAL, INCOME, Category

KIND = pl.Enum(Category)
AGE, AMOUNT, KIND_OF, PAYER = pl.col("age"), pl.col("amount"), pl.col("category"), pl.col("counterparty")
IS_INCOME, IS_ESSENTIAL, IS_SPENDING, GIVES_BACK = (
    KIND_OF.is_in(sorted(kinds)) for kinds in (INCOME, ESSENTIAL, SPENDING, GIVEN_BACK)
)
UNCLASSIFIED = KIND_OF.is_null()
FRESH, FIRST, LAST = pl.col("fresh"), pl.col("first"), pl.col("last")


def taken(plan: pl.LazyFrame) -> pl.LazyFrame:
    """Frames that several modules use, computed once."""
    return plan.collect(engine="streaming").lazy()
