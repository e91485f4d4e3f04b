"""The runbook of a restored database, step by step: what is gone, what comes again, and what is not paid for twice."""

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from support.journeys import TENANT, Journey
from support.limit_histories import CUT_INTO, END, cut_limit_run, written
from support.published import publish_shipped
from support.restored import Restorable
from support.reviews import CONSENT, let_time_pass
from typer.testing import CliRunner

from flows.deliver_outbox import deliver_outbox
from flows.review_application import review_application
from rules.limits.policy import policy_for
from tasks.sweeping import dispatch_owed
from underwriting.cli import application as command_line
from underwriting.domain.application import Application, ApplicationRequest, Product
from underwriting.limit_runs.request import Request
from underwriting.limit_runs.run import recalculate
from underwriting.limit_runs.run_context import RunContext
from underwriting.local import Services, embedded_environment
from underwriting.playground.sandbox.lists import sandbox_lists
from underwriting.runtime import Runtime, open_runtime
from underwriting.screening.screener import store_list
from underwriting.settings import settings
from underwriting.store import applications, audit
from underwriting.store.errors import UnknownApplication
from underwriting.store.keyfile import keyring
from underwriting.store.limits import runs as limit_runs
from underwriting.store.limits import shards as limit_shards
from underwriting.store.migrate import migrate
from underwriting.store.models import LimitRunRow, RulebookKind
from underwriting.store.session import Store

