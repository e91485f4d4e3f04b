"""`underwriting histories`: made-up users of floats by the thousand or the million, as Parquet."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from underwriting.cli.errors import refuse, refusing
from underwriting.cli.output import Json, console, new_table, print_json
from underwriting.playground.generator.calendar import Window
from underwriting.playground.generator.describe import describe as describe_folder
from underwriting.playground.generator.world import shipped_world
from underwriting.playground.generator.write import PERSONAS, GeneratorError, Plan, write

app = typer.Typer(no_args_is_help=True, help="Histories of made-up users of floats: generate, describe.")
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder with a subfolder for each table.")]
End = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Last day of the histories.")]


@app.command()
def generate(
    folder: Folder,
    end: End,
    users: Annotated[int, typer.Option(min=1, help="How many users.")] = 1_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same users.")] = 0,
    months: Annotated[int, typer.Option(min=1, max=60, help="Months of history.")] = 6,
    personas: Annotated[
        float, typer.Option(min=0, max=1, help="Share of users with a known right answer (expected.parquet).")
    ] = PERSONAS,
    malformed: Annotated[
        float, typer.Option(min=0, max=1, help="Share of transactions with a malformed copy (malformed.parquet).")
    ] = 0.0,
    partitioned: Annotated[
        bool, typer.Option("--partitioned", help="Transactions in a folder for each month.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the histories of made-up users, in memory that does not grow with their number."""
    if end.date() > datetime.now(UTC).date():
        refuse(f"--end {end.date()} is in the future; histories end with a day that is known")
    plan = Plan(users, seed, Window(end.date(), months), personas, malformed, partitioned)
    with refusing(GeneratorError, OSError):
        written = write(shipped_world(), plan, folder)
        for _ in track(written, "Generating", total=plan.chunks, console=Console(stderr=True), transient=True):
            pass
    if as_json:
        print_json({"users": users, "months": months, "end": end.date(), "folder": folder})
        return
    typer.echo(f"{users:,} users with {months} months of history up to {end.date()} are in {folder}.")


@app.command()
def describe(folder: Folder, as_json: Json = False) -> None:
    """Describe a folder of histories: rows, spans, shares."""
    with refusing(GeneratorError, OSError):
        found = describe_folder(folder)
    by_table = {
        name: {"rows": rows} | {label: figure for (of, label), figure in found.figures.items() if of == name}
        for name, rows in found.rows.items()
    }
    if as_json:
        print_json(by_table)
        return
    table = new_table("table", "", "", right=("",))
    for name, figures in by_table.items():
        for label, figure in figures.items():
            table.add_row(name if label == "rows" else "", label, f"{figure:,}" if isinstance(figure, int) else figure)
    typer.echo(folder)
    console().print(table)
