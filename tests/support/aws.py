"""AWS on this machine, over real HTTP: moto's server, one for the session, emptied before every test."""

import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import httpx
import pytest
from support.databases import run

from underwriting.local import Child, free_port

REGION = "us-east-1"


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """In a process of its own: it takes as much time as what it serves."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with TemporaryDirectory() as folder:
        server = Child("moto", command, Path(folder) / "moto.log")
        server.start()
        run(server.ready(partial(answers, f"http://127.0.0.1:{port}/moto-api/"), 60))
        yield f"http://127.0.0.1:{port}"
        server.kill()


async def answers(url: str) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(url)).is_success
        except httpx.TransportError:
            return False


@pytest.fixture
def aws_url(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty account, to whose services anybody's credentials are good enough."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    httpx.post(f"{moto_url}/moto-api/reset").raise_for_status()
    return moto_url


@pytest.fixture
def account(aws_url: str) -> Iterator[Any]:
    """A client of each service by its name, for what a test arranges and looks up itself."""
    session = boto3.Session(region_name=REGION)
    clients: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in clients:
            clients[service] = session.client(service, endpoint_url=aws_url)
        return clients[service]

    yield client
    for opened in clients.values():
        opened.close()


class Queues:
    """A queue as an operator should make it: with a dead-letter queue, and time enough for a batch."""

    def __init__(self, sqs: Any, visibility: int = 2, receives: int | None = 5) -> None:
        self.sqs = sqs
        self.dead_url = sqs.create_queue(QueueName="events-dead")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=self.dead_url, AttributeNames=["QueueArn"])
        dead_arn = attributes["Attributes"]["QueueArn"]
        given = {"VisibilityTimeout": str(visibility)}
        if receives is not None:
            given["RedrivePolicy"] = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": receives})
        self.url = sqs.create_queue(QueueName="events", Attributes=given)["QueueUrl"]

    def send(self, *bodies: str) -> None:
        for start in range(0, len(bodies), 10):
            entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + 10])]
            self.sqs.send_message_batch(QueueUrl=self.url, Entries=entries)

    def waiting(self, url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)


@pytest.fixture
def queues(account: Any) -> Queues:
    return Queues(account("sqs"))
