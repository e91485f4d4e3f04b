"""The partner's results endpoint, and the control routes: faults, and the ledger of what was done."""

from collections.abc import Mapping

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel
from standardwebhooks import Webhook, WebhookVerificationError

from underwriting.playground.sandbox.faults import Control, Faults
from underwriting.playground.sandbox.ledger import Ledger
from underwriting.settings import Partner


class Activity(BaseModel):
    """Calls by service, the bureau's charges, and the ledger."""

    calls: dict[str, int]
    charges: int
    ledger: Ledger


def receiver(partners: Mapping[str, Partner], ledger: Ledger) -> APIRouter:
    """The results endpoints of all tenants; each verifies with its tenant's own secret."""
    router = APIRouter(prefix="/results")

    @router.post("/{tenant}", status_code=204)
    async def receive(tenant: str, request: Request) -> None:
        partner = partners.get(tenant)
        if partner is None:
            ledger.refused.unknown_tenant += 1
            raise HTTPException(404, "no such tenant")
        body = await request.body()
        try:
            Webhook(partner.signing_secret.get_secret_value()).verify(body, dict(request.headers), json_parse=False)
            text = body.decode()
        # The library raises ValueError for a malformed signature or body.
        except (WebhookVerificationError, ValueError):
            ledger.refused.bad_signature += 1
            raise HTTPException(401, "the signature is not good") from None
        ledger.deliver(request.headers["webhook-id"], tenant, text)

    return router


def control_routes(ledger: Ledger, faults: Faults) -> APIRouter:
    """Read and switch faults, read and clear the ledger."""
    router = APIRouter(prefix="/_control")

    @router.get("")
    async def current() -> Control:
        return faults.control

    @router.put("")
    async def switch(control: Control) -> Control:
        faults.switch(control)
        return control

    @router.get("/ledger")
    async def activity() -> Activity:
        charges = sum(pull.charges for pull in ledger.pulls.values())
        return Activity(calls=dict(faults.calls), charges=charges, ledger=ledger)

    @router.delete("/ledger", status_code=204)
    async def clear() -> None:
        ledger.clear()
        faults.calls.clear()

    return router
