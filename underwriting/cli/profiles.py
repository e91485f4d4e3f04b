"""`underwriting profiles`: what one user may take, and changing it by hand."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Annotated

import typer

from rules.limits.tiers import tiers_enabled
from underwriting.cli.client import opaque_id
from underwriting.cli.output import Json, console, moment_text, new_table, note_given, print_json
from underwriting.cli.person import this_person
from underwriting.cli.store import read_store, with_store
from underwriting.domain.application import Product
from underwriting.domain.money import amount_text
from underwriting.domain.profile import FloatProfile, Tier
from underwriting.profile_changes import change
from underwriting.settings import settings
from underwriting.store import profiles
from underwriting.store.errors import NoSuchUser
from underwriting.store.session import Work

app = typer.Typer(no_args_is_help=True, help="Float profiles: show what a user may take; set, pause, resume.")


def _user(user_id: str) -> str:
    return opaque_id(user_id)


def _enabled(tiers: str) -> str:
    try:
        tiers_enabled(_ids(tiers))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return tiers


def _to_come(until: datetime | None) -> datetime | None:
    if until is not None and until.replace(tzinfo=UTC) <= datetime.now(UTC):
        raise typer.BadParameter(f"{until} is in the past; write a moment that is still to come")
    return until


User = Annotated[str, typer.Argument(help="The user.", callback=_user)]
Tenant = Annotated[str, typer.Option(help="Whose user it is; by default as in the settings.")]
Note = Annotated[str, typer.Option(help="Why; it is stored sealed.", callback=note_given)]
Until = Annotated[
    datetime | None,
    typer.Option(
        metavar="YYYY-MM-DDTHH:MM:SS",
        help="For a while: until this moment, UTC. For good by default.",
        callback=_to_come,
    ),
]
Products = Annotated[list[Product], typer.Argument(metavar="PRODUCTS", help="loan, float or both.")]


@app.command()
def show(user_id: User, tenant: Tenant = "", as_json: Json = False) -> None:
    """Show the profile in force: the tiers that the user may take, the limit, and what is paused."""
    whose = tenant or settings().limits_tenant

    async def found(work: Work) -> FloatProfile:
        if (profile := await profiles.current(work, whose, user_id, datetime.now(UTC))) is None:
            raise NoSuchUser(whose, user_id)
        return profile

    _print(read_store(found), as_json=as_json)


@app.command(name="set")
def set_tiers(
    user_id: User,
    tiers: Annotated[
        str,
        typer.Option(metavar="IDS", help='Exactly these may be taken, such as 1,2,3; "" is none.', callback=_enabled),
    ],
    note: Note,
    until: Until = None,
    tenant: Tenant = "",
    as_json: Json = False,
) -> None:
    """Let the user take exactly these tiers from now on; `show` lists them with their amounts."""
    _change(tenant, user_id, note, until, tiers=lambda _: tiers_enabled(_ids(tiers)), as_json=as_json)


@app.command()
def pause(
    user_id: User, products: Products, note: Note, until: Until = None, tenant: Tenant = "", as_json: Json = False
) -> None:
    """Let the user take no such products from now on, whatever the rules decide."""
    _change(tenant, user_id, note, until, paused=lambda paused: paused.union(products), as_json=as_json)


@app.command()
def resume(user_id: User, products: Products, note: Note, tenant: Tenant = "", as_json: Json = False) -> None:
    """End the pause of these products."""
    _change(tenant, user_id, note, None, paused=lambda paused: paused.difference(products), as_json=as_json)


def _change(
    tenant: str,
    user_id: str,
    note: str,
    until: datetime | None,
    *,
    tiers: Callable[[Iterable[Tier]], Iterable[Tier]] | None = None,
    paused: Callable[[frozenset[Product]], Iterable[Product]] | None = None,
    as_json: bool,
) -> None:
    whose = tenant or settings().limits_tenant
    expires_on = until and until.replace(tzinfo=UTC)
    by = this_person()
    profile = with_store(
        lambda store: change(
            store, whose, user_id, tiers=tiers, paused=paused, reason="staff", note=note, by=by, expires_on=expires_on
        )
    )
    if profile.expires_on and tiers and not until:
        typer.echo("The tiers are stored; they are in force once the temporary version has ended:", err=True)
    _print(profile, as_json=as_json)


def _ids(tiers: str) -> list[str]:
    return [each.strip() for each in tiers.split(",") if each.strip()]


def _print(profile: FloatProfile, *, as_json: bool) -> None:
    if as_json:
        # Only here: the API's routes take a while to import.
        from underwriting.api.profiles import ProfileRecord  # noqa: PLC0415

        print_json(ProfileRecord.of(profile))
        return
    made = f"{moment_text(profile.created_on)} by {profile.created_by}: {profile.reason}"
    typer.echo(f"{profile.user_id}, version {profile.version} of {made}")
    if profile.expires_on:
        typer.echo(
            f"  temporary: it ends on {moment_text(profile.expires_on)}, and then the permanent tiers are in force"
        )
    paused = ", ".join(sorted(profile.paused)) or "nothing"
    typer.echo(f"  limit {amount_text(profile.limit, profile.currency)}, paused: {paused}")
    table = new_table("tier", "amount", "fee", "may be taken", right=("amount", "fee"))
    for tier in profile.tiers:
        money = (amount_text(minor, profile.currency) for minor in (tier.amount, tier.fee))
        table.add_row(tier.id, *money, "yes" if tier.enabled else "no")
    console().print(table)
