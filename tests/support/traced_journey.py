"""One application through the API and the flow in a process of its own, since tracing cannot be ended: `python -m`."""

import asyncio
import sys

import httpx
from asgi_lifespan import LifespanManager
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from prefect import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.client.schemas.objects import FlowRun

from flows.review_application import review_application
from underwriting.api.app import create_app
from underwriting.local import SANDBOX_TENANT, issue_token
from underwriting.settings import settings
from underwriting.worker.engine import WarmEngine


async def main(traceparent: str) -> None:
    deployment = await review_application.ato_deployment("review-application")
    await deployment.aapply()
    token = issue_token(settings(), SANDBOX_TENANT, "test", "applications:write")
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "traced", "traceparent": traceparent}
    async with LifespanManager(create_app()) as running:
        transport = httpx.ASGITransport(running.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client:
            consent = {"purpose": "credit_transaction", "consented_at": "2026-03-01T08:00:00Z"}
            body = {"customer_id": "good", "amount": "2500.00", "currency": "USD", "bureau_consent": consent}
            answer = await client.post("/v1/applications", json=body)
    run = await run_of(answer.raise_for_status().json()["id"])
    await WarmEngine.of(review_application, run).run()
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.force_flush()


async def run_of(application_id: str) -> FlowRun:
    """The run that the API dispatched, as a worker is given it."""
    named = FlowRunFilter(name=FlowRunFilterName(any_=[f"review-{application_id}"]))
    async with get_client() as client:
        (run,) = await client.read_flow_runs(flow_run_filter=named)
    return run


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
