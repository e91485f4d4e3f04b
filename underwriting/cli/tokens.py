"""`underwriting token`: a bearer token of the embedded issuer."""

from datetime import timedelta
from typing import Annotated

import typer

from underwriting.cli.errors import refusing
from underwriting.cli.output import Json, print_json
from underwriting.local import SANDBOX_TENANT, EmbeddedError, issue_token
from underwriting.settings import settings

SCOPES = (
    "applications:write applications:backdate applications:read referrals:decide"
    " eligibility:check eligibility:read profiles:read profiles:write events:write"
    " notices:read notices:write list_matches:read list_matches:write"
)


def token(
    tenant: Annotated[str, typer.Option(help="The tenant whose data the token may access.")] = SANDBOX_TENANT,
    subject: Annotated[str, typer.Option(help="Whose token it is; stored as who decided.")] = "shell",
    scopes: Annotated[str, typer.Option(help="What it may do.")] = SCOPES,
    minutes: Annotated[int, typer.Option(min=1, max=24 * 60, help="How long it is good for.")] = 60,
    as_json: Json = False,
) -> None:
    """Print a bearer token for the API of `underwriting up`. In production your identity provider issues them."""
    lifetime = timedelta(minutes=minutes).total_seconds()
    with refusing(EmbeddedError):
        issued = issue_token(settings(), tenant, subject, scopes, lifetime)
    if as_json:
        print_json({"token": issued, "minutes": minutes})
        return
    typer.echo(issued)
