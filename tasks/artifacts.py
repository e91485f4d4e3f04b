"""What the Prefect UI shows of a decision: the verdict, its reasons, every rule that ran, and a tag."""

import asyncio
import inspect
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import httpx
from prefect import get_client, get_run_logger
from prefect.artifacts import acreate_markdown_artifact
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run

from rules.core.rule import Rule
from rules.core.rule_syntax import asked
from rules.facts import fact_text
from underwriting.domain.decision import Outcome, Reason, Result, Verdict
from underwriting.runtime import Runtime
from underwriting.settings import Settings

# Told apart at a glance, also without colours; signs that every font has.
TITLES = {
    Verdict.APPROVED: "✓ Approved",
    Verdict.REJECTED: "✗ Rejected",
    Verdict.REFERRED: "Referred, waits for a person",
    Verdict.INCOMPLETE: "Incomplete, waits for the customer",
    Verdict.COUNTEROFFER: "Counteroffer, waits for the customer",
}
RESULTS = {Result.FAIL: "✗ Failed", Result.UNKNOWN: "? Unknown", Result.PASS: "✓ Passed"}
# Prefect does not wrap the cells of a table. Three columns of this many characters fit on a laptop.
CELL = 34


@dataclass(frozen=True)
class RulesRun:
    """The rules of one check or rulebook, with their outcomes."""

    name: str
    rules: Sequence[Rule]
    outcomes: Sequence[Outcome]


async def publish_run(
    runtime: Runtime, path: str, verdict: Verdict, headline: str, lines: Iterable[str], table: Iterable[str]
) -> None:
    """Create the page of a decision, with the ways to its record at `path`, and tag the run with the verdict.

    Not a task, so that the page belongs to the flow run. The result is already stored: if the Prefect server is away,
    only the page is missing.
    """
    title = TITLES[verdict]
    page = "\n\n".join(
        (f"# {title}", headline[0].upper() + headline[1:], *lines, next_steps(runtime.config, path, verdict), *table)
    )
    try:
        await asyncio.gather(acreate_markdown_artifact(page, description=f"{title}: {headline}"), _tag(verdict.value))
    except (httpx.HTTPError, PrefectException) as error:
        get_run_logger().warning("the run is left without its page: %s", error)


def next_steps(config: Settings, path: str, verdict: Verdict) -> str:
    """What the reader may do next. The API's record asks for a token, so no link leads to it."""
    _, of_what, subject_id = path.rsplit("/", 2)
    docs = f"{config.public_url or config.api_url}/docs"
    lines = [
        f"In full: `underwriting explain {subject_id}`",
        f"As JSON: `GET {path}` with a token of the tenant; [the API's page]({docs}) asks for it under Authorize",
    ]
    if verdict is Verdict.REFERRED:
        form = "decide-evaluation" if of_what == "evaluations" else "decide-referral"
        lines.append(f"To decide it: the deployment `{form}`, with the id `{subject_id}`")
    elif verdict in (Verdict.INCOMPLETE, Verdict.COUNTEROFFER):
        lines.append(f"To hand in an answer of the customer: the deployment `answer-application`, with `{subject_id}`")
    return "\n".join(("**To go on**", "", *(f"- {line}" for line in lines)))


def reason_lines(reasons: Iterable[Reason]) -> list[str]:
    """Each reason with its sentence."""
    return [f"- **{reason.code}**: {reason.sentence}" for reason in reasons]


def rules_tables(heading: str, runs: Sequence[RulesRun], currency: str, *, simulated: bool) -> Iterator[str]:
    """A table of the rules that failed, one of the unknown ones, one of those that passed.

    Each has what the rule asks beside the facts that it read. Their values are personal, so Prefect keeps them of
    `simulated` customers only. `heading` says what the runs are: checks or rulebooks.
    """
    facts = "observed" if simulated else "read"
    for result, title in RESULTS.items():
        found = [(run, outcome) for run in runs for outcome in run.outcomes if outcome.result is result]
        if found:
            rows = (_row(run, outcome, currency, simulated) for run, outcome in found)
            yield f"## {title}"
            yield "\n".join((f"| rule, {heading} | asks | {facts} |", "|---|---|---|", *rows))


def _row(run: RulesRun, outcome: Outcome, currency: str, simulated: bool) -> str:
    rule = next((rule for rule in run.rules if rule.name == outcome.rule), None)
    why = [outcome.reason.code] if outcome.reason else []
    # A rule without properties asks what its first sentence says.
    asks = (asked(rule, currency) or [inspect.getdoc(rule) or ""]) if rule else ()
    values = (f"{fact} = {fact_text(fact, value, currency)}" for fact, value in outcome.observed.items())
    cells = ((f"**{outcome.rule}**", run.name, *why), asks, values if simulated else outcome.observed)
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(lines: Iterable[str]) -> str:
    wrapped = (part for line in lines for part in textwrap.wrap(line, CELL, break_on_hyphens=False))
    return "<br>".join(wrapped).replace("|", "/")


async def _tag(tag: str) -> None:
    async with get_client() as client:
        await client.update_flow_run(flow_run.id, tags={*flow_run.tags, tag})
