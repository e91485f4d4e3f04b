"""One trace from the caller's request over the flow run to the outside services."""

import asyncio
import os
import sys
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pytest_httpserver import HTTPServer

from underwriting.local import Services
from underwriting.runtime import Runtime

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLERS_SPAN = "00f067aa0ba902b7"


async def run_traced(collector: str, services: Services) -> None:
    """The journey in a process of its own, whose spans go to `collector`."""
    environment = {
        **os.environ,
        "UNDERWRITING_TRACES_URL": f"{collector}v1/traces",
        "PREFECT_API_URL": f"{services.settings.prefect_url}/api",
        "PYTHONPATH": ".:tests",
    }
    command = [sys.executable, "-m", "support.traced_journey", f"00-{TRACE_ID}-{CALLERS_SPAN}-01"]
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


def spans_of(collector: HTTPServer) -> list[Span]:
    exported = [ExportTraceServiceRequest.FromString(request.get_data()) for request, _ in collector.log]
    scopes = [scope for sent in exported for resource in sent.resource_spans for scope in resource.scope_spans]
    return [span for scope in scopes for span in scope.spans]


def ancestors(span: Span, by_id: dict[bytes, Span]) -> list[Span]:
    found = []
    while (parent := by_id.get(span.parent_span_id)) is not None:
        found.append(span := parent)
    return found


async def test_request_flow_tasks_and_calls_are_one_trace(
    runtime: Runtime, services: Services, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/v1/traces", method="POST").respond_with_data("")
    await run_traced(httpserver.url_for("/"), services)
    spans = [span for span in spans_of(httpserver) if span.trace_id.hex() == TRACE_ID]
    by_id = {span.span_id: span for span in spans}
    request = named(spans, "POST /v1/applications")
    assert request.parent_span_id.hex() == CALLERS_SPAN
    flow = next(span for span in spans if span.name.startswith("review-app_"))
    assert request in ancestors(flow, by_id)
    check = next(span for span in spans if span.name.startswith("customer_information-"))
    assert flow in ancestors(check, by_id)
    calls = [span for span in spans if span.kind == Span.SPAN_KIND_CLIENT]
    assert any(check in ancestors(call, by_id) for call in calls)
    assert all(flow in ancestors(call, by_id) for call in calls)


def named(spans: list[Span], name: str) -> Any:
    return next(span for span in spans if span.name == name)
