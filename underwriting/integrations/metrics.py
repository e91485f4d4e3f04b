"""Metrics for Datadog's agent over DogStatsD. Over UDP nothing waits for the agent, and a lost packet is a lost count.

| metric | kind | tags |
|---|---|---|
| underwriting.decisions | count | product, verdict, kind (application or evaluation) |
| underwriting.decision.seconds | distribution, from receipt to decision | product, kind |
| underwriting.source.troubles | count of checks whose source gave nothing | source |
| underwriting.events | count of events | type, outcome (handled, failed, dead) |
| underwriting.messages | count of deliveries out of the outbox | channel, outcome (arrived, failed, dead) |
| underwriting.list.age.seconds | gauge of the time since a screening list was last loaded; set an alarm on it | list |
| underwriting.queue.depth | gauge of what waits | queue (applications, inbox, outbox, outbox_dead, …) |
| underwriting.queue.age.seconds | gauge of how long the oldest entry waits | queue |
| underwriting.housekeeping | count of tries; set an alarm on a duty without `done` | duty, outcome (done, failed) |
| underwriting.notices | gauge of notices that were not sent | state (overdue, due_soon) |
"""

from functools import cache

from datadog.dogstatsd.base import DogStatsd

from underwriting.settings import Settings, settings

NAMESPACE = "underwriting"


class Metrics:
    """Counts, times and depths; without an agent nothing is sent."""

    def __init__(self, config: Settings) -> None:
        self._client: DogStatsd | None = None
        if config.statsd_host:
            # Its own environment variables (DD_*) would be a second set of settings.
            self._client = DogStatsd(
                host=config.statsd_host,
                port=config.statsd_port,
                namespace=NAMESPACE,
                disable_telemetry=True,
                origin_detection_enabled=False,
            )

    @property
    def on(self) -> bool:
        """Whether an agent is set; without one, nothing costly is counted."""
        return self._client is not None

    def close(self) -> None:
        """Close the socket; a later metric would open it again."""
        if self._client is not None:
            self._client.stop()

    def decided(self, kind: str, product: str, verdict: str, seconds: float) -> None:
        """One decision, and the time from the receipt of the request."""
        if self._client is not None:
            self._client.increment("decisions", tags=_tags(kind=kind, product=product, verdict=verdict))
            self._client.distribution("decision.seconds", seconds, tags=_tags(kind=kind, product=product))

    def troubled(self, source: str) -> None:
        """A source gave nothing, after all retries."""
        self._count("source.troubles", source=source)

    def event(self, event_type: str, outcome: str) -> None:
        """The outcome of one try to handle an event."""
        self._count("events", type=event_type, outcome=outcome)

    def message(self, channel: str, outcome: str) -> None:
        """The outcome of one delivery from the outbox."""
        self._count("messages", channel=channel, outcome=outcome)

    def duty(self, name: str, outcome: str) -> None:
        """The outcome of one try of a duty of the housekeeping."""
        self._count("housekeeping", duty=name, outcome=outcome)

    def list_age(self, name: str, seconds: float) -> None:
        """The time since a screening list was last loaded."""
        self._gauge("list.age.seconds", seconds, list=name)

    def depth(self, queue: str, waiting: int) -> None:
        """How much waits in a queue."""
        self._gauge("queue.depth", waiting, queue=queue)

    def age(self, queue: str, seconds: float) -> None:
        """How long the oldest entry of a queue has waited."""
        self._gauge("queue.age.seconds", seconds, queue=queue)

    def notices(self, state: str, waiting: int) -> None:
        """How many notices to customers are overdue, or due soon."""
        self._gauge("notices", waiting, state=state)

    def _count(self, name: str, **tags: str) -> None:
        if self._client is not None:
            self._client.increment(name, tags=_tags(**tags))

    def _gauge(self, name: str, value: float, **tags: str) -> None:
        if self._client is not None:
            self._client.gauge(name, value, tags=_tags(**tags))


@cache
def metrics() -> Metrics:
    """The process's metrics, after its settings; `metrics.cache_clear()` after these changed."""
    return Metrics(settings())


def _tags(**tags: str) -> list[str]:
    return [f"{name}:{value}" for name, value in tags.items()]
