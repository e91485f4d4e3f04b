"""Pre-screens all loans in one batch: the facts and rules of a single review, each loan as of its own date."""

from collections import defaultdict
from collections.abc import Iterable

import pandas as pd
import pyarrow as pa

from rules.facts import compute_facts, subjects, tables_of
from rules.prescreening.book import Rulebook
from rules.prescreening.engine import evaluate
from rules.prescreening.evaluation import Evaluation
from underwriting.domain.money import instalment
from underwriting.playground.berka.bank import Applicant

# The shipped book for the data that this bank has.
RULEBOOK = "berka"


def prescreen(applicants: Iterable[Applicant], book: Rulebook) -> tuple[pd.DataFrame, Evaluation]:
    """The facts of all applicants, indexed by customer, and the outcomes of the book's rules, row by row."""
    tables = input_tables(applicants, book)
    facts = pd.concat([compute_facts(check, tables) for check in book.checks], axis=1)
    return facts, evaluate(book, facts)


def input_tables(applicants: Iterable[Applicant], book: Rulebook) -> dict[str, pa.Table]:
    """The input tables of the facts: each application, and what the bank knew of the applicant before the loan."""
    found: defaultdict[str, list[pa.Table]] = defaultdict(list)
    for one in applicants:
        due = instalment(one.requested, book.terms.annual_rate, one.months)
        asked = subjects(one.customer_id, one.as_of, one.requested, due)
        for table, rows in {**asked, **tables_of(one.customer_id, (one.person, one.statements))}.items():
            found[table].append(rows)
    return {table: pa.concat_tables(rows) for table, rows in found.items()}
