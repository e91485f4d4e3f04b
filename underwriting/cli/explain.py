"""`underwriting explain`: the reasons of a decision and what would have changed it, or why a user's limit moved."""

import typing
from collections.abc import Iterable, Sequence
from datetime import datetime

import typer
from rich.console import Console

from rules.explain import Missing, Way, is_open
from rules.explain.evaluation import BookExplained
from rules.explain.evaluation import explain as explain_evaluation
from rules.explain.rules import RuleExplained, explain_rules
from rules.facts import fact_text
from rules.prescreening.book import parse_rulebook
from underwriting.cli.errors import refuse
from underwriting.cli.execution_log import print_log
from underwriting.cli.output import (
    COLOURS,
    asks_and_saw,
    console,
    moment_text,
    print_hanging,
    print_json,
    print_reasons,
    to_decide,
)
from underwriting.cli.store import read_store
from underwriting.decision_basis import EvaluationBasis, evaluation_basis
from underwriting.domain.decision import BY_RULEBOOK, Decision, Result, Verdict
from underwriting.domain.money import amount_of, amount_text
from underwriting.settings import settings
from underwriting.store import applications, decisions, evaluations, rulebooks
from underwriting.store.evaluations import StaffDecision
from underwriting.store.kinds import APPLICATIONS, EVALUATIONS
from underwriting.store.record import Record
from underwriting.store.session import Work

MARKS = {Result.FAIL: "x", Result.UNKNOWN: "?", Result.PASS: "+"}
PAST = {Result.FAIL: "failed", Result.UNKNOWN: "unknown", Result.PASS: "passed"}


