"""The facts about users of floats, and all rules about them.

`python -m benchmarks.facts [--users 1000000] [--shard 100000] [--folder DIR]`

One user with 20,000 transactions, from tables in memory to facts. Then a Parquet history of many generated users: their
facts, shard by shard, and every rule about users on them, with outcomes, verdicts and caps; against OpenFisca-Core on a
shard of the same facts and zen-engine on a sample, for the outcomes alone, in one run. All have to agree where
something is known.
"""

import argparse
import gc
import random
import resource
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from benchmarks.limits_rig import END, history_of, rows_of
from benchmarks.peers import OpenFisca, as_arrays, as_rows, zen_engine
from benchmarks.rig import report
from rules.core.rule_result import RESULTS, UNKNOWN
from rules.eligibility.book import EligibilityBook, shipped_eligibility_books
from rules.eligibility.engine import BookEvaluation, evaluate_books
from rules.facts import tables_of, user_facts, users_as_of
from underwriting.domain.histories import Category, Float, FloatHistory, Transaction, TransactionFeed, User
from underwriting.limit_runs.history import MODELS
from underwriting.limit_runs.shard_facts import CURRENT_LIMITS, facts_frame, prepare

AS_OF = END
JUDGED_AT = datetime.combine(END, time_of_day(12), UTC)
TRANSACTIONS, TIMES = 20_000, 20
SAMPLE, REPEATS = 2_000, 3


