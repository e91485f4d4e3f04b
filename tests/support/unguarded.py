"""The control of the kill tests: a worker without the effect ledger and without the fence.

Production has no switch for either, and must have none. This module replaces them in the process that calls it, a
forked worker of a test; and it takes the unique keys, which are a fence of their own, off a database of the control's.
"""

from dataclasses import replace
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from underwriting.domain.application import Application
from underwriting.store import claims, decisions, ledger
from underwriting.store.claims import Claim
from underwriting.store.ledger import Effect
from underwriting.store.models import ApplicationRow, EffectState
from underwriting.store.session import Store, Work

KEYS = {"outcomes": "pk_outcomes", "checks": "pk_checks", "decisions": "pk_decisions"}

_begin = ledger.begin


async def begin_as_if_first(work: Work, claim: Claim[Application], name: str) -> Effect:
    """Every caller is the first, under a key of its own, and finds no report."""
    effect = await _begin(work, claim, name)
    key = f"{effect.provider_key}:{uuid4().hex}"
    return replace(effect, state=EffectState.INTENT, provider_key=key, first=True, payload=None)


def owned_by_anybody(claim: Claim[Application]) -> Any:
    """Whoever ever claimed the application may write about it."""
    return ApplicationRow.id == claim.subject.id


def drop_guards() -> None:
    """In this process, from now on."""
    ledger.begin = begin_as_if_first
    for module in (claims, decisions, ledger):
        module.owned = owned_by_anybody  # type: ignore[attr-defined]  # imported there by name


async def drop_unique_keys(store: Store) -> None:
    """Let the database store a second decision."""
    async with store.begin() as work:
        for table, key in KEYS.items():
            await work.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {key} CASCADE"))
