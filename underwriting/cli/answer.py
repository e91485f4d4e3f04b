"""`underwriting answer`: what a customer said to an incomplete application or to a counteroffer."""

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer

from underwriting.cli.store import with_store
from underwriting.settings import settings
from underwriting.store import waiting
from underwriting.store.applications import StoredApplication
from underwriting.store.session import Store
from underwriting.store.waiting import Answer


def answer(
    application_id: Annotated[str, typer.Argument(metavar="ID", help="The application.")],
    said: Annotated[Answer, typer.Argument(help="`supplied` has it reviewed again; the others are about an offer.")],
) -> None:
    """Hand in a customer's answer. What is to be reviewed again is dispatched by the next sweep."""

    async def work(store: Store) -> StoredApplication:
        async with store.begin() as unit:
            return await waiting.answer(
                unit,
                application_id,
                said,
                tenant=None,
                by=getpass.getuser(),
                now=datetime.now(UTC),
                partners=settings().partners,
            )

    stored = with_store(work)
    typer.echo(f"{application_id}: {stored.record.verdict or stored.state}")
