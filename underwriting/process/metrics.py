"""Metrics: sent over DogStatsD to Datadog's agent or CloudWatch's, and fetched by Prometheus. Off until set.

Over UDP nothing waits for the agent, and a lost packet is a lost count. Prometheus fetches /metrics where the process
answers for its health; there a name has underscores, a count ends in `_total`, and a time is a histogram.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from datadog.dogstatsd.base import DogStatsd
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from underwriting.settings import Settings, settings

NAMESPACE = "underwriting"
# Seconds, from a fast answer of the API to the longest review.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1200)


class Kind(StrEnum):
    """How the values of a metric add up."""

    COUNT = "count"
    GAUGE = "gauge"
    SECONDS = "seconds"


@dataclass(frozen=True)
class Metric:
    """One metric: its name without `underwriting.`, its kind, its tags, and what it says."""

    name: str
    kind: Kind
    tags: tuple[str, ...]
    says: str


REQUESTS = Metric("requests", Kind.COUNT, ("method", "route", "status"), "requests that the API answered")
REQUEST_SECONDS = Metric("request.seconds", Kind.SECONDS, ("method", "route"), "time until a request is answered")
DECISIONS = Metric("decisions", Kind.COUNT, ("kind", "product", "verdict"), "decisions; kind: application, evaluation")
DECISION_SECONDS = Metric("decision.seconds", Kind.SECONDS, ("kind", "product"), "time from receipt to decision")
SOURCE_SECONDS = Metric("source.seconds", Kind.SECONDS, ("source", "outcome"), "time of a call of an outside service")
SOURCE_TROUBLES = Metric("source.troubles", Kind.COUNT, ("source",), "checks whose source gave nothing")
EVENTS = Metric("events", Kind.COUNT, ("type", "outcome"), "tries to handle an event; outcome: handled, failed, dead")
MESSAGES = Metric("messages", Kind.COUNT, ("channel", "outcome"), "deliveries; outcome: arrived, failed, dead")
LIST_AGE = Metric("list.age.seconds", Kind.GAUGE, ("list",), "time since a screening list was last loaded")
LIMITS_AGE = Metric("limits.age.seconds", Kind.GAUGE, ("tenant", "product"), "time since the last limits")
QUEUE_DEPTH = Metric("queue.depth", Kind.GAUGE, ("queue",), "how much waits, such as in applications or outbox_dead")
QUEUE_AGE = Metric("queue.age.seconds", Kind.GAUGE, ("queue",), "how long the oldest of a queue waits")
HOUSEKEEPING = Metric("housekeeping", Kind.COUNT, ("duty", "outcome"), "tries of a duty; outcome: done, failed")
NOTICES = Metric("notices", Kind.GAUGE, ("state",), "notices that were not sent; state: overdue, due_soon")
METRICS = (
    REQUESTS, REQUEST_SECONDS, DECISIONS, DECISION_SECONDS, SOURCE_SECONDS, SOURCE_TROUBLES, EVENTS, MESSAGES, LIST_AGE,
    LIMITS_AGE, QUEUE_DEPTH, QUEUE_AGE, HOUSEKEEPING, NOTICES,
)  # fmt: skip


class Metrics:
    """Counts, times and depths; where neither an agent nor a port is set, nothing is counted."""

    def __init__(self, config: Settings) -> None:
        self._sinks: list[Callable[[Metric, float, dict[str, str]], None]] = []
        self._client: DogStatsd | None = None
        self._registry: CollectorRegistry | None = None
        if config.statsd_host:
            # Its own environment variables (DD_*) would be a second set of settings.
            self._client = DogStatsd(
                host=config.statsd_host,
                port=config.statsd_port,
                namespace=NAMESPACE,
                disable_telemetry=True,
                origin_detection_enabled=False,
            )
            self._sinks.append(_to_agent(self._client))
        if config.health_port:
            self._registry = CollectorRegistry()
            self._sinks.append(_to_registry(self._registry))

    @property
    def on(self) -> bool:
        """Whether anybody takes them; otherwise nothing costly is counted."""
        return bool(self._sinks)

    def exposed(self) -> bytes:
        """What this process has measured, in Prometheus' text format."""
        return generate_latest(self._registry) if self._registry is not None else b""

    def close(self) -> None:
        """Close the socket; a later metric would open it again."""
        if self._client is not None:
            self._client.stop()

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One answer of the API."""
        self._note(REQUESTS, 1, method=method, route=route, status=str(status))
        self._note(REQUEST_SECONDS, seconds, method=method, route=route)

    def decided(self, kind: str, product: str, verdict: str, seconds: float) -> None:
        """One decision, and the time from the receipt of the request."""
        self._note(DECISIONS, 1, kind=kind, product=product, verdict=verdict)
        self._note(DECISION_SECONDS, seconds, kind=kind, product=product)

    def called(self, source: str, outcome: str, seconds: float) -> None:
        """One call of an outside service."""
        self._note(SOURCE_SECONDS, seconds, source=source, outcome=outcome)

    def troubled(self, source: str) -> None:
        """A source gave nothing, after all retries."""
        self._note(SOURCE_TROUBLES, 1, source=source)

    def event(self, event_type: str, outcome: str) -> None:
        """The outcome of one try to handle an event."""
        self._note(EVENTS, 1, type=event_type, outcome=outcome)

    def message(self, channel: str, outcome: str) -> None:
        """The outcome of one delivery from the outbox."""
        self._note(MESSAGES, 1, channel=channel, outcome=outcome)

    def duty(self, name: str, outcome: str) -> None:
        """The outcome of one try of a duty of the housekeeping."""
        self._note(HOUSEKEEPING, 1, duty=name, outcome=outcome)

    def list_age(self, name: str, seconds: float) -> None:
        """The time since a screening list was last loaded."""
        self._note(LIST_AGE, seconds, list=name)

    def limits_age(self, tenant: str, product: str, seconds: float) -> None:
        """The time since the end of the business day of the last applied limit run of all users."""
        self._note(LIMITS_AGE, seconds, tenant=tenant, product=product)

    def depth(self, queue: str, waiting: int) -> None:
        """How much waits in a queue."""
        self._note(QUEUE_DEPTH, waiting, queue=queue)

    def age(self, queue: str, seconds: float) -> None:
        """How long the oldest entry of a queue has waited."""
        self._note(QUEUE_AGE, seconds, queue=queue)

    def notices(self, state: str, waiting: int) -> None:
        """How many notices to customers are overdue, or due soon."""
        self._note(NOTICES, waiting, state=state)

    def _note(self, metric: Metric, value: float, **tags: str) -> None:
        for sink in self._sinks:
            sink(metric, value, tags)


@cache
def metrics() -> Metrics:
    """The process's metrics, after its settings; `metrics.cache_clear()` after these changed."""
    return Metrics(settings())


