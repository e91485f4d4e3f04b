"""Faults are those that were switched on, and the same for the same seed."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from underwriting.domain.service import Service

PEOPLE = [f"/users/customers/good-{number:05}" for number in range(60)]


@pytest.fixture
def fates(sandbox) -> Iterator:
    """The fates of two calls to each of `PEOPLE` under one control: a status, or "lost"."""

    def fate(path: str) -> int | str:
        try:
            return sandbox.get(path).status_code
        except httpx.RemoteProtocolError:
            return "lost"

    def run(threads: int = 1, **control: object) -> dict[str, list[int | str]]:
        sandbox.put("/_control", json=control).raise_for_status()
        with ThreadPoolExecutor(threads) as pool:
            first, second = list(pool.map(fate, PEOPLE)), list(pool.map(fate, reversed(PEOPLE)))
        return {path: [one, two] for path, one, two in zip(PEOPLE, first, reversed(second), strict=True)}

    return run


USERS = {"users": {"error_rate": 0.3, "lost_rate": 0.3}}


def test_one_seed_gives_one_fate_in_whatever_order(fates):
    once = fates(seed=7, services=USERS)
    assert fates(seed=7, services=USERS, threads=4) == once
    assert fates(seed=8, services=USERS) != once


def test_rates_are_kept(fates):
    drawn = [fate for pair in fates(seed=1, services=USERS).values() for fate in pair]
    # Of 120 calls 36 fail, of the other 84 every third is lost; four standard deviations either way.
    assert 16 <= drawn.count(503) <= 56
    assert 8 <= drawn.count("lost") <= 42
    assert drawn.count(200) == 120 - drawn.count(503) - drawn.count("lost")


def test_another_try_has_another_fate(fates):
    assert any(first != second for first, second in fates(seed=7, services=USERS).values())


def test_a_fault_may_end_after_the_first_calls_of_a_path(fates):
    assert set(map(tuple, fates(services={"users": {"error_rate": 1, "first": 1}}).values())) == {(503, 200)}


def test_quiet_is_the_default(fates):
    assert {fate for pair in fates().values() for fate in pair} == {200}


def test_an_error_has_the_status_and_the_wish_it_was_given(sandbox):
    fault = {"error_rate": 1, "error_status": 429, "retry_after": 3}
    sandbox.put("/_control", json={"others": fault}).raise_for_status()
    answer = sandbox.get("/loans/customers/good", params={"currency": "USD"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")


def test_latency_is_waited_for(sandbox):
    sandbox.put("/_control", json={"services": {"users": {"latency": 0.2}}}).raise_for_status()
    started = time.monotonic()
    assert sandbox.get("/users/customers/good").status_code == 200
    assert time.monotonic() - started >= 0.2


def test_a_failed_bureau_charges_nothing_and_a_lost_answer_was_charged(sandbox):
    def order(reference: str) -> None:
        body = {"reference": reference, "currency": "USD", "as_of": "2024-02-29"}
        body |= {"permissible_purpose": "credit_transaction", "consented_at": "2024-02-29T08:00:00Z"}
        sandbox.post("/bureau/customers/good/reports", json=body)

    sandbox.put("/_control", json={"services": {"bureau": {"error_rate": 1}}})
    order("failed")
    sandbox.put("/_control", json={"services": {"bureau": {"lost_rate": 1}}})
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        order("lost")
    assert list(sandbox.get("/_control/ledger").json()["ledger"]["pulls"]) == ["lost"]


def test_calls_are_counted_by_service_until_the_ledger_is_cleared(sandbox):
    for _ in range(3):
        sandbox.get("/users/customers/good")
    sandbox.get("/exposure/customers/good", params={"currency": "USD"})
    sandbox.get("/users-of-another-house")
    assert sandbox.get("/_control/ledger").json()["calls"] == {"users": 3, "exposure": 1}
    sandbox.delete("/_control/ledger").raise_for_status()
    assert sandbox.get("/_control/ledger").json() == {
        "calls": {},
        "charges": 0,
        "ledger": {"pulls": {}, "results": {}, "refused": {"bad_signature": 0, "unknown_tenant": 0}},
    }


def test_the_control_shows_what_is_switched_on(sandbox):
    control = {"seed": 3, "services": {"results": {"latency": 0.5}}, "bureau_idempotent": False}
    sandbox.put("/_control", json=control)
    shown = sandbox.get("/_control").json()
    assert (shown["seed"], shown["services"]["results"]["latency"], shown["bureau_idempotent"]) == (3, 0.5, False)


@pytest.mark.parametrize(
    "control",
    [
        {"services": {"weather": {}}},
        {"services": {"users": {"error_rate": 1.1}}},
        {"services": {"users": {"latency": -1}}},
        {"services": {"users": {"first": 0}}},
        {"services": {"users": {"error_status": 200}}},
        {"services": {"users": {"typo": 1}}},
        {"typo": 1},
    ],
)
def test_a_control_that_means_nothing_is_refused(sandbox, control):
    assert sandbox.put("/_control", json=control).status_code == 422


@pytest.mark.parametrize("service", Service)
def test_every_service_can_fail(sandbox, service):
    sandbox.put("/_control", json={"services": {service: {"error_rate": 1}}})
    assert sandbox.get(f"/{service}/anything").status_code == 503
