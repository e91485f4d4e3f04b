"""All that the project uses of Prefect's private parts. Its other modules import public ones only.

What is private may change with any release. tests/worker/test_prefect_private.py has a test for each part, and for the
private methods and attributes that the warm engine and the warm worker use, so that an upgrade fails there first.
"""

import sys
from io import StringIO
from pathlib import Path
from typing import Any

from prefect._flow_run_suspension import (
    FlowRunSuspensionRequest,
    mark_flow_run_suspension_requested,
    register_flow_run_suspension_request,
)
from prefect.context import AsyncClientContext
from prefect.flow_engine import AsyncFlowRunEngine, _flow_parameters

flow_parameters = _flow_parameters

__all__ = [
    "AsyncFlowRunEngine",
    "FlowRunSuspensionRequest",
    "deploy_all",
    "flow_parameters",
    "mark_flow_run_suspension_requested",
    "read_deployments",
    "register_flow_run_suspension_request",
]


def read_deployments(prefect_file: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The deployments of a file as Prefect's command line reads them, and the file's actions."""
    # Prefect's command line takes a while to import, and no worker needs it.
    from prefect.cli.deploy._config import _load_deploy_configs_and_actions  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    return _load_deploy_configs_and_actions(prefect_file=prefect_file, console=Console(highlight=False))


async def deploy_all(deployments: list[dict[str, Any]], actions: dict[str, Any], prefect_file: Path) -> None:
    """What `prefect deploy --all` does with the deployments that were read; it prints only if it fails."""
    from prefect.cli.deploy._config import _pick_deploy_configs  # noqa: PLC0415
    from prefect.cli.deploy._core import _run_multi_deploy  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    # Prefect prints twenty lines for each deployment.
    printed = StringIO()
    console = Console(highlight=False, file=printed)
    picked = _pick_deploy_configs(deployments, deploy_all=True, console=console, is_interactive=_never)
    # One client for all of them; Prefect's functions would each make one, and leave it open.
    try:
        async with AsyncClientContext.get_or_create():
            await _run_multi_deploy(
                deploy_configs=picked,
                actions=actions,
                deploy_all=True,
                prefect_file=prefect_file,
                console=console,
                is_interactive=_never,
            )
    # Prefect's command line ends the process where it refuses a file.
    except (Exception, SystemExit):
        sys.stderr.write(printed.getvalue())
        raise


def _never() -> bool:
    return False
