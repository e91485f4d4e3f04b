"""`underwriting`: the command line. A command's module is imported when it runs, since some take seconds."""

import sys
from importlib import import_module

import typer

from underwriting.cli.errors import complain
from underwriting.cli.usage import Group
from underwriting.settings import SettingsRefused

# Every command, and where it is: a function, or a Typer application with commands of its own.
COMMANDS = {
    "demo": "demo:demo",
    "up": "demo:up",
    "review": "review:review",
    "answer": "answer:answer",
    "decide": "decide:decide",
    "eligibility": "eligibility:eligibility",
    "rulebooks": "rulebooks:app",
    "lists": "lists:app",
    "berka": "berka:app",
    "token": "tokens:token",
    "migrate": "upgrade:migrate",
    "deploy": "upgrade:deploy",
    "limits": "limits.run:app",
    "profiles": "profiles:app",
    "notices": "notices:app",
    "status": "status:status",
    "outbox": "queues:outbox",
    "housekeeping": "housekeeping:housekeeping",
    "consume": "consume:consume",
    "inbox": "queues:inbox",
    "explain": "explain:explain",
    "replay": "replay:replay",
    "audit": "audit:app",
    "retry": "upkeep:retry",
    "reseal": "upkeep:reseal",
    "roles": "upkeep:roles",
    "purge": "purge:purge",
    "person": "personal_data:app",
    "histories": "histories:app",
}


def application(wanted: str = "") -> typer.Typer:
    """The command line with the command `wanted`, or with all of them where there is none of that name."""
    app = typer.Typer(cls=Group, no_args_is_help=True, pretty_exceptions_show_locals=False)
    app.callback()(underwriting)
    for name in [wanted] if wanted in COMMANDS else COMMANDS:
        module, _, attribute = COMMANDS[name].partition(":")
        found = getattr(import_module(f"{__name__}.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def underwriting() -> None:
    """Pre-screening and underwriting of loans as Prefect flows."""


def main() -> None:
    """Run the command line."""
    try:
        application(*sys.argv[1:2])()
    except SettingsRefused as error:
        complain(str(error))
        sys.exit(2)
