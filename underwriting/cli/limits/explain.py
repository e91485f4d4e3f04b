"""Why a user's limit is what it is: its changes, and what the runs behind them decided from which facts."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from rules.core.problems import RulebookError
from rules.explain.limits import LimitDecision, explain_limit
from rules.facts import fact_text
from rules.limits.decisions import Move
from rules.limits.policy import LimitPolicy, parse_policy
from underwriting.cli.errors import refuse
from underwriting.cli.explain import MARKS, print_legend, print_rules
from underwriting.cli.output import console, moment_text, print_hanging, print_json, print_reasons
from underwriting.cli.store import read_store
from underwriting.domain.limits import LimitRunState
from underwriting.domain.money import amount_text
from underwriting.domain.profile import FloatProfile
from underwriting.limit_runs.files import find, read_table
from underwriting.limit_runs.records import BEFORE, OBSERVED
from underwriting.store import profiles
from underwriting.store.limits import records as limit_records
from underwriting.store.models import LimitRecordRow, LimitRunRow
from underwriting.store.session import Work

# Versions of a profile that are looked through, the newest ones.
VERSIONS = 500
TAKES_EFFECT = (LimitRunState.APPLIED, LimitRunState.INCOMPLETE, LimitRunState.APPLYING)


@dataclass(frozen=True)
class Decided:
    """What one run decided about the user."""

    run: LimitRunRow
    decision: LimitDecision


@dataclass(frozen=True)
class Changed:
    """A version of the profile with another limit or other pauses than the one before it, and the run that wrote it."""

    before: FloatProfile | None
    after: FloatProfile
    decided: Decided | None


@dataclass(frozen=True)
class UserExplained:
    """The profile in force, what changed it, newest first, and what the last run decided."""

    current: FloatProfile | None
    changes: tuple[Changed, ...]
    last: Decided | None


def explain_user(tenant: str, user_id: str, *, as_json: bool) -> None:
    """Print why and when the user's limit moved, and what the last run decided; a refusal for an unknown user."""
    explained = read_store(lambda work: _user(work, tenant, user_id))
    if explained.current is None and explained.last is None:
        refuse(
            f"{user_id} is no evaluation or application, and {tenant} has no user of this id with a limit; "
            "--tenant names another tenant"
        )
    if as_json:
        print_json({"tenant": tenant, "user_id": user_id, **_as_json(explained)})
    else:
        _print(user_id, explained)


async def _user(work: Work, tenant: str, user_id: str) -> UserExplained:
    versions = await profiles.versions(work, tenant, user_id, limit=VERSIONS)
    # Of the oldest version here, the one before it is not known if there are more.
    older: list[FloatProfile | None] = [*versions[1:], *([None] if 0 < len(versions) < VERSIONS else [])]
    pairs = [
        (before, after)
        for after, before in zip(versions, older, strict=False)
        if before is None or (before.limit, before.paused) != (after.limit, after.paused)
    ]
    by_run = {after.created_by for _, after in pairs}
    found = await limit_records.of_user(work, tenant, user_id, sorted(by_run), limit=VERSIONS)
    decided = {run.id: Decided(run, decision_of(record)) for run, record in found}
    last = await limit_records.of_user(work, tenant, user_id)
    return UserExplained(
        await profiles.current(work, tenant, user_id, datetime.now(UTC)),
        tuple(Changed(before, after, decided.get(after.created_by)) for before, after in pairs),
        Decided(last[0][0], decision_of(last[0][1])) if last else None,
    )


def decision_of(record: LimitRecordRow) -> LimitDecision:
    """What the store has of a decision."""
    return LimitDecision(
        Move(record.move),
        record.before,
        record.after,
        record.target,
        record.affordability_cap,
        tuple(record.reasons.split()),
        json.loads(record.facts),
    )


def decision_in(folder: Path, user_id: str) -> LimitDecision | None:
    """What a run of one user has written to its folder; None if the history does not have the user."""
    tables = (read_table(file) for file in find(folder, "records-*.parquet"))
    rows = [row for table in tables for row in table.filter(pc.field("subject_id") == user_id).to_pylist()]
    if not rows:
        return None
    (row,) = rows
    amounts = {name: row[name] for name in ("before", "after", "target", "affordability_cap")}
    facts = {name: row[BEFORE.get(name, name)] for name in OBSERVED}
    return LimitDecision(move=Move(row["move"]), **amounts, codes=tuple(row["reasons"].split()), facts=facts)


def print_decision(policy: LimitPolicy | None, decision: LimitDecision, currency: str) -> None:
    """Print the reasons of one decision, the gates behind them, and what the tier in question requires.

    `policy` is the one that decided; None where this program cannot read it any more.
    """
    out = console()
    print_reasons(out, decision.reasons)
    if decision.affordability_cap is not None:
        target = "not known" if decision.target is None else amount_text(decision.target, currency)
        print_hanging(out, f"can afford {amount_text(decision.affordability_cap, currency)}; target {target}")
    if policy is None:
        return
    explained = explain_limit(policy, decision)
    print_rules(explained.gates, currency)
    if explained.tier is not None:
        fee = f"; {amount_text(explained.due, currency)} fall due for it" if explained.due is not None else ""
        print_hanging(out, f"a limit of {amount_text(explained.tier, currency)} requires the following{fee}")
        for each in explained.requires:
            at_least, saw = (fact_text(each.fact, value, currency) for value in (each.at_least, each.observed))
            mark = MARKS[each.result]
            print_hanging(out, f"{mark} {each.fact} at least {at_least}, saw {saw}", indent=6)


