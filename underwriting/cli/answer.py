"""`underwriting answer`: a customer's answer to an incomplete application or to a counteroffer."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from underwriting.cli.output import Json, print_json
from underwriting.cli.person import this_person
from underwriting.cli.store import write_store
from underwriting.domain.application import State
from underwriting.domain.money import amount_of
from underwriting.settings import settings
from underwriting.store import waiting
from underwriting.store.waiting import Answer


def answer(
    application_id: Annotated[str, typer.Argument(metavar="ID", help="The application.")],
    reply: Annotated[
        Answer, typer.Argument(help="`supplied` starts another review; the others answer a counteroffer.")
    ],
    as_json: Json = False,
) -> None:
    """Hand in a customer's answer. If it starts another review, it is dispatched within seconds."""
    stored = write_store(
        lambda work: waiting.answer(
            work,
            application_id,
            reply,
            tenant=None,
            by=this_person(),
            now=datetime.now(UTC),
            partners=settings().partners,
        )
    )
    if as_json:
        print_json({"id": application_id, "state": stored.state, "verdict": stored.record.verdict})
        return
    if stored.state is State.PENDING:
        typer.echo(f"{application_id} is reviewed again within seconds; to see the decision:")
        typer.echo(f"  underwriting explain {application_id}")
        return
    record = stored.record
    amount = f" {amount_of(record.approved_amount, record.currency)}" if record.approved_amount else ""
    typer.echo(f"{application_id}: {record.verdict or stored.state}{amount}")
