"""The consumer as a process, `underwriting consume`; tests/local starts it beside all other services, too."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support.aws import Queues
from support.consumed import created, until_quiet
from support.reviews import rows

from underwriting.local import Child
from underwriting.runtime import Runtime

# SQS holds the consumer's last question open for so long; then it ends.
STOP_SECONDS = 30


@pytest.fixture(autouse=True)
def prefect_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is dispatched here, but without a name Prefect would start a server of its own."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")


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
