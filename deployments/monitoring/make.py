"""Writes the dashboards and monitors beside it, for Datadog and for Prometheus with Grafana: `make monitoring`.

Both come from the same tables, so that they show and report the same. Every monitor names its runbook.
"""

import json
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from underwriting.process.metrics import (
    DECISION_SECONDS,
    DECISIONS,
    EVENTS,
    HOUSEKEEPING,
    LIMITS_AGE,
    LIST_AGE,
    MESSAGES,
    NAMESPACE,
    NOTICES,
    QUEUE_AGE,
    QUEUE_DEPTH,
    REQUEST_SECONDS,
    REQUESTS,
    SOURCE_SECONDS,
    SOURCE_TROUBLES,
    Kind,
    Metric,
    prometheus_name,
)

HERE = Path(__file__).parent
# Where the runbooks are, as whoever is woken can open them; a lender writes the address of its own copy.
RUNBOOKS = "docs/runbooks.md"
DAY = 86_400


@dataclass(frozen=True)
class Panel:
    """One picture: a metric, a line for each value of a tag. Counts are shown per second, times as 95th percentiles."""

    title: str
    metric: Metric
    by: str


@dataclass(frozen=True)
class Monitor:
    """Reports where a gauge stays above `above` for `minutes`, or a count is below `below` within them.

    `runbook` is the heading of its section, as a link names it.
    """

    name: str
    metric: Metric
    tags: dict[str, str]
    minutes: int
    says: str
    runbook: str
    above: float | None = None
    below: float | None = None


PANELS = (
    Panel("Decisions per second, by verdict", DECISIONS, "verdict"),
    Panel("Seconds from receipt to decision, 95th percentile", DECISION_SECONDS, "kind"),
    Panel("Requests per second, by status", REQUESTS, "status"),
    Panel("Seconds to answer a request, 95th percentile, by route", REQUEST_SECONDS, "route"),
    Panel("What waits, by queue", QUEUE_DEPTH, "queue"),
    Panel("Seconds that the oldest waits, by queue", QUEUE_AGE, "queue"),
    Panel("Seconds of a call, 95th percentile, by source", SOURCE_SECONDS, "source"),
    Panel("Checks per second whose source gave nothing", SOURCE_TROUBLES, "source"),
    Panel("Deliveries per second, by outcome", MESSAGES, "outcome"),
    Panel("Events handled per second, by outcome", EVENTS, "outcome"),
    Panel("Duties of the housekeeping per second, by duty", HOUSEKEEPING, "duty"),
    Panel("Seconds since a list was loaded", LIST_AGE, "list"),
    Panel("Seconds since the last limits, by tenant", LIMITS_AGE, "tenant"),
    Panel("Notices that were not sent", NOTICES, "state"),
)


def _waits(queue: str, seconds: int, minutes: int, says: str, runbook: str) -> Monitor:
    return Monitor(f"{queue}-wait", QUEUE_AGE, {"queue": queue}, minutes, says, runbook, above=seconds)


def _any(queue: str, minutes: int, says: str, runbook: str) -> Monitor:
    return Monitor(queue.replace("_", "-"), QUEUE_DEPTH, {"queue": queue}, minutes, says, runbook, above=0)


MONITORS = (
    _waits("applications", 600, 5, "An application waits for longer than ten minutes.", "applications-wait"),
    _waits("evaluations", 300, 5, "A user waits for an evaluation for longer than five minutes.", "applications-wait"),
    _waits("outbox", 3600, 15, "A message waits for longer than an hour.", "the-outbox-is-stuck"),
    _waits("inbox", 900, 5, "An event waits for longer than a quarter of an hour.", "the-inbox-is-stuck"),
    _any("outbox_dead", 5, "A message was given up: a partner does not know a decision.", "the-outbox-is-stuck"),
    _any("inbox_dead", 5, "An event was given up.", "the-inbox-is-stuck"),
    _any("applications_quarantined", 5, "An application ended without a decision.", "an-application-is-quarantined"),
    _any("evaluations_quarantined", 5, "An evaluation ended without a decision.", "an-application-is-quarantined"),
    _any("limit_runs_late", 15, "No worker works on a limit run.", "a-limit-run-is-late-or-held"),
    _any("limit_runs_held", 5, "The guard holds a limit run; a person has to decide.", "a-limit-run-is-late-or-held"),
    Monitor(
        "limits-late", LIMITS_AGE, {}, 15, "The last limits are older than 30 hours.", "a-limit-run-is-late-or-held",
        above=30 * 3600,
    ),
    Monitor("lists-old", LIST_AGE, {}, 60, "A list was not loaded for two days.", "a-list-is-old", above=2 * DAY),
    Monitor(
        "notices-overdue", NOTICES, {"state": "overdue"}, 60, "A notice to a customer is overdue.",
        "a-notice-is-overdue", above=0,
    ),
    Monitor(
        "source-dead", SOURCE_TROUBLES, {}, 10, "A source gave nothing ten times in ten minutes.", "a-source-is-dead",
        above=10,
    ),
    Monitor(
        "housekeeping-stopped", HOUSEKEEPING, {"outcome": "done", "duty": "dispatch-owed"}, 5,
        "The housekeeping does nothing: nothing is started again, and no message is sent.", "the-housekeeping-stopped",
        below=1,
    ),
    Monitor(
        "api-errors", REQUESTS, {"status": "500"}, 5, "The API fails by a defect of ours.", "the-api-fails", above=10
    ),
    Monitor(
        "api-without-store", REQUESTS, {"status": "503"}, 5, "The API has no store, or no keys of its issuer.",
        "the-api-fails", above=10,
    ),
)  # fmt: skip


