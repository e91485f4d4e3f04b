"""`underwriting limits compare` and `backtest`: two policies on one history."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from rules.core.problems import RulebookError
from rules.limits.backtest import MonthFigures
from rules.limits.decisions import Move
from rules.limits.policy import LimitPolicy, policy_for
from rules.limits.tiers import CURRENCY
from underwriting.cli.errors import refuse, refusing
from underwriting.cli.limits.context import ProgressBar, with_run_context
from underwriting.cli.limits.histories import History, history_of
from underwriting.cli.output import console
from underwriting.domain.application import Product
from underwriting.domain.money import amount_text
from underwriting.limit_runs.backtest import LOST_AFTER_DAYS, write_backtest
from underwriting.limit_runs.backtest import backtest as run_backtest
from underwriting.limit_runs.comparison import compare as compared
from underwriting.limit_runs.comparison import write_comparison
from underwriting.limit_runs.history import HistoryError
from underwriting.limit_runs.past_facts import NOT_REWOUND
from underwriting.limit_runs.request import Request
from underwriting.settings import settings

First = Annotated[str, typer.Argument(help="A shipped policy, or a YAML file.")]
Second = Annotated[str, typer.Argument(help="The other one.")]
Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="A day of the history, up to its end.")]
Folder = Annotated[
    Path | None,
    typer.Option("--into", help="Folder for the picture and the tables; by default among those of limit runs."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]


def compare(
    first: First,
    second: Second,
    date: Day,
    history: History = "",
    into: Folder = None,
    as_json: Json = False,
) -> None:
    """Show who would end at another limit under the second policy; nothing is stored.

    Both begin with the limits that are in force now, also for an earlier --date.
    """
    (one_name, one), (other_name, other) = _policies(first, second).items()
    request = Request(settings().limits_tenant, Product.FLOAT, date.date(), history_of(history, settings()), one)
    with refusing(HistoryError):
        found = with_run_context(lambda context: compared(context, request, other))
    into = into or _folder("comparison", (one, other), date)
    write_comparison(found, (one_name, other_name), into)
    counted = found.comparison
    if as_json:
        figures = {
            "users": counted.users,
            "currency": CURRENCY,
            "policies": {
                one_name: {"moves": counted.moves_first, "exposure_minor": counted.exposure_first},
                other_name: {"moves": counted.moves_second, "exposure_minor": counted.exposure_second},
            },
            "higher": {"users": counted.higher, "money_minor": counted.money_higher},
            "lower": {"users": counted.lower, "money_minor": counted.money_lower},
            "folder": str(into),
        }
        typer.echo(json.dumps(figures))
        return
    table = _beside(one_name, other_name)
    for move in counted.moves_first:
        word = "unchanged" if move == Move.HELD else move
        table.add_row(word, f"{counted.moves_first[move]:,}", f"{counted.moves_second[move]:,}")
    exposures = (amount_text(minor, CURRENCY) for minor in (counted.exposure_first, counted.exposure_second))
    table.add_row("all limits together", *exposures)
    console().print(table)
    console().print(
        "Both begin with the limits that are in force now; users whose floats are paused are left out. "
        f"Of {counted.users:,} users {counted.higher:,} would have "
        f"more under {other_name}, "
        f"{amount_text(counted.money_higher, CURRENCY)} together, and {counted.lower:,} less, "
        f"{amount_text(counted.money_lower, CURRENCY)}.",
        markup=False,
    )
    typer.echo(f"files: {into}")


def backtest(
    first: First,
    second: Second,
    since: Day,
    until: Day,
    history: History = "",
    into: Folder = None,
    as_json: Json = False,
) -> None:
    """Decide every day by both policies: exposure, moves, losses avoided, good users held back, by month."""
    if until < since:
        refuse(f"--until {until.date()} is before --since {since.date()}")
    policies = _policies(first, second)
    config = settings()
    with refusing(HistoryError), ProgressBar() as bar:
        by_policy = asyncio.run(
            run_backtest(
                history_of(history, config),
                policies,
                since.date(),
                until.date(),
                config.limits_shard_users,
                config.limits_memory_mb,
                bar,
            )
        )
    into = into or _folder("backtest", policies.values(), since, until)
    write_backtest(by_policy, into)
    if as_json:
        figures = {
            name: {f"{day:%Y-%m}": month.as_json() for day, month in months.items()}
            for name, months in by_policy.items()
        }
        typer.echo(
            json.dumps({"currency": CURRENCY, "policies": figures, "not_known": NOT_REWOUND, "folder": str(into)})
        )
        return
    _show(by_policy)
    console().print(NOT_REWOUND, markup=False)
    typer.echo(f"files: {into}")


def _show(by_policy: Mapping[str, Mapping[date, MonthFigures]]) -> None:
    """A section for each month: its figures, a column for each policy."""
    table = _beside(*by_policy)
    days = sorted({day for months in by_policy.values() for day in months})
    unsettled = False
    for day in days:
        months = [by_policy[name][day] for name in by_policy]
        is_open = not all(month.settled for month in months)
        unsettled |= is_open
        mark = " *" if is_open else ""
        table.add_section()
        table.add_row(f"[bold]{day:%Y-%m}[/]{' [yellow]not settled yet[/]' if is_open else ''}")
        rows = {
            "all limits together": [amount_text(month.exposure, CURRENCY) for month in months],
            "raised": [f"{month.raised:,}" for month in months],
            "lowered": [f"{month.lowered:,}" for month in months],
            "paused": [f"{month.paused:,}" for month in months],
            "floats taken": [f"{month.floats:,}" for month in months],
            "of these not settled": [f"{month.unsettled:,}" for month in months],
            f"lost{mark}": [amount_text(month.losses, CURRENCY) for month in months],
            f"of this avoided{mark}": [amount_text(month.losses_avoided, CURRENCY) for month in months],
            f"good users{mark}": [f"{month.good_users:,}" for month in months],
            f"of these held back{mark}": [f"{month.good_users_held_back:,}" for month in months],
        }
        for label, values in rows.items():
            table.add_row(f"  {label}", *values)
    console().print(table)
    if unsettled:
        console().print(
            f"* Not settled yet: some of the month's floats are neither repaid nor {LOST_AFTER_DAYS} days past due by "
            "the end of the history. These figures can only rise; do not compare them with earlier months."
        )


def _beside(*names: str) -> Table:
    """A table with a column of figures for each policy."""
    table = Table(show_edge=False, box=None, header_style="bold", padding=(0, 1))
    table.add_column("")
    for name in names:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _folder(what: str, policies: Iterable[LimitPolicy], *days: datetime) -> Path:
    """Where files go unless a folder is named: `comparison-cfi-v4-mine-v5-2026-06-30` beside the limit runs."""
    names = [f"{policy.name}-v{policy.version}" for policy in policies]
    return settings().limits_place / "-".join([what, *names, *(str(day.date()) for day in days)])


def _policies(first: str, second: str) -> dict[str, LimitPolicy]:
    """Both policies, by what they are called here: name and version, and where both have the same, also the file."""
    if first == second:
        refuse(f"both policies are {first}; name two")
    with refusing(RulebookError, ValueError):
        policies = {given: policy_for(given) for given in (first, second)}
    if len({str(policy.ref) for policy in policies.values()}) == len(policies):
        return {str(policy.ref): policy for policy in policies.values()}
    return {f"{policy.ref} ({given})": policy for given, policy in policies.items()}
