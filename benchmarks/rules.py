"""Every pre-screening rule over a million synthetic applicants, with outcomes, verdicts and principal reasons.

`python -m benchmarks.rules [--rows 1000000]`; against `zen-engine` and a plain Python loop, each on a sample of the
same applicants and for the outcomes alone, in one run. All three have to agree on the sample.
"""

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import zen

from benchmarks.peer_rules import CONCERN, CONDITIONS
from rules.facts import CHECKS, facts_of
from rules.prescreening.book import Rulebook, shipped_rulebooks
from rules.prescreening.engine import evaluate

FACTS = {fact.name: fact for check in CHECKS for fact in facts_of(check)}
SAMPLE = 2_000
REPEATS = 7
UNKNOWN_SHARE = 0.02

# The uniform ranges of the facts: every rule of the default book fails for some applicants.
RANGES: dict[str, tuple[float, float]] = {
    "identity_fields_missing": (-9, 1),
    "age_years": (17, 80),
    "company_age_days": (600, 9_000),
    "broken_statement_line": (-19, 1),
    "months_covered": (6, 6),
    "statement_age_days": (0, 36),
    "lowest_month_end_balance": (-50_000, 2_000_000),
    "month_end_balance_cv": (0, 1.05),
    "spending_cv": (0, 0.65),
    "negative_balance_days": (0, 11),
    "returned_payments": (0, 3),
    "profit_margin": (-0.05, 0.6),
    "revenue_growth": (-0.25, 0.6),
    "debt_service_coverage": (1, 6),
    "debt_to_income": (0, 0.45),
    "reported_debt_service_coverage": (1, 6),
    "reported_debt_to_income": (0, 0.45),
    "credit_score": (600, 850),
    "credit_score_min": (300, 300),
    "credit_score_max": (850, 850),
    "monthly_liabilities": (0, 500_000),
    "covered_borrower_age_days": (0, 70),
    "mapr": (0, 0.4),
    "revolving_utilisation": (0, 0.85),
    "delinquencies_24m": (0, 2),
    "insolvencies": (-19, 1),
    "inquiries_6m": (0, 6),
    "exposure_with_request": (100_000, 2_600_000),
    "list_match_score": (0, 0.95),
    "list_confirmed_score": (0, 0.95),
    "list_age_days": (0, 8),
    "applications_30d": (0, 4),
    "device_risk": (0, 0.85),
    "open_loans": (0, 3),
    "instalment_burden": (0, 0.38),
    "write_offs": (-19, 1),
    "instalments_due": (0, 24),
    "on_time_ratio": (0.85, 1),
    "worst_days_past_due": (0, 31),
}
TRUE_SHARE = {
    "is_company": 0.1,
    "email_verified": 0.9,
    "phone_verified": 0.9,
    "company_active": 0.95,
    "covered_borrower": 0.1,
}
# The text of most applicants, and that of an eighth of them. None is not known; so is a text that is not here.
TEXTS = {
    "residence_country": ("US", "DE"),
    "company_country": ("US", "DE"),
    "credit_file": ("found", "thin"),
    "credit_alert": ("none", "fraud_alert"),
    "credit_score_model": ("FICO 8", "VantageScore 3.0"),
    "credit_score_factor_1": ("balances are high", "too many inquiries"),
    "credit_score_exclusion": (None, "4"),
}


def applicants(rows: int) -> pd.DataFrame:
    """The facts of synthetic applicants, each not known now and then; counts below zero mean none."""
    random = np.random.default_rng(20_260_101)
    facts = {}
    for name, fact in FACTS.items():
        if fact.type == "boolean":
            values: Any = random.random(rows) < TRUE_SHARE.get(name, 0.97)
        elif fact.type == "text":
            usual, other = TEXTS.get(name, (None, None))
            values = [other if draw < 1 / 8 else usual for draw in random.random(rows)]
        elif fact.type == "integer":
            low, high = RANGES[name]
            values = random.integers(int(low), int(high), rows, endpoint=True)
            values = values if name == "lowest_month_end_balance" else values.clip(min=0)
        else:
            values = random.uniform(*RANGES[name], rows)
        facts[name] = pd.Series(values, dtype=fact.dtype).mask(random.random(rows) < UNKNOWN_SHARE)
    facts["credit_score"] = facts["credit_score"].mask(facts["credit_score_exclusion"].notna())
    return pd.DataFrame(facts)