def files() -> dict[str, str]:
    """The text of every file, by its name."""
    return {
        "datadog-dashboard.json": _json(_datadog_dashboard()),
        "datadog-monitors.json": _json([_datadog_monitor(monitor) for monitor in MONITORS]),
        "grafana-dashboard.json": _json(_grafana_dashboard()),
        "prometheus-rules.yaml": _yaml({"groups": [{"name": NAMESPACE, "rules": [_rule(each) for each in MONITORS]}]}),
    }


def panel_expression(panel: Panel) -> str:
    """What Grafana asks Prometheus for."""
    name = prometheus_name(panel.metric)
    match panel.metric.kind:
        case Kind.COUNT:
            return f"sum by ({panel.by}) (rate({name}[5m]))"
        case Kind.GAUGE:
            return f"max by ({panel.by}) ({name})"
        case Kind.SECONDS:
            return f"histogram_quantile(0.95, sum by (le, {panel.by}) (rate({name}_bucket[5m])))"


def monitor_expression(monitor: Monitor) -> str:
    """When Prometheus reports."""
    chosen = ", ".join(f'{name}="{value}"' for name, value in monitor.tags.items())
    name = prometheus_name(monitor.metric) + (f"{{{chosen}}}" if chosen else "")
    by = ", ".join(monitor.metric.tags)
    if monitor.metric.kind is Kind.GAUGE:
        return f"max by ({by}) ({name}) > {monitor.above:g}"
    counted = f"sum by ({by}) (increase({name}[{monitor.minutes}m]))"
    if monitor.below is not None:
        return f"{counted} < {monitor.below:g} or absent({name})"
    return f"{counted} > {monitor.above:g}"


def _grafana_dashboard() -> dict[str, Any]:
    panels = [
        {
            "id": number,
            "type": "timeseries",
            "title": panel.title,
            "description": panel.metric.says,
            "gridPos": {"h": 8, "w": 12, "x": 12 * (number % 2), "y": 8 * (number // 2)},
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "targets": [{"refId": "A", "expr": panel_expression(panel), "legendFormat": f"{{{{{panel.by}}}}}"}],
        }
        for number, panel in enumerate(PANELS)
    ]
    source = {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}
    return {
        "title": "Underwriting",
        "uid": NAMESPACE,
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "templating": {"list": [source]},
        "panels": panels,
    }


def _rule(monitor: Monitor) -> dict[str, Any]:
    rule: dict[str, Any] = {"alert": monitor.name, "expr": monitor_expression(monitor)}
    if monitor.metric.kind is Kind.GAUGE:
        rule["for"] = f"{monitor.minutes}m"
    return rule | {"annotations": {"summary": monitor.says, "runbook_url": f"{RUNBOOKS}#{monitor.runbook}"}}


def _datadog_name(metric: Metric) -> str:
    return f"{NAMESPACE}.{metric.name}"


def _datadog_dashboard() -> dict[str, Any]:
    space = {Kind.COUNT: "sum", Kind.GAUGE: "max", Kind.SECONDS: "p95"}
    widgets = [
        {
            "definition": {
                "type": "timeseries",
                "title": panel.title,
                "requests": [
                    {
                        "q": f"{space[panel.metric.kind]}:{_datadog_name(panel.metric)}{{*}} by {{{panel.by}}}"
                        + (".as_rate()" if panel.metric.kind is Kind.COUNT else ""),
                        "display_type": "line",
                    }
                ],
            }
        }
        for panel in PANELS
    ]
    return {"title": "Underwriting", "layout_type": "ordered", "widgets": widgets}


def _datadog_monitor(monitor: Monitor) -> dict[str, Any]:
    chosen = ",".join(f"{name}:{value}" for name, value in monitor.tags.items()) or "*"
    of = f"{_datadog_name(monitor.metric)}{{{chosen}}} by {{{','.join(monitor.metric.tags)}}}"
    # A gauge has to stay above for the whole time; a count is summed over it.
    asked = (
        f"min(last_{monitor.minutes}m):max:{of}"
        if monitor.metric.kind is Kind.GAUGE
        else (f"sum(last_{monitor.minutes}m):sum:{of}.as_count()")
    )
    limit, sign = (monitor.above, ">") if monitor.below is None else (monitor.below, "<")
    return {
        "name": f"underwriting: {monitor.name}",
        "type": "query alert",
        "query": f"{asked} {sign} {limit:g}",
        "message": f"{monitor.says} {RUNBOOKS}#{monitor.runbook}",
        "options": {"thresholds": {"critical": limit}, "notify_no_data": monitor.below is not None},
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def _yaml(value: object) -> str:
    text = StringIO()
    writer = YAML()
    writer.width = 1000
    writer.dump(value, text)
    return text.getvalue()


if __name__ == "__main__":
    for name, text in files().items():
        (HERE / name).write_text(text, "utf-8")