def one_user_ms() -> float:
    """The median time of the facts about one user with a long history, from tables in memory."""
    draw = random.Random(20_260_630)
    kinds = [Category.GROCERIES, Category.SPENDING, Category.TRANSFER, Category.TRANSPORT, Category.WAGES]
    lines = [
        Transaction(
            line_no=number,
            booked_on=AS_OF - timedelta(days=(TRANSACTIONS - number) * 700 // TRANSACTIONS),
            amount=draw.randint(-9_000, 9_000),
            category=draw.choice(kinds),
            counterparty=f"payer {draw.randrange(100)}",
        )
        for number in range(TRANSACTIONS)
    ]
    feed = TransactionFeed(
        currency="USD",
        covered_from=AS_OF - timedelta(days=700),
        opening_balance=100_000,
        holds=0,
        refreshed_at=JUDGED_AT,
        transactions=tuple(lines),
    )
    taken = [AS_OF - timedelta(days=20 * number) for number in range(1, 11)]
    floats = [
        Float(
            float_id=str(day),
            amount=5_000,
            fee=500,
            taken_on=day,
            due_on=day,
            repaid_on=day,
            collection_attempts=1,
            collection_failures=0,
        )
        for day in taken
    ]
    documents = [feed, FloatHistory(currency="USD", floats=tuple(floats)), User(good_standing=True)]
    tables = {**users_as_of(["user"], AS_OF, JUDGED_AT, "USD"), **tables_of("user", documents)}
    return 1_000 * median_seconds(lambda: user_facts(tables), TIMES)


def median_seconds(run: Callable[[], object], times: int = REPEATS) -> float:
    """The median of several runs, after one that warms up, without the garbage collector's share."""
    run()
    taken = []
    gc.disable()
    for _ in range(times):
        began = time.perf_counter()
        run()
        taken.append(time.perf_counter() - began)
    gc.enable()
    return statistics.median(taken)


def opened(folder: Path) -> duckdb.DuckDBPyConnection:
    """A database with every input table: those of the history, and empty ones for the others."""
    database = duckdb.connect(config={"preserve_insertion_order": False})
    offer(database, folder, "", "")
    prepare(database)
    return database


def offer(database: duckdb.DuckDBPyConnection, folder: Path, first: str, after: str) -> None:
    """Limit the input tables to the users from `first` on and before `after`."""
    inside = f"subject_id >= '{first}' AND subject_id < '{after}'"
    for table in MODELS:
        database.execute(f"CREATE OR REPLACE VIEW {table} AS SELECT * FROM {rows_of(folder, table)} WHERE {inside}")
    limits = f"read_parquet('{folder}/{CURRENT_LIMITS}.parquet')"
    database.execute(f"CREATE OR REPLACE VIEW {CURRENT_LIMITS} AS SELECT * FROM {limits} WHERE {inside}")
    database.execute(
        f"""
        CREATE OR REPLACE VIEW subjects AS
        SELECT
            subject_id, DATE '{AS_OF}' AS as_of, 'USD' AS currency, NULL::BIGINT AS requested_amount,
            NULL::BIGINT AS requested_instalment, TIMESTAMP '{JUDGED_AT:%Y-%m-%d %H:%M}' AS judged_at
        FROM users
        """
    )


def ranges(folder: Path, shard: int) -> Iterator[tuple[str, str]]:
    """The first id of each shard and of the next one; None after the last."""
    ids = duckdb.sql(f"SELECT subject_id FROM read_parquet('{folder}/users/*.parquet') ORDER BY 1").fetchall()
    firsts = [subject_id for (subject_id,) in ids[::shard]]
    yield from zip(firsts, [*firsts[1:], "~"], strict=True)


def book_of_all_rules() -> EligibilityBook:
    """Every rule once, with its properties in the first shipped book."""
    shipped = sorted(shipped_eligibility_books().values(), key=lambda book: book.order)
    rules = {rule.name: rule for book in reversed(shipped) for rule in book.rules}
    standard = next(book for book in shipped if book.name == "float-standard")
    return standard.model_copy(update={"rules": tuple(rules.values())})


def judged(book: EligibilityBook, facts: pd.DataFrame) -> BookEvaluation:
    """Outcomes, and with them the book's result for each row, the first rule that failed and the cap."""
    [evaluation] = evaluate_books([book], facts).books
    assert len(evaluation.results) == len(evaluation.first_failed) == len(evaluation.caps) == len(facts)
    return evaluation


def outcomes(evaluation: BookEvaluation) -> "np.ndarray[tuple[int, int], np.dtype[np.int8]]":
    """FAIL 0, PASS 1 or UNKNOWN 2; a column for each rule."""
    return np.column_stack([each.results for each in evaluation.rule_results])


def batch(folder: Path, shard: int, book: EligibilityBook) -> tuple[dict[str, object], pd.DataFrame]:
    """Facts and rules of all users in shards, and the facts of the first shard."""
    database = opened(folder)
    facts_s = facts_cpu_s = rules_s = 0.0
    outcome_counts, verdicts, users = Counter[int](), Counter[int](), 0
    sample = pd.DataFrame()
    for first, after in ranges(folder, shard):
        offer(database, folder, first, after)
        began, began_cpu = time.perf_counter(), time.process_time()
        facts = facts_frame(database)
        known, facts_cpu_s = time.perf_counter(), facts_cpu_s + time.process_time() - began_cpu
        evaluation = judged(book, facts)
        facts_s, rules_s = facts_s + known - began, rules_s + time.perf_counter() - known
        outcome_counts.update(dict(zip(*np.unique(outcomes(evaluation), return_counts=True), strict=True)))
        verdicts.update(dict(zip(*np.unique(evaluation.results, return_counts=True), strict=True)))
        users += len(facts)
        sample = facts if sample.empty else sample
    [(transactions,)] = database.execute(
        f"SELECT count(*) FROM read_parquet('{folder}/transactions/**/*.parquet')"
    ).fetchall()
    evaluations = users * len(book.rules)
    return {
        "users": users,
        "transactions": transactions,
        "shard": shard,
        "facts_s": round(facts_s, 2),
        "facts_cpu_s": round(facts_cpu_s, 2),
        "transactions_per_s": round(transactions / facts_s),
        "rules": len(book.rules),
        "rules_s": round(rules_s, 2),
        "evaluations_per_s": round(evaluations / rules_s),
        "evaluations_per_s_with_facts": round(evaluations / (facts_s + rules_s)),
        "outcomes": {str(RESULTS[key]): round(count / evaluations, 4) for key, count in sorted(outcome_counts.items())},
        "verdicts": {str(RESULTS[key]): round(count / users, 4) for key, count in sorted(verdicts.items())},
    }, sample


def against_peers(book: EligibilityBook, facts: pd.DataFrame) -> dict[str, object]:
    """Rule evaluations a second of all three, and whether their outcomes are equal."""
    openfisca, zen_run = OpenFisca(book.rules), zen_engine(book.rules)
    arrays, rows = as_arrays(facts), as_rows(facts.head(SAMPLE))
    ours = outcomes(judged(book, facts))
    known = ours != UNKNOWN
    agree = bool((openfisca.outcomes(arrays)[known] == ours[known]).all()) and zen_run(rows) == ours[:SAMPLE].tolist()
    seconds = {
        "rules": median_seconds(lambda: judged(book, facts)) / len(facts),
        "openfisca": median_seconds(lambda: openfisca.outcomes(arrays)) / len(facts),
        "zen": median_seconds(lambda: zen_run(rows)) / len(rows),
    }
    rates = {name: len(book.rules) / each for name, each in seconds.items()}
    return {
        "peers_rows": len(facts),
        "ours_evaluations_per_s": round(rates["rules"]),
        "openfisca_evaluations_per_s": round(rates["openfisca"]),
        "zen_evaluations_per_s": round(rates["zen"]),
        "over_openfisca": round(rates["rules"] / rates["openfisca"], 2),
        "over_zen": round(rates["rules"] / rates["zen"], 1),
        "agree": agree,
    }


def main(users: int, shard: int, folder: Path) -> None:
    """Measure one user and many, compare with the peers, and print the figures."""
    one_user = one_user_ms()
    print(f"one user with {TRANSACTIONS:,} transactions: {one_user:.0f} ms")
    book = book_of_all_rules()
    many, facts = batch(history_of(users, folder), shard, book)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{users:,} users: {many['facts_s']} s for facts, {many['rules_s']} s for {len(book.rules)} rules, {peak} MB")
    peers = against_peers(book, facts)
    print(f"over OpenFisca {peers['over_openfisca']}, over zen-engine {peers['over_zen']}, agree: {peers['agree']}")
    report({"benchmark": "facts", "one_user_ms": round(one_user, 1), **many, "peak_mb": peak, **peers})
    if not peers["agree"]:
        raise SystemExit("the three do not agree where something is known")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--shard", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/bench-limits"), help="where histories are kept")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    main(arguments.users, arguments.shard, arguments.folder)
