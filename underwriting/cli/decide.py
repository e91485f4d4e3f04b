"""`underwriting decide`: a person's decision on a referred application or evaluation."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError

from rules.explain.adverse_reasons import AdverseCode
from underwriting import referrals
from underwriting.cli.errors import refuse
from underwriting.cli.output import Json, note_wanted, print_json
from underwriting.cli.person import this_person
from underwriting.cli.store import write_store
from underwriting.domain.decision import MAX_PRINCIPAL_REASONS, Verdict
from underwriting.domain.eligibility import UpTo
from underwriting.domain.money import amount_of
from underwriting.referrals import StaffVerdict
from underwriting.settings import settings
from underwriting.store import applications
from underwriting.store.evaluations import EvaluationRecord
from underwriting.store.kinds import APPLICATIONS, EVALUATIONS
from underwriting.store.record import Record
from underwriting.store.session import Work

OPTIONS = {"reasons": "--reason", "up_to": "--up-to", "clears_match": "--clears-match"}


def decide(
    subject_id: Annotated[str, typer.Argument(metavar="ID", help="The referred application or evaluation.")],
    decision: Annotated[StaffVerdict, typer.Argument(help="What you decide.")],
    note: Annotated[str, typer.Option(help="Why; it is stored sealed, and no customer sees it.")],
    reasons: Annotated[
        list[str] | None,
        typer.Option(
            "--reason",
            metavar="CODE",
            help="Of a rejection: one to four, the weightiest first; `underwriting rulebooks reasons` lists them.",
        ),
    ] = None,
    up_to: Annotated[
        str | None,
        typer.Option(
            metavar="AMOUNT", help="Of an approved evaluation: the highest amount; by default all that is possible."
        ),
    ] = None,
    clears_match: Annotated[
        bool, typer.Option("--clears-match", help="With an approval: the customer is none of the listed persons.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Approve or reject what was referred to a person. The decision is stored with who and why, and sent like others.

    It is refused where a different decision is stored, and for an evaluation that is not the answer any more.
    """
    verdict, codes = decision.verdict, reasons or []
    wrong = list(_wrong(subject_id, verdict, note, codes, up_to, clears_match=clears_match))
    if wrong:
        refuse("; ".join(wrong))
    said: dict[str, Any] = {"note": note, "reasons": codes, "clears_match": clears_match}

    async def stored(work: Work) -> Record | EvaluationRecord:
        shared = {"tenant": None, "decided_by": this_person(), **said}
        if subject_id.startswith(EVALUATIONS.prefix):
            return await referrals.decide_evaluation(work, settings(), subject_id, verdict, up_to=up_to, **shared)
        await referrals.decide_application(work, settings(), subject_id, verdict, **shared)
        return (await applications.get(work, None, subject_id)).record

    record = write_store(stored)
    if as_json:
        print_json(record)
        return
    amounts = _amounts(record)
    typer.echo(f"{subject_id}: {record.verdict}{' ' if amounts else ''}{', '.join(amounts)}")


def _wrong(
    subject_id: str, verdict: Verdict, note: str, codes: Sequence[str], up_to: str | None, *, clears_match: bool
) -> Iterator[str]:
    """Everything that can be seen to be wrong without the store, by option."""
    if not subject_id.startswith((APPLICATIONS.prefix, EVALUATIONS.prefix)):
        yield f"ID: {subject_id} is no id of an application (app_…) or an evaluation (evl_…)"
    if why := note_wanted(note):
        yield f"--note: {why}"
    unknown = dict(_unknown(codes))
    yield from unknown.values()
    if len(codes) > MAX_PRINCIPAL_REASONS:
        yield f"--reason: {len(codes)} are too many; give one to {MAX_PRINCIPAL_REASONS}"
    if up_to is not None and subject_id.startswith(APPLICATIONS.prefix):
        yield "--up-to: an application is approved as it was applied for: leave it out"
    elif up_to is not None and not _is(UpTo, up_to):
        yield f"--up-to: {up_to} is no amount; write a plain number such as 20.00"
    known = [code for code in codes if code not in unknown]
    up_to = None if subject_id.startswith(APPLICATIONS.prefix) else up_to
    for field, sentence in referrals.misfits(verdict, known, clears_match=clears_match, up_to=up_to):
        # Reasons were given, if not by their codes.
        if not (field == "reasons" and unknown):
            yield f"{OPTIONS[field]}: {sentence}"


def _unknown(codes: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each code that no person may give, with the sentence that says so."""
    for code in codes:
        try:
            TypeAdapter(AdverseCode).validate_python(code)
        except ValidationError as error:
            yield code, f"--reason: {error.errors()[0]['ctx']['error']}"


def _is(kind: Any, value: str) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


def _amounts(record: Record | EvaluationRecord) -> list[str]:
    """What may be taken after the decision, with the currency."""
    found = record.approved_amounts if isinstance(record, EvaluationRecord) else (record.approved_amount,)
    return [amount_of(amount, record.currency) for amount in found if amount and record.currency]
