"""What came of an ordeal, compared with what was promised."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import httpx
from sqlalchemy import text

from underwriting.domain.application import State
from underwriting.playground.sandbox.personas import find
from underwriting.store import audit
from underwriting.store.audit import Fault
from underwriting.store.record import Record
from underwriting.store.session import Store

DECIDED = {State.DONE, State.REFERRED}


@dataclass(frozen=True)
class Reckoning:
    """The store's rows, the receiver's messages and the bureau's account."""

    figures: dict[str, object]
    states: dict[str, State]
    customers: dict[str, str]
    # Bodies by application: of the rulebook's decisions, and of the messages as received, without repetitions.
    decisions: dict[str, list[str]]
    messages: dict[str, list[str]]
    changed_messages: int
    charges: Counter[str]
    deliveries: int
    faults: list[Fault]
    # Decisions in the audit log, by application.
    entries: Counter[str]
    # Claims, and the attempts of the execution log that ended with a decision, by application.
    claims: dict[str, int]
    attempts: Counter[str]
    deciding: Counter[str]

    @property
    def doubled_decisions(self) -> int:
        """Applications that were decided more than once."""
        return sum(len(bodies) > 1 for bodies in self.decisions.values())

    @property
    def doubled_results(self) -> int:
        """Applications of which the receiver has more than one result."""
        return sum(len(bodies) > 1 for bodies in self.messages.values())

    @property
    def doubled_pulls(self) -> int:
        """Applications for which the bureau was paid more than once."""
        return sum(charges > 1 for charges in self.charges.values())

    def broken(self) -> list[str]:
        """Every promise that was not kept, and where."""
        kept = [self._of_states(), self._of_decisions(), self._of_results(), self._of_pulls(), self._of_audit()]
        return [*chain.from_iterable(kept), *self._of_attempts()]

    def summary(self) -> dict[str, object]:
        """The figures, for a report."""
        return {
            **self.figures,
            "decisions": sum(map(len, self.decisions.values())),
            "doubled_decisions": self.doubled_decisions,
            "results": sum(map(len, self.messages.values())),
            "doubled_results": self.doubled_results,
            "deliveries": self.deliveries,
            "bureau_charges": sum(self.charges.values()),
            "doubled_pulls": self.doubled_pulls,
            "audit_faults": len(self.faults),
            "broken_promises": len(self.broken()),
        }

    def _of_states(self) -> Iterator[str]:
        for id_, state in self.states.items():
            if state not in DECIDED:
                yield f"{id_} is {state}"

    def _of_decisions(self) -> Iterator[str]:
        for id_ in self.states:
            bodies = self.decisions.get(id_, [])
            if len(bodies) != 1:
                yield f"{id_} has {len(bodies)} decisions"
            for record in map(Record.model_validate_json, bodies):
                persona = find(record.customer_id)
                troubled = any(check.trouble for check in record.checks)
                if persona is not None and record.verdict != persona.verdict and not troubled:
                    yield f"{id_} of {record.customer_id} is {record.verdict}"

    def _of_results(self) -> Iterator[str]:
        for id_ in self.states:
            if sorted(self.messages.get(id_, [])) != sorted(self.decisions.get(id_, [])):
                yield f"{id_}: the receiver has {len(self.messages.get(id_, []))} results, or not those decided"
        if self.changed_messages:
            yield f"{self.changed_messages} results came again with another body"

    def _of_pulls(self) -> Iterator[str]:
        for id_, customer in self.customers.items():
            for record in map(Record.model_validate_json, self.decisions.get(id_, [])):
                used = any(check.check == "credit_report" and not check.trouble for check in record.checks)
                if self.charges[customer] > 1 or (used and self.charges[customer] != 1):
                    yield f"{id_}: the bureau was paid {self.charges[customer]} times"

    def _of_audit(self) -> Iterator[str]:
        yield from (f"audit entry {fault.seq} {fault.what}" for fault in self.faults)
        for id_ in self.states:
            if self.entries[id_] != 1:
                yield f"{id_}: {self.entries[id_]} decisions in the audit log"

    def _of_attempts(self) -> Iterator[str]:
        for id_, claims in self.claims.items():
            if (self.attempts[id_], self.deciding[id_]) != (claims, 1):
                found = f"{self.attempts[id_]} attempts of {claims}, and {self.deciding[id_]} decisions"
                yield f"{id_}: {found} in the execution log"


async def reckon(store: Store, sandbox: httpx.AsyncClient, figures: dict[str, object]) -> Reckoning:
    """Read the store, the sandbox's ledger and the audit log."""
    ledger = (await sandbox.get("/_control/ledger")).json()["ledger"]
    charges: Counter[str] = Counter()
    for pull in ledger["pulls"].values():
        charges[pull["customer_id"]] += pull["charges"]
    messages: dict[str, list[str]] = {}
    for result in ledger["results"].values():
        body = result["body"]
        id_ = json.loads(body)["data"]["id"]
        # The decision's record stands in the message as it is.
        messages.setdefault(id_, []).append(body[body.index('"data":') + len('"data":') : -1])
    async with store.read() as work:
        applications = (await work.execute(text("SELECT id, state, customer_id, fence FROM applications"))).all()
        attempts = (await work.execute(text("SELECT subject_id, ended FROM attempts"))).all()
        decisions: dict[str, list[str]] = {id_: [] for id_, *_ in applications}
        for id_, sequence, body in await work.execute(text("SELECT application_id, sequence, body FROM decisions")):
            if sequence != 1:
                raise AssertionError(f"{id_} has a decision that nobody made")
            decisions[id_].append(bytes(body).decode())
        actions = await work.execute(text("SELECT subject FROM audit WHERE action LIKE 'application.%'"))
        return Reckoning(
            figures=figures,
            states={id_: State(state) for id_, state, *_ in applications},
            customers={id_: customer for id_, _, customer, _ in applications},
            decisions=decisions,
            messages=messages,
            changed_messages=sum(result["changed"] for result in ledger["results"].values()),
            charges=charges,
            deliveries=sum(result["deliveries"] for result in ledger["results"].values()),
            faults=await audit.verify(work),
            entries=Counter(actions.scalars()),
            claims={id_: fence for id_, *_, fence in applications},
            attempts=Counter(id_ for id_, _ in attempts),
            deciding=Counter(id_ for id_, ended in attempts if ended == "decided"),
        )
