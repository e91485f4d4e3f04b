"""`underwriting retry` and `underwriting reseal`: manual operations on the store."""

import getpass
from typing import Annotated

import typer

from underwriting.cli.store import with_store, write_store
from underwriting.store import claims, rotation
from underwriting.store.kinds import kind_of
from underwriting.store.session import Work


def retry(
    ids: Annotated[list[str], typer.Argument(help="Ids of failed or quarantined applications and evaluations.")],
) -> None:
    """Put failed or quarantined applications and evaluations back, all or none; `sweep` dispatches them soon."""

    async def retry_all(work: Work) -> None:
        for subject_id in ids:
            await claims.retry(work, kind_of(subject_id), subject_id, getpass.getuser())

    write_store(retry_all)
    typer.echo(f"put back: {', '.join(ids)}")


def reseal() -> None:
    """Seal everything again with the current encryption key, so that older keys can be removed."""
    typer.echo(f"{with_store(rotation.reseal)} values are sealed anew")