HOUR = timedelta(hours=1)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's: where root runs the tests, the server is another user."""
    with tempfile.TemporaryDirectory(prefix="restored-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
async def restorable(
    services: Services, prefect_server: None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Restorable]:
    """A store on a server of its own, with the shipped rulebooks and the sandbox's list; the settings lead to it."""
    async with Restorable.started(folder) as restorable:
        changes = {"database_url": restorable.url, "limits_folder": folder / "limits", "limits_at_once": 1}
        config = services.settings.model_copy(update=changes)
        for name, value in embedded_environment(config).items():
            if name.startswith("UNDERWRITING_"):
                monkeypatch.setenv(name, value)
        settings.cache_clear()
        await migrate(restorable.url)
        async with Store.open(restorable.url, keyring(config)) as store:
            await publish_shipped(store, RulebookKind.REVIEW, RulebookKind.ELIGIBILITY)
            for screening_list in sandbox_lists():
                await store_list(store, screening_list, "test")
        yield restorable
    settings.cache_clear()


@asynccontextmanager
async def working() -> AsyncIterator[Journey]:
    """The programs of one time, before the restore or after it."""
    async with open_runtime() as runtime, httpx.AsyncClient(base_url=runtime.config.sandbox_url) as sandbox:
        yield Journey(runtime, sandbox)


async def send(runtime: Runtime, key: str) -> Application:
    """An application as a partner sends it, under an idempotency key."""
    fields = {"customer_id": "good", "amount": "2500.00", "currency": "USD", "bureau_consent": CONSENT}
    request = ApplicationRequest.model_validate({**fields, "as_of": "2026-06-30"})
    async with runtime.store.begin() as work:
        return (await applications.accept(work, TENANT, request, key, datetime.now(UTC))).stored.subject


async def shell(*arguments: str) -> tuple[int, str]:
    """A command of the runbook: its exit code, and what it prints."""
    done = await asyncio.to_thread(CliRunner().invoke, command_line(arguments[0]), list(arguments))
    return done.exit_code, done.output


async def copied(runtime: Runtime) -> list[int]:
    """The entries that the audit stream has got by now."""
    async with runtime.store.read() as work:
        return [entry.seq for entry in await audit.unstreamed(work, "stream", 1000)]


async def messages_about(journey: Journey, subject_id: str) -> list[dict[str, object]]:
    return [post for post in await journey.posted() if subject_id in json.dumps(post)]


async def limit_run(runtime: Runtime) -> tuple[LimitRunRow, list[str | None]]:
    """The only limit run, and the digests of its shards."""
    async with runtime.store.read() as work:
        (run,) = await limit_runs.newest(work, TENANT)
        return run, [shard.records_digest for shard in await limit_shards.shards(work, run.id)]


async def go_on(runtime: Runtime, history: Path) -> tuple[str, str, list[str | None]]:
    """Finish the limit run as the housekeeping's flow does; its id, its state and its digests."""
    await let_time_pass(runtime.store, "limit_runs", "lease_until", HOUR)
    asked = Request(TENANT, Product.FLOAT, END, str(history), policy_for("cfi"), shards=CUT_INTO)
    await recalculate(RunContext(runtime.store, runtime.config), asked)
    run, digests = await limit_run(runtime)
    return run.id, run.state, digests


async def note_the_restore(kept: int, last: int) -> None:
    """The audit log names the gap, and goes on behind it."""
    assert await shell("audit", "verify") == (1, f"entry {last}: was anchored, and is gone\n")
    code, said = await shell("audit", "restored", "--note", "to 14:05, the disk died")
    assert (code, f"entries {kept + 1} to {last} are noted as lost" in said) == (0, True), said
    code, said = await shell("audit", "verify")
    assert (code, f"entries {kept + 1} to {last} were lost by a restore" in said) == (0, True), said


@pytest.mark.timeout(600)
async def test_a_store_that_was_restored_to_a_moment_goes_on_as_the_runbook_says(
    restorable: Restorable, folder: Path
) -> None:
    history = written(folder / "history", users=60, personas=0.0)
    await restorable.back_up()
    async with working() as journey:
        runtime = journey.runtime
        await (await review_application.ato_deployment("review-application")).aapply()
        await journey.faults({"results": {"error_rate": 1.0}})
        await journey.forget()
        waits = (await journey.review("good")).record
        undecided = await send(runtime, "undecided")
        await cut_limit_run(history, os.environ)
        kept = len(await copied(runtime))
        moment = await restorable.moment()

        await journey.faults({})
        await let_time_pass(runtime.store, "outbox", "due_at", HOUR)
        assert await deliver_outbox() == 1
        await let_time_pass(runtime.store, "applications", "received_at", HOUR)
        assert await dispatch_owed(runtime) == 1
        assert (await journey.run(undecided.id)).record.verdict == "approved"
        lost = await send(runtime, "lost")
        assert (await journey.run(lost.id)).record.verdict == "approved"
        before = await go_on(runtime, history)
        assert before[1] == "applied"
        assert (await journey.account())["charges"] == 3
        taken = await copied(runtime)
    assert (await shell("audit", "anchor"))[0] == 0

    await restorable.restore(moment)

    await note_the_restore(kept, taken[-1])
    async with working() as journey:
        runtime = journey.runtime
        async with runtime.store.read() as work:
            with pytest.raises(UnknownApplication):
                await applications.get(work, TENANT, lost.id)
        unknown = await review_application(lost.id, return_state=True)
        assert f"there is no application {lost.id}" in (unknown.message or "")

        # What was undecided: Prefect has its dispatch from before and gives it again; the next one is new.
        await let_time_pass(runtime.store, "applications", "received_at", HOUR)
        assert await dispatch_owed(runtime) == 1
        await let_time_pass(runtime.store, "applications", "dispatched_at", HOUR)
        assert (await journey.run(undecided.id)).record.verdict == "approved"
        # The same request under the same key is another application.
        again = await send(runtime, "lost")
        assert again.id != lost.id
        assert (await journey.run(again.id)).record.verdict == "approved"
        assert (await journey.account())["charges"] == 3, "no report is paid for twice"

        await let_time_pass(runtime.store, "outbox", "due_at", HOUR)
        await deliver_outbox()
        assert [post["deliveries"] for post in await messages_about(journey, waits.id)] == [2], "the same id"
        assert [post["deliveries"] for post in await messages_about(journey, undecided.id)] == [1, 1], "another id"
        assert await go_on(runtime, history) == before
        # The audit stream's reader, who takes what follows, misses nothing.
        assert min(seq for seq in await copied(runtime) if seq > kept) == taken[-1] + 1
    assert (await shell("audit", "verify"))[0] == 0