def ours(book: Rulebook, facts: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Outcomes, and with them verdicts and principal reasons."""
    evaluation = evaluate(book, facts)
    assert len(evaluation.verdicts) == len(evaluation.principal_reasons) == len(facts)
    return evaluation.results


def zen_engine(book: Rulebook) -> Callable[[list[dict[str, Any]]], list[list[int]]]:
    """The same rules as expressions of one decision graph, evaluated in batches."""
    expressions = [
        {"id": rule.name, "key": rule.name, "value": f"({fails}) ? 0 : ({unknown}) ? 2 : 1"}
        for rule in book.rules
        for fails, unknown in [conditions(rule)]
    ]
    place = {"position": {"x": 0, "y": 0}}
    graph = {
        "nodes": [
            {"id": "in", "type": "inputNode", "name": "facts", **place},
            {
                "id": "rules",
                "type": "expressionNode",
                "name": "rules",
                "content": {"expressions": expressions},
                **place,
            },
            {"id": "out", "type": "outputNode", "name": "outcomes", **place},
        ],
        "edges": [
            {"id": "1", "sourceId": "in", "targetId": "rules", "type": "edge"},
            {"id": "2", "sourceId": "rules", "targetId": "out", "type": "edge"},
        ],
    }
    engine = zen.ZenEngine({"loader": {"type": "static", "content": {"book": graph}}})

    def run(rows: list[dict[str, Any]]) -> list[list[int]]:
        answers = engine.evaluate_batch([{"key": "book", "context": row} for row in rows])
        results = [answer["data"]["result"] for answer in answers]
        return [[result[rule.name] for rule in book.rules] for result in results]

    return run


def plain_python(book: Rulebook) -> Callable[[list[dict[str, Any]]], list[list[int]]]:
    """The same rules as one Python function of a row, compiled once and called in a loop."""
    row = ", ".join(f"(0 if ({fails}) else 2 if ({unknown}) else 1)" for fails, unknown in map(conditions, book.rules))
    source = f"def judge({', '.join(FACTS)}, null=None, true=True, false=False): return [{row}]"
    scope: dict[str, Any] = {}
    exec(source, scope)  # The conditions of peer_rules, no input.
    judge = scope["judge"]
    return lambda rows: [judge(**row) for row in rows]


def conditions(rule: Any) -> tuple[str, str]:
    """When a rule fails and when it is unknown, with its properties filled in."""
    properties = {name: list(value) if isinstance(value, tuple) else value for name, value in rule}
    fails, unknown = (condition.format(**properties) for condition in CONDITIONS[rule.name])
    if rule.on_fail == "refer":
        fails, unknown = "false", f"({fails}) or ({unknown})"
    if rule.concerns:
        fails, unknown = f"not ({CONCERN}) and ({fails})", f"({CONCERN}) or ({unknown})"
    return fails, unknown


def median_seconds(run: Callable[[], object]) -> float:
    """The median of several runs, after one that warms up, without the garbage collector's share."""
    run()
    taken = []
    gc.disable()
    for _ in range(REPEATS):
        began = time.perf_counter()
        run()
        taken.append(time.perf_counter() - began)
    gc.enable()
    return statistics.median(taken)


def main(rows: int) -> None:
    """Check that the three agree, measure them and print the figures."""
    book = shipped_rulebooks()["prescreening"]
    facts = applicants(rows)
    sample = facts.head(SAMPLE)
    plain = [
        {str(name): None if value is pd.NA else value for name, value in row.items()}
        for row in sample.to_dict("records")
    ]
    zen_run, python_run = zen_engine(book), plain_python(book)
    expected = ours(book, sample).tolist()
    agree = zen_run(plain) == expected and python_run(plain) == expected
    seconds = {
        "rules": median_seconds(lambda: ours(book, facts)),
        "zen": median_seconds(lambda: zen_run(plain)),
        "python": median_seconds(lambda: python_run(plain)),
        "one_row": median_seconds(lambda: ours(book, facts.head(1))),
    }
    count = len(book.rules)
    rates = {
        "rules": rows * count / seconds["rules"],
        "zen": len(plain) * count / seconds["zen"],
        "python": len(plain) * count / seconds["python"],
    }
    verdicts = evaluate(book, facts).verdicts.value_counts(normalize=True)
    for name, rate in rates.items():
        print(f"{name:>8}: {rate / 1e6:8.2f} million rule evaluations a second")
    print(f"one applicant, all {count} rules: {seconds['one_row'] * 1000:.2f} ms; the three agree: {agree}")
    print(
        json.dumps(
            {
                "benchmark": "rules",
                "rows": rows,
                "rules": count,
                "seconds": round(seconds["rules"], 3),
                "evaluations_per_s": round(rates["rules"]),
                "zen_evaluations_per_s": round(rates["zen"]),
                "python_evaluations_per_s": round(rates["python"]),
                "over_zen": round(rates["rules"] / rates["zen"], 1),
                "over_python": round(rates["rules"] / rates["python"], 1),
                "one_row_ms": round(seconds["one_row"] * 1000, 2),
                "sample": len(plain),
                "agree": agree,
                "verdicts": {str(name): round(float(share), 3) for name, share in verdicts.items()},
            }
        )
    )
    if not agree:
        raise SystemExit("the three do not agree on the sample")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    main(parser.parse_args().rows)
