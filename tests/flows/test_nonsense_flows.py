"""Nonsense from a source, one example of each kind, through the whole flows: it is unknown, and nothing is quarantined.

`tests/sources/test_nonsense.py` has the whole table.
"""

import json
from typing import Any

import httpx
import pytest

from underwriting.domain.application import State
from underwriting.runtime import Runtime

FLOATS = "floats/users/{}?currency=USD"


async def answers(runtime: Runtime, part: str, path: str, who: str, kept_as: str, place: str, value: object) -> None:
    """Let the sandbox answer for `kept_as` what it answers for `who`, with another value at a place."""
    async with httpx.AsyncClient(base_url=runtime.config.sandbox_url) as sandbox:
        found = (await sandbox.get(path.format(who))).raise_for_status().json()
    *around, last = (int(step) if step.isdigit() else step for step in place.split("."))
    inner: Any = found
    for step in around:
        inner = inner[step]
    inner[last] = value
    file = runtime.config.state_dir / "sandbox" / part / f"{kept_as}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found))


@pytest.mark.parametrize(
    ("part", "path", "place", "value", "check"),
    [
        ("users", "users/customers/{}", "birth_date", "0001-01-01", "customer_information"),
        ("payments", "payments/customers/{}", "write_offs", 2**63, "payment_history"),
        ("loans", "loans/customers/{}?currency=USD", "loans.0.loan_id", "a\x00b", "ongoing_loans"),
    ],
)
async def test_an_application_goes_to_a_person(journey, part, path, place, value, check):
    who = f"good-{len(check) + 10_000}"
    await answers(journey.runtime, part, path, "good", who, place, value)
    review = await journey.review(who)
    assert (review.record.state, review.record.verdict) == (State.REFERRED, "referred")
    assert {each.check for each in review.record.checks if each.trouble} == {check}


@pytest.mark.parametrize(
    ("part", "path", "place", "value", "source"),
    [
        ("users/user", "users/users/{}", "segment", "a\x00b", "user_record"),
        ("floats", FLOATS, "floats.0.repaid_on", "2000-01-01", "float_history"),
        ("floats", FLOATS, "floats.0.collection_attempts", 10**30, "float_history"),
    ],
)
async def test_a_check_goes_to_a_person(checks, part, path, place, value, source):
    who = f"steady-pay-{len(place) + 10_000}"
    await answers(checks.journey.runtime, part, path, "steady-pay", who, place, value)
    evaluated = await checks.evaluate(who)
    assert (evaluated.record.state, evaluated.record.verdict) == (State.DONE, "referred")
    assert set(evaluated.record.troubles) == {source}
