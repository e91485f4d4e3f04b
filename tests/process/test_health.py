"""A process says whether it goes on and whether it can work, also while its event loop is blocked."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import httpx
import pytest

from underwriting.local import free_port
from underwriting.process import health
from underwriting.process.health import Health, NotReady, answering_health
from underwriting.settings import Settings, SettingsRefused


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ANSWER_SECONDS", 0.2)


@contextmanager
def asked(health: Health) -> Iterator[httpx.AsyncClient]:
    """The process's answers, over HTTP."""
    port = free_port()
    with answering_health(Settings(health_port=port), health):
        yield httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}")


async def ready() -> None:
    return


async def test_a_process_that_goes_on_is_live_and_ready() -> None:
    with asked(Health.of_this_loop(ready)) as client:
        async with client:
            answers = [await client.get(path) for path in ("/live", "/ready", "/elsewhere")]
    assert [(answer.status_code, answer.json()["status"]) for answer in answers[:2]] == [(200, "ok")] * 2
    assert answers[2].status_code == 404


async def test_a_process_that_cannot_work_is_live_and_not_ready() -> None:
    async def waiting() -> None:
        raise NotReady("the store does not answer")

    async def hanging() -> None:
        await asyncio.sleep(60)

    async def broken() -> None:
        raise KeyError("ours")

    reasons = {waiting: "the store does not answer", hanging: "no answer within", broken: "KeyError('ours')"}
    for check, reason in reasons.items():
        with asked(Health.of_this_loop(check)) as client:
            async with client:
                assert (await client.get("/live")).status_code == 200
                answer = await client.get("/ready")
        assert answer.status_code == 503
        assert reason in answer.json()["status"]


async def test_a_blocked_loop_is_not_alive_and_lives_on_once_it_is_free() -> None:
    loop = asyncio.new_event_loop()
    thread, free = threading.Thread(target=loop.run_forever), threading.Event()
    thread.start()
    done: Future[None] = Future()
    done.set_result(None)
    mine = asyncio.get_running_loop().call_soon_threadsafe
    try:
        with asked(Health({"worker's": mine, "flows'": loop.call_soon_threadsafe}, lambda: done)) as client:
            async with client:
                loop.call_soon_threadsafe(free.wait)
                answer = await client.get("/live")
                assert answer.status_code == 503
                assert answer.json() == {"status": "the flows' loop is blocked"}
                free.set()
                assert (await client.get("/live")).status_code == 200
    finally:
        free.set()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def test_nothing_listens_where_no_port_is_set_and_a_port_that_is_taken_is_refused_in_a_sentence() -> None:
    with answering_health(Settings(), Health.of_this_loop(ready)):
        pass
    port = free_port()
    with (
        answering_health(Settings(health_port=port), Health.of_this_loop(ready)),
        pytest.raises(
            SettingsRefused, match=f"UNDERWRITING_HEALTH_PORT: {port} cannot be used: Address already in use"
        ),
        answering_health(Settings(health_port=port), Health.of_this_loop(ready)),
    ):
        pass
