"""`underwriting migrate` and `underwriting deploy`: what a new version needs in the store and in Prefect."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from prefect.client.orchestration import get_client

from underwriting.cli.errors import refusing
from underwriting.cli.output import Json, print_json
from underwriting.cli.store import store_settings
from underwriting.process.logs import write_logs
from underwriting.settings import settings
from underwriting.store.errors import StoreError
from underwriting.store.migrate import migrate as migrate_store
from underwriting.store.migrations import HEAD
from underwriting.worker.deploy import deploy as deploy_file


def migrate(
    expand: Annotated[
        bool, typer.Option("--expand", help="Only as far as the programs work that run now; later once more without.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring the store's schema up to this version. A second run changes nothing."""

    async def run() -> str:
        return await migrate_store(store_settings().database_url, expand=expand)

    with refusing(StoreError):
        schema = asyncio.run(run())
    if as_json:
        print_json({"schema": schema})
    elif schema == HEAD:
        typer.echo("the store's schema is up to date")
    else:
        typer.echo(f"the store's schema is at {schema} of {HEAD}: start the new programs, stop the old ones, then")
        typer.echo("underwriting migrate")


def deploy(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Deployments to make.")] = Path(
        "prefect.yaml"
    ),
) -> None:
    """Make the work pool, the bureau's concurrency limit and all deployments of a file, and drop old schedules."""

    write_logs()

    async def run() -> None:
        config = settings()
        async with get_client() as client:
            await deploy_file(client, file, config.work_pool, config.alert_url)

    with refusing(ValueError, OSError):
        asyncio.run(run())
