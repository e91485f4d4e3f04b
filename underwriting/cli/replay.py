"""`underwriting replay`: the same evaluation once more, and what drifted if it comes out otherwise."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from rules.columns import Columns
from rules.eligibility.replay import differences, fact_differences, named, rejudged
from rules.facts import USER_FACTS, user_facts
from underwriting.cli.errors import refusing
from underwriting.cli.store import with_store
from underwriting.clients.errors import SourceError
from underwriting.domain.decision import FactValue
from underwriting.embedded import EmbeddedError
from underwriting.recall import Recalled, RuleDrift, affordability_cap, recall
from underwriting.settings import settings
from underwriting.store.claims import Claim
from underwriting.store.errors import StoreError
from underwriting.store.kinds import EVALUATIONS
from underwriting.store.session import Store
from underwriting.workplace import Workplace, workplace


def replay(
    evaluation_id: Annotated[str, typer.Argument(metavar="ID")],
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask the sources again, too, as of that day.")] = False,
) -> None:
    """Judge an evaluation again from its frozen facts and rulebooks. Exit code 1 where it comes out otherwise.

    The drift is named: rule (a book is not what it was), code (the same facts and books, another answer) or, with
    --fresh, data (the sources say otherwise now).
    """
    drifted = with_store(lambda store: _replayed(store, evaluation_id))
    if fresh:
        with refusing(StoreError, EmbeddedError):
            drifted = asyncio.run(_refreshed(evaluation_id)) or drifted
    if drifted:
        raise typer.Exit(1)


async def _replayed(store: Store, evaluation_id: str) -> bool:
    """Say what the frozen facts and books give now; whether that is another answer."""
    async with store.read() as work:
        try:
            recalled = await recall(work, evaluation_id)
        except RuleDrift as drift:
            typer.echo(str(drift))
            return True
    then = recalled.judged.eligibility
    now = rejudged(
        recalled.judged.request.product,
        then,
        recalled.books,
        then.facts,
        recalled.profile,
        then.affordability_cap,
    )
    if found := differences(then, now):
        _tell("code drift: the same facts and books give another answer", named(found))
        return True
    typer.echo(f"same answer: {then.verdict}, from {len(then.facts)} frozen facts and {len(then.books)} books")
    _tell_of_today(recalled)
    return False


def _tell_of_today(recalled: Recalled) -> None:
    """What a new evaluation would rest on otherwise; the answer of then stands."""
    then = recalled.judged.eligibility
    if recalled.digest_now != recalled.judged.books_digest:
        typer.echo("rule: another set of rulebooks is in force today")
    cap = affordability_cap(settings().limit_policy, then.facts)
    if cap != then.affordability_cap:
        typer.echo(f"rule: the limit policy in force today allows {cap}, and allowed {then.affordability_cap} then")


async def _refreshed(evaluation_id: str) -> bool:
    """Say which facts the sources give otherwise now, and what would come of it; whether there are any."""
    async with workplace() as place:
        async with place.store.read() as work:
            recalled = await recall(work, evaluation_id)
        facts, troubles = await _ask_again(place, recalled)
    then = recalled.judged.eligibility
    for source, why in troubles.items():
        typer.echo(f"no answer for {source}: {why}")
    found = fact_differences(then.facts, facts)
    if not found:
        typer.echo("the sources say the same")
        return False
    cap = affordability_cap(place.config.limit_policy, facts)
    now = rejudged(recalled.judged.request.product, then, recalled.books, facts, recalled.profile, cap)
    _tell(f"data drift: the sources say otherwise now, which comes to {now.verdict}", named(found))
    return True


async def _ask_again(place: Workplace, recalled: Recalled) -> tuple[dict[str, FactValue], dict[str, str]]:
    """The facts as the sources give them now, as of the same day and moment; and which sources gave nothing."""
    # Prefect's tasks take seconds to import, and only this asks for them; here they run as plain functions.
    from tasks.gather import SOURCES  # noqa: PLC0415
    from tasks.user_check import UserCheck  # noqa: PLC0415

    request, then = recalled.judged.request, recalled.judged.eligibility
    judged_at = min(then.decided_at, datetime.combine(request.as_of, datetime.max.time(), UTC))
    check = UserCheck(place, Claim(EVALUATIONS, request, 0, 0), recalled.profile, judged_at)
    troubles: dict[str, str] = {}
    for source in SOURCES:
        try:
            await source.fn(check)
        except SourceError as error:
            troubles[source.name] = str(error)
    columns = Columns(user_facts(check.tables()))
    return {name: columns.value(name, 0) for name in USER_FACTS}, troubles


def _tell(headline: str, lines: list[str]) -> None:
    typer.echo(headline)
    for line in lines:
        typer.echo(f"  {line}")
