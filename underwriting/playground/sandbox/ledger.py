"""What the sandbox did: reports that the bureau charged, results that the receiver took.

In memory. Every change happens between two awaits of the server's one event loop, so entries are never half made.
"""

from pydantic import BaseModel, Field


class Pull(BaseModel):
    """The bureau's account of one reference: orders received, reports charged, and the report itself."""

    customer_id: str
    order: str
    orders: int = 0
    charges: int = 0
    report: bytes = Field(exclude=True)


class Delivery(BaseModel):
    """One message: how often it was received, and whether its body ever differed."""

    tenant: str
    body: str
    deliveries: int = 0
    changed: bool = False


class Refusals(BaseModel):
    """Messages that the receiver refused."""

    bad_signature: int = 0
    unknown_tenant: int = 0


class Ledger(BaseModel):
    """Pulls by reference, deliveries by webhook id."""

    pulls: dict[str, Pull] = Field(default_factory=dict)
    results: dict[str, Delivery] = Field(default_factory=dict)
    refused: Refusals = Field(default_factory=Refusals)

    def pull(self, reference: str, customer_id: str, order: str, report: bytes, *, idempotent: bool) -> bytes | None:
        """Charge an order and return its report; None where an idempotent bureau has another order under the key.

        An idempotent bureau charges a reference once and repeats its report; others charge every time.
        """
        entry = self.pulls.setdefault(reference, Pull(customer_id=customer_id, order=order, report=report))
        if idempotent and (entry.customer_id, entry.order) != (customer_id, order):
            return None
        entry.orders += 1
        if entry.charges == 0 or not idempotent:
            entry.charges += 1
            entry.report = report
        return entry.report

    def deliver(self, webhook_id: str, tenant: str, body: str) -> None:
        """Count a message with a valid signature."""
        entry = self.results.setdefault(webhook_id, Delivery(tenant=tenant, body=body))
        entry.deliveries += 1
        entry.changed |= entry.body != body

    def clear(self) -> None:
        """Forget everything."""
        self.pulls.clear()
        self.results.clear()
        self.refused = Refusals()
