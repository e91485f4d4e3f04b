"""Dashboards and monitors ask for metrics that exist, with their tags, and every monitor has its runbook."""

import importlib.util
import json
import re
import sys
from types import ModuleType
from typing import Any

import promql_parser
import pytest
from deployments.files import PROJECT

from deployments import terraform as tf
from underwriting.housekeeping import DUTIES
from underwriting.process.metrics import METRICS, NAMESPACE, Kind, prometheus_name
from underwriting.store.depths import _QUEUES

FOLDER = PROJECT / "deployments/monitoring"


def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("monitoring", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    # Its dataclasses look for it there.
    sys.modules[spec.name] = found
    spec.loader.exec_module(found)
    return found


MAKE = module()
KNOWN = {f"{NAMESPACE}.{metric.name}": metric for metric in METRICS}
OF_PROMETHEUS = {
    prometheus_name(metric) + ("_bucket" if metric.kind is Kind.SECONDS else ""): metric for metric in METRICS
}
VALUES = {"queue": set(_QUEUES), "duty": {duty.name for duty in DUTIES}, "outcome": {"done"}}
VALUES |= {"status": {"500", "503"}, "state": {"overdue", "due_soon"}}
EXPRESSIONS = [MAKE.panel_expression(panel) for panel in MAKE.PANELS]
EXPRESSIONS += [MAKE.monitor_expression(monitor) for monitor in MAKE.MONITORS]


@pytest.mark.parametrize("name", MAKE.files())
def test_the_files_are_those_that_the_tables_make(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == MAKE.files()[name], "make monitoring"


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_prometheus_can_read_what_it_is_asked_and_has_it(expression: str) -> None:
    selectors = list(selectors_in(promql_parser.parse(expression)))
    assert selectors
    for name, tags in selectors:
        metric = OF_PROMETHEUS[name]
        for tag, value in tags.items():
            assert tag in metric.tags
            assert value in VALUES[tag]
        grouped = re.findall(r"by \(([\w, ]+)\)", expression)
        assert {tag for group in grouped for tag in group.split(", ")} - {"le"} <= set(metric.tags)


def selectors_in(part: Any) -> list[tuple[str, dict[str, str]]]:
    """Every metric that an expression names, with what its tags have to be."""
    if isinstance(part, promql_parser.VectorSelector):
        return [(part.name, {each.name: each.value for each in part.matchers.matchers})]
    inner = [getattr(part, name, None) for name in ("expr", "lhs", "rhs", "vector_selector", "vs")]
    parts = [each for each in (*inner, *getattr(part, "args", ())) if each is not None]
    return [found for each in parts for found in selectors_in(each)]


def test_datadog_is_asked_for_metrics_and_tags_that_exist() -> None:
    widgets = json.loads((FOLDER / "datadog-dashboard.json").read_text("utf-8"))["widgets"]
    asked = [request["q"] for widget in widgets for request in widget["definition"]["requests"]]
    asked += [each["query"] for each in json.loads((FOLDER / "datadog-monitors.json").read_text("utf-8"))]
    for query in asked:
        (found,) = re.findall(r"(?:sum|max|p95):([a-z._]+)\{(.*?)\} by \{(.*?)\}", query)
        name, chosen, by = found
        given = dict(tag.split(":") for tag in chosen.split(",") if tag != "*")
        assert {*given, *by.split(",")} <= set(KNOWN[name].tags)
        assert all(value in VALUES[tag] for tag, value in given.items())


def test_every_metric_is_shown() -> None:
    assert {panel.metric for panel in MAKE.PANELS} == set(METRICS)


def test_every_monitor_has_a_runbook_and_every_metric_a_line_of_the_documents() -> None:
    headings = re.findall(r"^## (.+)$", (PROJECT / "docs/runbooks.md").read_text("utf-8"), re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    assert {monitor.runbook for monitor in MAKE.MONITORS} <= anchors
    page = (PROJECT / "docs/monitoring.md").read_text("utf-8")
    for metric in METRICS:
        tags = ", ".join(f"`{tag}`" for tag in metric.tags)
        assert f"| `{NAMESPACE}.{metric.name}` | {metric.kind} | {tags} | {metric.says} |" in page


def test_the_alarms_of_cloudwatch_have_the_same_thresholds() -> None:
    alarms = tf.blocks("locals")["queue_alarms"].values()
    monitors = {
        (f"{NAMESPACE}.{each.metric.name}", each.tags["queue"]): (each.above, each.minutes)
        for each in MAKE.MONITORS
        if "queue" in each.tags
    }
    assert {(each["metric"], each["queue"]): (each["above"], each["minutes"]) for each in alarms} == monitors