def move_text(decision: LimitDecision, currency: str) -> str:
    """The move with its amounts."""
    before, after = (
        "no limit" if minor is None else amount_text(minor, currency) for minor in (decision.before, decision.after)
    )
    if decision.move in (Move.RAISED, Move.LOWERED):
        return f"{decision.move} from {before} to {after}"
    return f"unchanged at {before}" if decision.move is Move.HELD else f"paused, with a limit of {before}"


def _print(user_id: str, explained: UserExplained) -> None:
    out = console()
    if (current := explained.current) is not None:
        paused = f"; paused: {', '.join(sorted(current.paused))}" if current.paused else ""
        until = f" until {moment_text(current.expires_on)}" if current.expires_on else ""
        limit = amount_text(current.limit, current.currency)
        out.print(f"[bold]{user_id}[/]: the limit is [bold]{limit}[/]{until}{paused} (profile v{current.version})")
    else:
        out.print(f"[bold]{user_id}[/]: no profile yet")
    if explained.changes or explained.last:
        print_legend(out)
    last = explained.last
    if last is not None and not any(
        change.decided and change.decided.run.id == last.run.id for change in explained.changes
    ):
        out.print(f"\n[bold]The last run[/]: {_run_text(last.run)}")
        print_hanging(out, f"{move_text(last.decision, last.run.currency)}{_not_applied(last)}")
        print_decision(_policy(last.run), last.decision, last.run.currency)
    for change in explained.changes:
        out.print()
        print_hanging(out, f"{moment_text(change.after.created_on)}  {_change_text(change)}", indent=0)
        if change.after.notes:
            print_hanging(out, f"note: {change.after.notes}")
        if change.decided and change.after.reason != "limit_rolled_back":
            print_decision(_policy(change.decided.run), change.decided.decision, change.decided.run.currency)


def _change_text(change: Changed) -> str:
    after, before = change.after, change.before
    amount = amount_text(after.limit, after.currency)
    by = f"run {_run_text(change.decided.run)}" if change.decided else after.created_by
    said = f"{after.reason.replace('_', ' ')}, by {by}"
    if before is not None and before.limit == after.limit:
        return f"{'paused' if after.paused - before.paused else 'not paused any more'} at {amount}: {said}"
    # Whoever had no profile had the first limit all the same, and the run moved that.
    first = change.decided.decision.before if change.decided else None
    earlier = first if before is None else before.limit
    if after.reason == "adopted":
        return f"{amount}, says the system before this one; adopted by {by}"
    if earlier is None or earlier == after.limit:
        return f"{amount} at first: {said}"
    verb = "raised" if after.limit > earlier else "lowered"
    until = f" until {moment_text(after.expires_on)}" if after.expires_on else ""
    return f"{verb} from {amount_text(earlier, after.currency)} to {amount}{until}: {said}"


def _run_text(run: LimitRunRow) -> str:
    return f"{run.id} of {run.business_date}, {run.policy} v{run.policy_version}"


def _not_applied(decided: Decided) -> str:
    if decided.run.state in TAKES_EFFECT:
        return ""
    what = "the" if decided.decision.move is Move.HELD else "this did not take effect: the"
    return f"; {what} run is {decided.run.state.replace('_', ' ')}"


def _policy(run: LimitRunRow) -> LimitPolicy | None:
    try:
        return parse_policy(run.policy_text, f"{run.policy} v{run.policy_version}")
    except RulebookError:
        return None


def _as_json(explained: UserExplained) -> dict[str, Any]:
    current = explained.current
    return {
        "currency": current.currency if current else None,
        "limit_minor": current.limit if current else None,
        "paused": sorted(current.paused) if current else [],
        "version": current.version if current else None,
        "changes": list(_changes_as_json(explained.changes)),
        "last_run": explained.last and _decided_as_json(explained.last),
    }


def _changes_as_json(changes: Sequence[Changed]) -> Iterator[dict[str, Any]]:
    for change in changes:
        yield {
            "at": change.after.created_on,
            "by": change.after.created_by,
            "reason": change.after.reason,
            "note": change.after.notes,
            "before_minor": change.before.limit if change.before else None,
            "after_minor": change.after.limit,
            "paused": sorted(change.after.paused),
            "expires_on": change.after.expires_on,
            "run": change.decided and _decided_as_json(change.decided),
        }


def _decided_as_json(decided: Decided) -> dict[str, Any]:
    run = decided.run
    return {
        "run_id": run.id,
        "business_date": run.business_date,
        "policy": f"{run.policy} v{run.policy_version}",
        "state": run.state,
        **decision_as_json(decided.decision),
    }


def decision_as_json(decision: LimitDecision) -> dict[str, Any]:
    """The decision; amounts are in minor units and named so, apart from those among the facts."""
    return {
        "move": decision.move,
        **{f"{name}_minor": getattr(decision, name) for name in ("before", "after", "target", "affordability_cap")},
        "reasons": [reason.model_dump() for reason in decision.reasons],
        "facts": dict(decision.facts),
    }
