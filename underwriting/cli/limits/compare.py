"""`underwriting limits compare` and `backtest`: two policies on one history."""

import asyncio
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rules.core.problems import RulebookError
from rules.limits.backtest import MonthFigures
from rules.limits.policy import LimitPolicy, policy_for
from underwriting.cli.errors import refusing
from underwriting.cli.limits.context import ProgressBar, with_run_context
from underwriting.domain.application import Product
from underwriting.limit_runs.backtest import backtest as run_backtest
from underwriting.limit_runs.backtest import frame_of, write_backtest
from underwriting.limit_runs.comparison import compare as compared
from underwriting.limit_runs.comparison import write_comparison
from underwriting.limit_runs.history import HistoryError
from underwriting.limit_runs.past_facts import NOT_REWOUND
from underwriting.limit_runs.request import Request
from underwriting.settings import settings

First = Annotated[str, typer.Argument(help="A shipped policy, or a YAML file.")]
Second = Annotated[str, typer.Argument(help="The other one.")]
History = Annotated[str, typer.Option(help="Folder, s3://bucket/folder or `database`.")]
Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])]
Folder = Annotated[Path, typer.Option("--into", help="Folder for the picture and the tables.")]


def compare(first: First, second: Second, history: History, date: Day, into: Folder = Path("comparison")) -> None:
    """Show who would end at another limit under the second policy, from the limits in force; nothing is stored."""
    one, other = _policies(first, second)
    request = Request(settings().limits_tenant, Product.FLOAT, date.date(), history, one)
    found = with_run_context(lambda context: compared(context, request, other))
    write_comparison(found, (str(one.ref), str(other.ref)), into)
    table = Table("", str(one.ref), str(other.ref))
    counted = found.comparison
    for move in counted.moves_first:
        table.add_row(move, str(counted.moves_first[move]), str(counted.moves_second[move]))
    table.add_row("all limits, minor units", str(counted.exposure_first), str(counted.exposure_second))
    Console().print(table)
    typer.echo(
        f"of {counted.users} users {counted.higher} would have more (together {counted.money_higher}) and "
        f"{counted.lower} less ({counted.money_lower}); files: {into}"
    )


def backtest(
    first: First, second: Second, history: History, since: Day, until: Day, into: Folder = Path("backtest")
) -> None:
    """Decide every day by both policies: exposure, moves, losses avoided, good users held back, by month."""
    policies = _policies(first, second)
    config = settings()
    with refusing(HistoryError), ProgressBar() as bar:
        by_policy = asyncio.run(
            run_backtest(
                history,
                policies,
                since.date(),
                until.date(),
                config.limits_shard_users,
                config.limits_memory_mb,
                bar,
            )
        )
    write_backtest(by_policy, into)
    _show(by_policy)
    typer.echo(NOT_REWOUND)
    typer.echo(f"{len(frame_of(by_policy))} rows and a picture: {into}")


def _show(by_policy: Mapping[str, Mapping[date, MonthFigures]]) -> None:
    figures = (
        "exposure",
        "raised",
        "lowered",
        "paused",
        "losses",
        "losses_avoided",
        "good_users",
        "good_users_held_back",
    )
    table = Table("month", "policy", *(name.replace("_", " ") for name in figures))
    months = {day for per_policy in by_policy.values() for day in per_policy}
    for day in sorted(months):
        for name, per_policy in by_policy.items():
            table.add_row(f"{day:%Y-%m}", name, *(str(getattr(per_policy[day], one)) for one in figures))
    Console().print(table)


def _policies(first: str, second: str) -> tuple[LimitPolicy, LimitPolicy]:
    with refusing(RulebookError, ValueError):
        return policy_for(first), policy_for(second)
