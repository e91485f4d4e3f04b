"""`underwriting retry`, `underwriting reseal` and `underwriting roles`: manual operations on the store."""

from typing import Annotated

import typer

from underwriting.cli.errors import refuse, refusing
from underwriting.cli.output import Json, print_json
from underwriting.cli.person import this_person
from underwriting.cli.store import with_store, write_store
from underwriting.limit_runs import files as limit_files
from underwriting.settings import settings
from underwriting.store import claims, rotation
from underwriting.store.errors import Undecipherable
from underwriting.store.kinds import APPLICATIONS, EVALUATIONS, kind_of
from underwriting.store.roles import grants
from underwriting.store.session import Work


def retry(
    ids: Annotated[list[str], typer.Argument(help="Ids of quarantined or cancelled applications and evaluations.")],
    as_json: Json = False,
) -> None:
    """Put quarantined or cancelled applications and evaluations back, all or none; workers get them within seconds."""

    if strange := [each for each in ids if not each.startswith((APPLICATIONS.prefix, EVALUATIONS.prefix))]:
        refuse(f"{strange[0]} is no id of an application (app_…) or an evaluation (evl_…)")

    async def retry_all(work: Work) -> None:
        for subject_id in ids:
            await claims.retry(work, kind_of(subject_id), subject_id, this_person())

    write_store(retry_all)
    if as_json:
        print_json({"put_back": ids})
        return
    typer.echo(f"put back: {', '.join(ids)}")


def reseal(as_json: Json = False) -> None:
    """Seal everything again with the current encryption key, so that older keys can be removed."""
    resealed, left = with_store(rotation.reseal), with_store(rotation.left)
    with refusing(Undecipherable):
        files = limit_files.reseal(settings().limits_place)
    if as_json:
        print_json({"resealed": resealed, "files": files, "left": left})
        raise typer.Exit(1 if left else 0)
    typer.echo(f"{resealed:,} values are sealed anew" + (f", and {files:,} files of limit runs" if files else ""))
    if left:
        typer.echo(f"{left:,} values do not open, since their key is missing or another one; they stay as they are")
        raise typer.Exit(1)


def roles(as_json: Json = False) -> None:
    """Print the SQL of two roles of PostgreSQL, for programs and for reports; the tables' owner runs it with psql."""
    if as_json:
        print_json({"statements": grants()})
        return
    typer.echo("".join(f"{statement};\n" for statement in grants()), nl=False)
