"""OpenTelemetry traces: API → flow run → tasks → calls of outside services, as one trace, over OTLP.

Prefect's engine makes spans of flow and task runs by itself, and continues the trace that a flow run's label names:
`carried()` is that label. Spans show opaque ids only, since run names, addresses and errors do.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import httpx
from opentelemetry import propagate, trace

from underwriting.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

# Prefect's own name of the label: `prefect.telemetry.run_telemetry.LABELS_TRACEPARENT_KEY`.
TRACEPARENT_LABEL = "__OTEL_TRACEPARENT"
TRACEPARENT = "traceparent"
# Seconds for one delivery to the collector. A process that ends waits so long for a collector that is down.
EXPORT_SECONDS = 3


@cache
def start(url: str, share: float, service: str) -> bool:
    """Begin to trace in this process, once: `share` of all traces that begin here go to the collector at `url`.

    False where there is no URL. A trace that the caller of the API began is kept or dropped as its caller says.
    """
    if not url:
        return False
    # Imported here, since processes without traces do not need them.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio  # noqa: PLC0415

    provider = TracerProvider(sampler=ParentBasedTraceIdRatio(share), resource=Resource({SERVICE_NAME: service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=EXPORT_SECONDS)))
    trace.set_tracer_provider(provider)
    return True


def traced(config: Settings, service: str) -> bool:
    """`start` after the settings."""
    return start(config.traces_url, config.traces_share, service)


def trace_api(app: FastAPI) -> None:
    """Make a span of each request, under the caller's trace where the request carries one."""
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor  # noqa: PLC0415

    FastAPIInstrumentor.instrument_app(app, excluded_urls="/health")


def trace_client(client: httpx.AsyncClient) -> None:
    """Make a span of each call of this client; its service sees the trace in the header `traceparent`."""
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor  # noqa: PLC0415

    HTTPXClientInstrumentor.instrument_client(client)


def carried() -> dict[str, bool | int | float | str]:
    """The labels under which a new flow run continues the current trace; none where nothing is traced."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return {TRACEPARENT_LABEL: carrier[TRACEPARENT]} if TRACEPARENT in carrier else {}