def explain(
    subject_id: typing.Annotated[
        str, typer.Argument(metavar="ID", help="An evaluation, an application, or a user of floats.")
    ],
    tenant: typing.Annotated[str, typer.Option(help="Of a user; by default as in the settings.")] = "",
    log: typing.Annotated[
        bool, typer.Option("--log", help="Show what was tried to decide it: when, where, and how long sources took.")
    ] = False,
    as_json: typing.Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """Show why a decision was made, rule by rule, and what would have changed it; of a user, why the limit moved."""
    if log:
        if not subject_id.startswith((APPLICATIONS.prefix, EVALUATIONS.prefix)):
            refuse(f"{subject_id} is no application and no evaluation: only these have a log")
        print_log(subject_id, as_json=as_json)
    elif subject_id.startswith(EVALUATIONS.prefix):
        basis, by_staff = read_store(lambda work: _evaluation(work, subject_id))
        (_evaluation_as_json if as_json else _print_evaluation)(basis, by_staff)
    elif subject_id.startswith(APPLICATIONS.prefix):
        explained = read_store(lambda work: _application(work, subject_id))
        (_application_as_json if as_json else _print_application)(*explained)
    elif subject_id.startswith("lim_"):
        refuse(f"{subject_id} is a limit run: `underwriting limits status {subject_id}` shows it")
    else:
        # Needs the policies and their facts, which the others do not wait for.
        from underwriting.cli.limits.explain import explain_user  # noqa: PLC0415

        explain_user(tenant or settings().limits_tenant, subject_id, as_json=as_json)


async def _evaluation(work: Work, evaluation_id: str) -> tuple[EvaluationBasis, StaffDecision | None]:
    basis = await evaluation_basis(work, evaluation_id, settings().limit_policy)
    return basis, await evaluations.staff_decision(work, evaluation_id)


async def _application(work: Work, application_id: str) -> tuple[Record, tuple[RuleExplained, ...], Sequence[Decision]]:
    record = (await applications.get(work, None, application_id)).record
    made = await decisions.history(work, application_id)
    if record.rulebook is None:
        return record, (), made
    published = await rulebooks.get(work, record.rulebook.name, record.rulebook.version)
    book = parse_rulebook(published.text, str(published.ref))
    outcomes = [outcome for check in record.checks for outcome in check.outcomes]
    return record, explain_rules(book.rules, outcomes, {}), made


def _print_evaluation(basis: EvaluationBasis, by_staff: StaffDecision | None) -> None:
    out = console()
    request, eligibility = basis.judged.request, basis.judged.eligibility
    explanation = explain_evaluation(eligibility, basis.books)
    verdict = by_staff.verdict if by_staff else eligibility.verdict
    out.print(f"[bold]{request.id}[/]: {request.product} as of {request.as_of}: [bold]{verdict}[/]")
    if by_staff:
        amounts = (amount_of(amount, eligibility.currency) for amount in basis.answered.approved_amounts)
        print_by_staff(by_staff.verdict, by_staff.decided_by, by_staff.decided_at, by_staff.note)
        if by_staff.verdict is Verdict.APPROVED:
            print_hanging(out, f"may take {', '.join(amounts)}", indent=4)
        print_reasons(out, basis.answered.reasons)
    by = f" by {eligibility.deciding}" if eligibility.deciding else ""
    print_hanging(out, f"{moment_text(eligibility.decided_at)}  {eligibility.verdict}{by}")
    if eligibility.approved_amounts:
        amounts = (amount_text(amount, eligibility.currency) for amount in eligibility.approved_amounts)
        print_hanging(out, f"may take {', '.join(amounts)}")
    if eligibility.affordability_cap is not None:
        out.print(f"  can afford {amount_text(eligibility.affordability_cap, eligibility.currency)} from a pay")
    print_reasons(out, eligibility.reasons)
    for source, trouble in eligibility.troubles.items():
        print_hanging(out, f"trouble with {source}: {trouble}")
    print_legend(out)
    for book in explanation.books:
        _print_book(book, eligibility.currency)
    if eligibility.approved_amounts == () and explanation.nearest:
        out.print("\nNearest to an approval:")
        for book in explanation.nearest:
            for rule in book.open:
                told = advice(rule, eligibility.currency)
                print_hanging(out, f"{book.result.rulebook}: {rule.outcome.rule}: {told}")
    if verdict is Verdict.REFERRED:
        typer.echo(f"\n{to_decide(request.id)}")


def print_by_staff(what: str, by: str, at: datetime, note: str | None) -> None:
    """Print what a person decided, when, and with which note."""
    said = f": {note}" if note else ""
    print_hanging(console(), f"{moment_text(at)}  {what} by {by}{said}")


def _print_book(book: BookExplained, currency: str) -> None:
    kind = "superseding" if book.result.superseding else f"priority {book.result.priority}"
    arm = f", arm {book.result.arm}" if book.result.arm else ""
    console().print(f"\n[bold]{book.result.rulebook}[/] ({kind}{arm}): {book.result.result}")
    print_rules(book.rules, currency)


def _print_application(record: Record, rules: Sequence[RuleExplained], made: Sequence[Decision]) -> None:
    out = console()
    out.print(f"[bold]{record.id}[/]: [bold]{record.verdict or record.state}[/]")
    if record.verdict is None:
        # The command is in a line of its own, so that it can be pasted.
        typer.echo(f"  it is not decided; to see what was tried:\n  underwriting explain {record.id} --log")
    for decision in reversed(made):
        by = str(decision.rulebook) if decision.decided_by == BY_RULEBOOK else decision.decided_by
        print_by_staff(decision.verdict, by, decision.decided_at, decision.note)
    print_reasons(out, record.reasons)
    for line in record.awaited:
        print_hanging(out, line)
    for check in record.checks:
        if check.trouble:
            print_hanging(out, f"no answer for {check.check}: {check.trouble}")
    if rules:
        print_legend(out)
    print_rules(rules, record.currency)
    if record.verdict is Verdict.REFERRED:
        typer.echo(f"\n{to_decide(record.id)}")


def _evaluation_as_json(basis: EvaluationBasis, by_staff: StaffDecision | None) -> None:
    eligibility = basis.judged.eligibility
    explanation = explain_evaluation(eligibility, basis.books)
    made = [_as_made(eligibility.verdict, BY_RULEBOOK, eligibility.decided_at, None)]
    if by_staff:
        made.append(_as_made(by_staff.verdict, by_staff.decided_by, by_staff.decided_at, by_staff.note))
    _echo_json(
        basis.answered.model_dump(mode="json"),
        made,
        [
            {"rulebook": str(book.result.rulebook), **_rule_as_json(rule, eligibility.currency)}
            for book in explanation.books
            for rule in book.rules
        ],
    )


def _application_as_json(record: Record, rules: Iterable[RuleExplained], made: Sequence[Decision]) -> None:
    _echo_json(
        record.model_dump(mode="json"),
        [_as_made(each.verdict, each.decided_by, each.decided_at, each.note) for each in made],
        [_rule_as_json(rule, record.currency) for rule in rules],
    )


def _as_made(verdict: Verdict, by: str, at: datetime, note: str | None) -> dict[str, object]:
    """A decision with its decider: `rulebook`, `customer`, `deadline`, or the id of a person.

    `decided_by` of the API's record does not tell persons apart in an evaluation, so this is called otherwise.
    """
    return {"verdict": verdict, "by": by, "decided_at": at, "note": note}


def _echo_json(record: object, made: object, rules: object) -> None:
    """Print the API's record with what the API does not show: the persons, their notes, the advice."""
    print_json({"record": record, "decisions": made, "rules": rules})


def _rule_as_json(rule: RuleExplained, currency: str) -> dict[str, object]:
    passed = rule.outcome.result is Result.PASS
    return {
        "rule": rule.outcome.rule,
        "result": rule.outcome.result,
        "sentence": rule.sentence,
        "advice": None if passed else advice(rule, currency),
    }


def print_legend(out: Console) -> None:
    """Say what the marks before the rules mean."""
    out.print(f"\n{', '.join(f'{mark} {PAST[result]}' for result, mark in MARKS.items())}")


def print_rules(rules: Iterable[RuleExplained], currency: str) -> None:
    """Print what each rule asked and saw, and what would have made it pass; those that did not pass come first."""
    out = console()
    for rule in sorted(rules, key=lambda rule: list(MARKS).index(rule.outcome.result)):
        result = rule.outcome.result
        print_hanging(out, f"{MARKS[result]} {rule.outcome.rule}: {rule.sentence}", colour=COLOURS[result])
        print_hanging(out, asks_and_saw(rule.rule, rule.outcome, currency), indent=6)
        if result is not Result.PASS:
            print_hanging(out, advice(rule, currency), indent=6)


def advice(rule: RuleExplained, currency: str) -> str:
    """What would make the rule pass: other values, or values that are unknown now.

    Of values that nobody can have any more it says that they would have made it pass.
    """
    texts = [
        f"would {'pass' if is_open(way, rule.outcome.observed) else 'have passed'} with {_way(way, currency)}"
        for way in rule.ways[:2]
    ]
    texts += [_open(missing, currency) for missing in rule.missing]
    return "; ".join(texts) or "no other value of these facts would pass"


def _way(way: Way, currency: str) -> str:
    return " and ".join(
        f"{name} {condition.in_words(lambda value, name=name: fact_text(name, value, currency))}"  # type: ignore[misc]
        for name, condition in way.changes
    )


def _open(missing: Missing, currency: str) -> str:
    verb = "would settle it" if missing.always else "might settle it"
    passes = f"; passes with {_way(missing.passes, currency)}" if missing.passes else "; it could only fail"
    return f"{' and '.join(missing.facts)} {verb}{passes}"
