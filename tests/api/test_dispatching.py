"""What is accepted goes to Prefect a few at a time, and a user's evaluation is not behind a morning's applications."""

import asyncio
from datetime import UTC, datetime

import pytest
from support.reviews import accept

from underwriting import dispatch
from underwriting.api import context as api_context
from underwriting.api.context import DISPATCHED_AT_ONCE, ApiContext
from underwriting.domain.application import Application, Product
from underwriting.domain.eligibility import EvaluationRequest
from underwriting.rulebook_cache import RulebookCache
from underwriting.settings import Settings
from underwriting.store import evaluations
from underwriting.store.session import Store


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a Prefect server got that takes a while for each."""
    taken: list[str] = []
    under_way: list[str] = []

    async def slow(
        _client: object, _store: Store, subject: Application | EvaluationRequest, _no: int, *, traced: bool
    ) -> None:
        under_way.append(subject.id)
        assert len(under_way) <= 2 * DISPATCHED_AT_ONCE
        await asyncio.sleep(0.05)
        under_way.remove(subject.id)
        taken.append(subject.id)

    monkeypatch.setattr(dispatch, "try_dispatch", slow)
    return taken


def context(store: Store, **changes: object) -> ApiContext:
    config = Settings.model_validate({"worker_slots": 100, **changes})
    prefect: object = "a client"
    nobody: object = None
    return ApiContext(config, store, RulebookCache(store, config), prefect, nobody)  # type: ignore[arg-type]


async def asked(store: Store) -> EvaluationRequest:
    async with store.begin() as work:
        accepted = await evaluations.accept(work, "acme", "ada", Product.FLOAT, None, None, datetime.now(UTC))
    return accepted.stored.subject


async def test_an_evaluation_does_not_wait_for_the_applications_before_it(store: Store, taken: list[str]) -> None:
    api = context(store)
    applications = [await accept(store) for _ in range(40)]
    evaluation = await asked(store)
    await asyncio.gather(*map(api.dispatch, [*applications, evaluation]))
    assert len(taken) == 41
    assert taken.index(evaluation.id) <= 2 * DISPATCHED_AT_ONCE
    assert [found for found in taken if found != evaluation.id] == [one.id for one in applications], "first come"


async def test_whatever_a_tenant_sends_is_one_look_for_another(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect is slow, and hundreds of a tenant's requests come meanwhile."""
    looks = list[str]()

    async def slow(_store: Store, _kind: object, _config: Settings, tenant: str, **_others: object) -> None:
        looks.append(tenant)
        await asyncio.sleep(0.2)

    monkeypatch.setattr(api_context, "dispatch_waiting", slow)
    api = context(store)
    busy, quiet = await accept(store), await accept(store, "quiet")
    sending = asyncio.gather(*(api.dispatch(busy) for _ in range(300)))
    await asyncio.sleep(0.05)
    await api.dispatch(quiet)
    await sending
    assert looks == ["acme", "quiet", "acme"], "what came during a look is looked at once more"


async def test_of_one_tenant_only_so_many_go_to_prefect(store: Store, taken: list[str]) -> None:
    api = context(store, worker_slots=10)
    applications = [await accept(store) for _ in range(20)]
    of_another = await accept(store, "quiet")
    await asyncio.gather(*map(api.dispatch, [*applications, of_another]))
    assert set(taken) == {*(one.id for one in applications[:5]), of_another.id}
