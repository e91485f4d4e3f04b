"""The way out and in: AWS, served by moto on this machine, and an HTTP sink; no Prefect server answers."""

from collections.abc import AsyncIterator, Iterator

import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from pytest_httpserver import HTTPServer
from support.aws import REGION, Queues, account, aws_url, moto_url, queues
from support.databases import postgres_database

from underwriting.integrations.aws import Aws
from underwriting.integrations.queue import EventQueue
from underwriting.runtime import Runtime, open_runtime
from underwriting.settings import settings

__all__ = ["account", "aws_url", "moto_url", "queues"]


@pytest.fixture
async def aws(aws_url: str) -> AsyncIterator[Aws]:
    async with Aws(REGION, aws_url) as aws:
        yield aws


@pytest.fixture
def queue(aws: Aws, queues: Queues) -> EventQueue:
    return EventQueue(aws, queues.url)


@pytest.fixture
def environment(
    queues: Queues, aws_url: str, postgres_url: str, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The settings lead to moto, an HTTP sink and a PostgreSQL database of the test's own."""
    with postgres_database(postgres_url) as url:
        environment = {
            "DATABASE_URL": url,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": aws_url,
            "EVENTS_QUEUE_URL": queues.url,
            "EVENT_BUS": "underwriting",
            "AUDIT_STREAM": "audit",
            "SEGMENT_WRITE_KEY": "key",
            "SEGMENT_URL": httpserver.url_for(""),
            "ENCRYPTION_KEYS": '{"k1": "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY="}',
            "ENCRYPTION_KEY_ID": "k1",
        }
        for name, value in environment.items():
            monkeypatch.setenv(f"UNDERWRITING_{name}", value)
        settings.cache_clear()
        yield
    settings.cache_clear()


@pytest.fixture
async def runtime(environment: None) -> AsyncIterator[Runtime]:
    """The runtime; no Prefect server answers."""
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_CLIENT_MAX_RETRIES: 0}):
        async with open_runtime() as runtime:
            yield runtime
