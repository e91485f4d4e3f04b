"""Metrics as Datadog's agent receives them, over plain UDP, and as Prometheus fetches them."""

import socket
from collections.abc import Iterator

import pytest

from underwriting.integrations.errors import SourceOutage
from underwriting.integrations.steps import asking
from underwriting.process.metrics import Metrics
from underwriting.settings import Settings


@pytest.fixture
def agent() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(2)
        yield listener


@pytest.fixture
def metrics(agent: socket.socket) -> Iterator[Metrics]:
    host, port = agent.getsockname()
    metrics = Metrics(Settings(statsd_host=host, statsd_port=port))
    yield metrics
    metrics.close()


def heard(agent: socket.socket, count: int) -> set[str]:
    return {line for _ in range(count) for line in agent.recv(4096).decode().splitlines()}


def test_a_decision_is_counted_and_timed(metrics: Metrics, agent: socket.socket) -> None:
    metrics.decided("evaluation", "float", "approved", 1.25)
    assert heard(agent, 2) == {
        "underwriting.decisions:1|c|#kind:evaluation,product:float,verdict:approved",
        "underwriting.decision.seconds:1.25|d|#kind:evaluation,product:float",
    }


def test_troubles_events_messages_and_depths_are_told(metrics: Metrics, agent: socket.socket) -> None:
    metrics.troubled("bureau")
    metrics.event("user_created", "handled")
    metrics.message("events", "arrived")
    metrics.depth("inbox", 7)
    metrics.age("outbox", 90.0)
    metrics.notices("overdue", 2)
    assert heard(agent, 6) == {
        "underwriting.queue.age.seconds:90.0|g|#queue:outbox",
        "underwriting.notices:2|g|#state:overdue",
        "underwriting.source.troubles:1|c|#source:bureau",
        "underwriting.events:1|c|#type:user_created,outcome:handled",
        "underwriting.messages:1|c|#channel:events,outcome:arrived",
        "underwriting.queue.depth:7|g|#queue:inbox",
    }


def test_without_an_agent_in_the_settings_nothing_is_sent(agent: socket.socket) -> None:
    Metrics(Settings(statsd_port=agent.getsockname()[1])).troubled("bureau")
    agent.settimeout(0.1)
    with pytest.raises(TimeoutError):
        agent.recv(4096)


def test_an_agent_that_is_away_disturbs_nobody() -> None:
    metrics = Metrics(Settings(statsd_host="127.0.0.1", statsd_port=9))
    for _ in range(3):
        metrics.troubled("bureau")
    metrics.close()


def test_prometheus_gets_counts_gauges_and_histograms_by_their_tags() -> None:
    metrics = Metrics(Settings(health_port=8402))
    for seconds in (0.5, 400.0):
        metrics.decided("application", "loan", "approved", seconds)
    metrics.depth("outbox", 7)
    metrics.depth("outbox", 3)
    lines = metrics.exposed().decode().splitlines()
    tags = 'kind="application",product="loan"'
    assert f'underwriting_decisions_total{{{tags},verdict="approved"}} 2.0' in lines
    assert 'underwriting_decision_seconds_bucket{kind="application",le="0.5",product="loan"} 1.0' in lines
    assert f"underwriting_decision_seconds_sum{{{tags}}} 400.5" in lines
    assert 'underwriting_queue_depth{queue="outbox"} 3.0' in lines


def test_a_process_without_agent_and_port_measures_nothing() -> None:
    metrics = Metrics(Settings())
    metrics.decided("application", "loan", "approved", 1.0)
    assert not metrics.on
    assert metrics.exposed() == b""


def test_each_call_of_a_source_is_timed_with_its_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = Metrics(Settings(health_port=8402))
    monkeypatch.setattr("underwriting.integrations.steps.metrics", lambda: measured)
    with asking("scores", "Scores"):
        pass
    with pytest.raises(SourceOutage), asking("scores", "Scores"):
        raise SourceOutage("scores", "did not answer")
    lines = measured.exposed().decode().splitlines()
    for outcome in ("answered", "outage"):
        assert f'underwriting_source_seconds_count{{outcome="{outcome}",source="scores"}} 1.0' in lines
