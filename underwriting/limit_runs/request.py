"""The request for a limit run."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Self

from rules.facts.terms import fact_terms
from rules.limits.policy import LimitPolicy, parse_policy
from rules.publishable import no_segment
from underwriting.domain.application import Product
from underwriting.domain.limits import Scope
from underwriting.store.limits.runs import RunRequest
from underwriting.store.models import LimitRunRow


def scope_of(segment: str | None, user_id: str | None, segments: Collection[str]) -> Scope:
    """Whom a run is about; ValueError where the segment is none of the user service's, as far as these are known."""
    if segment and segments and segment not in segments:
        raise ValueError(no_segment(segment, segments))
    return Scope(segment or None, user_id or None)


@dataclass(frozen=True)
class Request:
    """A run over a history for one business date, by one policy."""

    tenant: str
    product: Product
    business_date: date
    history: str
    policy: LimitPolicy
    scope: Scope = field(default_factory=Scope)
    # None: as many as the setting `limits_shard_users` makes.
    shards: int | None = None
    dry_run: bool = False
    # Read every row again, also of files that look as they were.
    full: bool = False

    @classmethod
    def of_run(cls, run: LimitRunRow) -> Self:
        """The request of a stored run, with the policy that it began with, also where there is a newer one by now."""
        return cls(
            tenant=run.tenant,
            product=run.product,
            business_date=run.business_date,
            history=run.history,
            policy=parse_policy(run.policy_text, run.policy),
            scope=Scope.parse(run.scope),
            shards=run.shards,
            full=run.full,
        )

    @property
    def judged_at(self) -> datetime:
        """The decision time, as of which hours are counted. A stored run keeps the one it was planned with."""
        return self.policy.business_day.moment(self.business_date)

    @property
    def run_request(self) -> RunRequest:
        """The request as the store keeps it."""
        return RunRequest(
            tenant=self.tenant,
            product=self.product,
            business_date=self.business_date,
            scope=str(self.scope),
            history=self.history,
            judged_at=self.judged_at,
            currency=self.policy.currency,
            policy=self.policy.ref,
            policy_text=self.policy.text,
            fact_terms=fact_terms().ref,
        )
