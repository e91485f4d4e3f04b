"""Which history a command reads."""

from typing import Annotated

import typer

from underwriting.cli.errors import refuse
from underwriting.settings import Settings

History = Annotated[str, typer.Option(help="Folder, s3://bucket/folder or `database`; by default as in the settings.")]


def history_of(given: str, config: Settings) -> str:
    """The history that was named, that of the settings, or the one that `underwriting up` wrote."""
    if given or config.limits_history:
        return given or config.limits_history
    # Production has neither the sandbox nor the embedded services.
    from underwriting.local.environment import history_folder  # noqa: PLC0415

    folder = history_folder(config)
    return str(folder) if folder.exists() else refuse("name a history with --history")
