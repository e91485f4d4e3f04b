"""One eligibility check after another as a test sees them: the real flow, a real Prefect server, the sandbox."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from prefect.client.schemas.objects import State
from support.journeys import TENANT, Journey

from flows.evaluate_eligibility import evaluate_eligibility
from underwriting.domain.application import Product
from underwriting.domain.eligibility import EvaluationRequest
from underwriting.store import evaluations
from underwriting.store.evaluations import EvaluationRecord, StoredEvaluation


@dataclass(frozen=True)
class Evaluated:
    """A finished run: its last state in Prefect, and the record in the store."""

    state: State[Any]
    record: EvaluationRecord

    @property
    def said(self) -> tuple[str, str]:
        """The verdict and the code of the first reason, empty where there is none."""
        return str(self.record.verdict), self.record.reasons[0].code if self.record.reasons else ""


class FloatChecks:
    """Checks of users in a journey's runtime, for the sandbox's tenant."""

    def __init__(self, journey: Journey) -> None:
        self.journey = journey
        self.store = journey.runtime.store
        self.store_url = journey.runtime.config.database_url

    async def accept(
        self, user_id: str = "steady-pay", product: Product = Product.FLOAT, callback: str | None = None
    ) -> EvaluationRequest:
        """Store a check, as the API does."""
        async with self.store.begin() as work:
            accepted = await evaluations.accept(
                work, TENANT, user_id, product, None, None, datetime.now(UTC), callback=callback
            )
        return accepted.stored.subject

    async def run(self, request: EvaluationRequest) -> Evaluated:
        """Run the flow on a stored check."""
        state: State[Any] = await evaluate_eligibility(evaluation_id=request.id, return_state=True)
        return Evaluated(state, (await self.stored(request.id)).record)

    async def evaluate(self, user_id: str = "steady-pay", product: Product = Product.FLOAT) -> Evaluated:
        """Accept a check and run the flow on it."""
        return await self.run(await self.accept(user_id, product))

    async def ad_hoc(self, user_id: str, as_of: date | None = None) -> State[Any]:
        """A run that staff start, without a check of the API's."""
        return await evaluate_eligibility(user_id, Product.FLOAT, as_of, return_state=True)

    async def fresh(self, user_id: str) -> bytes | None:
        """What the API answers at once."""
        runtime, now, hour = self.journey.runtime, datetime.now(UTC), timedelta(hours=1)
        digest = await runtime.rulebook_cache.digest(Product.FLOAT)
        async with self.store.read() as work:
            return await evaluations.fresh(work, TENANT, user_id, Product.FLOAT, now, hour, digest)

    async def stored(self, evaluation_id: str) -> StoredEvaluation:
        """The evaluation as the API would find it."""
        async with self.store.read() as work:
            return await evaluations.get(work, None, evaluation_id)
