"""`underwriting retry` and `underwriting reseal`: what an operator does to the store by hand."""

import getpass
from typing import Annotated

import typer

from underwriting.cli.store import with_store
from underwriting.store import claims, rotation
from underwriting.store.kinds import kind_of
from underwriting.store.session import Store


def retry(
    ids: Annotated[list[str], typer.Argument(help="What failed or is quarantined, by id.")],
) -> None:
    """Put failed or quarantined applications and evaluations back, all or none; `sweep` dispatches them soon."""

    async def work(store: Store) -> None:
        async with store.begin() as unit:
            for subject_id in ids:
                await claims.retry(unit, kind_of(subject_id), subject_id, getpass.getuser())

    with_store(work)
    typer.echo(f"put back: {', '.join(ids)}")


def reseal() -> None:
    """Seal everything under the current encryption key, so that older keys can be taken off the ring."""
    typer.echo(f"{with_store(rotation.reseal)} values are sealed anew")