def prometheus_name(metric: Metric) -> str:
    """The name by which Prometheus is asked for it: of a time, its histogram's."""
    return f"{NAMESPACE}_{metric.name.replace('.', '_')}" + ("_total" if metric.kind is Kind.COUNT else "")


def _to_agent(client: DogStatsd) -> Callable[[Metric, float, dict[str, str]], None]:
    send = {Kind.COUNT: client.increment, Kind.GAUGE: client.gauge, Kind.SECONDS: client.distribution}

    def note(metric: Metric, value: float, tags: dict[str, str]) -> None:
        send[metric.kind](metric.name, value, tags=[f"{name}:{tag}" for name, tag in tags.items()])

    return note


def _to_registry(registry: CollectorRegistry) -> Callable[[Metric, float, dict[str, str]], None]:
    counts, gauges, times = dict[Metric, Counter](), dict[Metric, Gauge](), dict[Metric, Histogram]()
    for metric in METRICS:
        named = (prometheus_name(metric), metric.says, metric.tags)
        match metric.kind:
            case Kind.COUNT:
                counts[metric] = Counter(*named, registry=registry)
            case Kind.GAUGE:
                gauges[metric] = Gauge(*named, registry=registry)
            case Kind.SECONDS:
                times[metric] = Histogram(*named, registry=registry, buckets=BUCKETS)

    def note(metric: Metric, value: float, tags: dict[str, str]) -> None:
        match metric.kind:
            case Kind.COUNT:
                counts[metric].labels(**tags).inc(value)
            case Kind.GAUGE:
                gauges[metric].labels(**tags).set(value)
            case Kind.SECONDS:
                times[metric].labels(**tags).observe(value)

    return note
