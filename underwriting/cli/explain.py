"""`underwriting explain`: the reasons of a decision, and what would have changed it."""

import typing
from collections.abc import Callable, Iterable, Mapping

import typer
from rich.console import Console

from rules.core.rule_syntax import written
from rules.explain import Missing, Way
from rules.explain.evaluation import BookExplained
from rules.explain.evaluation import explain as explain_evaluation
from rules.explain.rules import RuleExplained, explain_rules
from rules.facts import CATALOGUE
from rules.prescreening.book import parse_rulebook
from underwriting.cli.output import print_reasons
from underwriting.cli.store import read_store
from underwriting.decision_basis import EvaluationBasis, evaluation_basis
from underwriting.domain.decision import FactValue, Outcome, Result, shown
from underwriting.domain.eligibility import Decider
from underwriting.domain.money import Money
from underwriting.settings import settings
from underwriting.store import applications, rulebooks
from underwriting.store.kinds import EVALUATIONS
from underwriting.store.record import Record
from underwriting.store.session import Work

MARKS = {Result.PASS: "[green]+[/]", Result.FAIL: "[red]x[/]", Result.UNKNOWN: "[yellow]?[/]"}
console = Console(highlight=False, soft_wrap=True)


def explain(
    subject_id: typing.Annotated[str, typer.Argument(metavar="ID", help="An evaluation, or an application.")],
) -> None:
    """Show the reasons of an evaluation or an application, rule by rule, and what would have changed the decision."""
    if subject_id.startswith(EVALUATIONS.prefix):
        _print_evaluation(read_store(lambda work: evaluation_basis(work, subject_id, settings().limit_policy)))
    else:
        _print_application(*read_store(lambda work: _application(work, subject_id)))


async def _application(work: Work, application_id: str) -> tuple[Record, tuple[RuleExplained, ...]]:
    record = (await applications.get(work, None, application_id)).record
    if record.rulebook is None:
        return record, ()
    published = await rulebooks.get(work, record.rulebook.name, record.rulebook.version)
    book = parse_rulebook(published.text, str(published.ref))
    outcomes = [outcome for check in record.checks for outcome in check.outcomes]
    return record, explain_rules(book.rules, outcomes, {})


def _print_evaluation(basis: EvaluationBasis) -> None:
    request, eligibility = basis.judged.request, basis.judged.eligibility
    explanation = explain_evaluation(eligibility, basis.books)
    format_value = formatter(eligibility.currency)
    by = f", by {eligibility.deciding}" if eligibility.deciding else ""
    console.print(f"[bold]{request.id}[/]: {request.product} as of {request.as_of}: [bold]{eligibility.verdict}[/]{by}")
    if eligibility.approved_amounts:
        amounts = (str(Money(minor=amount, currency=eligibility.currency)) for amount in eligibility.approved_amounts)
        console.print(f"  may take {', '.join(amounts)}")
    if eligibility.affordability_cap is not None:
        console.print(
            f"  can afford {Money(minor=eligibility.affordability_cap, currency=eligibility.currency)} from a pay"
        )
    print_reasons(console, eligibility.reasons)
    if (answered := basis.answered).decided_by is Decider.PERSON:
        console.print(f"  a person: [bold]{answered.verdict}[/], {', '.join(answered.approved_amounts) or 'no amount'}")
    for source, trouble in eligibility.troubles.items():
        console.print(f"  trouble with {source}: {trouble}", markup=False)
    for book in explanation.books:
        _print_book(book, format_value)
    if eligibility.approved_amounts == () and explanation.nearest:
        console.print("\nNearest to an approval:")
        for book in explanation.nearest:
            for rule in book.open:
                console.print(
                    f"  {book.result.rulebook}: {rule.outcome.rule}: {advice(rule, format_value)}", markup=False
                )


def _print_book(book: BookExplained, format_value: Callable[[str, FactValue], str]) -> None:
    kind = "superseding" if book.result.superseding else f"priority {book.result.priority}"
    arm = f", arm {book.result.arm}" if book.result.arm else ""
    console.print(f"\n[bold]{book.result.rulebook}[/] ({kind}{arm}): {book.result.result}")
    _print_rules(book.rules, format_value)


def _print_application(record: Record, rules: Iterable[RuleExplained]) -> None:
    by = f" by {record.rulebook}" if record.rulebook else ""
    console.print(f"[bold]{record.id}[/]: [bold]{record.verdict or record.state}[/]{by}")
    print_reasons(console, record.reasons)
    for missing in record.missing:
        if missing.what:
            console.print(f"  missing: {missing.what}", markup=False)
    if record.offer:
        offer = record.offer
        console.print(f"  offered instead: {offer.amount} {record.currency} over {offer.term_months} months")
    if record.respond_by:
        console.print(f"  waits for the customer until {record.respond_by:%Y-%m-%d %H:%M} UTC")
    for check in record.checks:
        if check.trouble:
            console.print(f"  no answer for {check.check}: {check.trouble}", markup=False)
    _print_rules(rules, formatter(record.currency))


def _print_rules(rules: Iterable[RuleExplained], format_value: Callable[[str, FactValue], str]) -> None:
    for rule in rules:
        console.print(f"  {MARKS[rule.outcome.result]} {rule.outcome.rule}: {rule.sentence}")
        console.print(f"      asks {_properties(rule)}, saw {_observed(rule.outcome, format_value)}", markup=False)
        if rule.outcome.result is not Result.PASS:
            console.print(f"      {advice(rule, format_value)}", markup=False)


def advice(rule: RuleExplained, format_value: Callable[[str, FactValue], str]) -> str:
    """What would make the rule pass: other values, or values that are unknown now."""
    texts = [f"would pass with {_way(way, format_value)}" for way in rule.ways[:2]]
    texts += [_open(missing, format_value) for missing in rule.missing]
    return "; ".join(texts) or "no other value of these facts would pass"


def formatter(currency: str) -> Callable[[str, FactValue], str]:
    """Formats the value of a fact: amounts with their currency, everything else as it is."""

    def format_value(name: str, value: FactValue) -> str:
        money = name in CATALOGUE and CATALOGUE[name].unit == "minor units"
        return str(Money(minor=value, currency=currency)) if money and isinstance(value, int) else shown(value)

    return format_value


def _way(way: Way, format_value: Callable[[str, FactValue], str]) -> str:
    return " and ".join(
        f"{name} {condition.in_words(lambda value, name=name: format_value(name, value))}"  # type: ignore[misc]
        for name, condition in way.changes
    )


def _open(missing: Missing, format_value: Callable[[str, FactValue], str]) -> str:
    verb = "would settle it" if missing.always else "might settle it"
    passes = f"; passes with {_way(missing.passes, format_value)}" if missing.passes else "; it could only fail"
    return f"{' and '.join(missing.facts)} {verb}{passes}"


def _properties(rule: RuleExplained) -> str:
    form = written(rule.rule)
    properties: Mapping[str, object] = form[rule.rule.name] if isinstance(form, dict) else {}
    return ", ".join(f"{name} {value}" for name, value in properties.items()) or "nothing more"


def _observed(outcome: Outcome, format_value: Callable[[str, FactValue], str]) -> str:
    return ", ".join(f"{name} = {format_value(name, value)}" for name, value in outcome.observed.items()) or "nothing"
