"""The consumer as a process: `underwriting consume`, and the child that `underwriting up` starts beside the API."""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from integrations.conftest import REGION, Queues
from sqlalchemy import select
from support.reviews import rows

from underwriting.cli.setup import prepare
from underwriting.local import Child, embedded, free_port
from underwriting.runtime import Runtime
from underwriting.settings import Settings
from underwriting.store.keyfile import keyring
from underwriting.store.models import EventRow, ProfileRow, QueueState
from underwriting.store.session import Store

# SQS holds the consumer's last question open for so long; then it ends.
STOP_SECONDS = 30


def created(number: int) -> str:
    """An event that a user was created."""
    told = {"source": "user.service", "id": f"evt-{number}", "type": "user_created", "tenant": "acme"}
    return json.dumps({**told, "user_id": f"user-{number}", "at": "2026-03-02T09:30:00Z"})


async def met(store: Store) -> list[str]:
    """The users who have a profile by now, and whose events are handled."""
    async with store.read() as work:
        handled = await work.scalars(select(EventRow.user_id).where(EventRow.state == QueueState.DONE))
        users = set(handled) & set(await work.scalars(select(ProfileRow.user_id)))
    return sorted(users)


async def until_quiet(child: Child, store: Store, queues: Queues, users: list[str], dead: int) -> None:
    """Until all these users are met, the queue is empty, and so many messages are given up."""
    async with asyncio.timeout(100):
        while await met(store) != users or queues.waiting(queues.url) > 0 or queues.waiting(queues.dead_url) < dead:
            assert child.running, child.log_tail()
            await asyncio.sleep(0.1)


async def test_the_command_takes_events_once_leaves_poison_to_the_dead_and_ends_when_asked(
    runtime: Runtime, queues: Queues, tmp_path: Path
) -> None:
    child = Child("consumer", [str(Path(sys.executable).with_name("underwriting")), "consume"], tmp_path / "log")
    child.start()
    try:
        queues.send(created(1), created(2), created(1), json.dumps({"type": "user_created", "user_id": "poison"}))
        await until_quiet(child, runtime.store, queues, ["user-1", "user-2"], dead=1)
        assert await rows(runtime.store, "inbox") == 2
        (poison,) = queues.sqs.receive_message(QueueUrl=queues.dead_url)["Messages"]
        assert json.loads(poison["Body"])["user_id"] == "poison"
        await child.stop(STOP_SECONDS)
        assert child.exit_code == 0, child.log_tail()
        assert "Traceback" not in child.log_tail()
        assert "it is no event of ours" in child.log_tail()
        queues.send(created(3))
        assert queues.waiting(queues.url) == 1, "nobody takes it any more"
    finally:
        child.kill()


async def test_a_queue_without_a_dead_letter_queue_is_refused_in_a_sentence(
    environment: None, account: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bare = account("sqs").create_queue(QueueName="bare")["QueueUrl"]
    monkeypatch.setenv("UNDERWRITING_EVENTS_QUEUE_URL", bare)
    child = Child("consumer", [str(Path(sys.executable).with_name("underwriting")), "consume"], tmp_path / "log")
    child.start()
    while child.running:
        await asyncio.sleep(0.05)
    assert child.exit_code == 2
    assert "has no dead-letter queue: give it a RedrivePolicy" in child.log_tail()


@pytest.mark.timeout(300)
async def test_up_starts_a_consumer_where_a_queue_is_set_and_ends_it(queues: Queues, aws_url: str) -> None:
    with tempfile.TemporaryDirectory(prefix="consumer-") as folder:
        ports = {f"{name}_port": free_port() for name in ("prefect", "sandbox", "api")}
        queue = {"events_queue_url": queues.url, "aws_region": REGION, "aws_endpoint_url": aws_url}
        settings = Settings.model_validate({"state_dir": folder, **ports, **queue})
        async with embedded(settings, prepare=prepare, sandbox=False, workers=0) as services:
            (consumer,) = (server for server in services.servers if server.name == "consumer")
            config = services.settings
            async with Store.open(str(config.database_url), keyring(config)) as store:
                queues.send(created(1), created(1))
                await until_quiet(consumer, store, queues, ["user-1"], dead=0)
                assert await rows(store, "inbox") == 1
        assert consumer.exit_code == 0, consumer.log_tail()
