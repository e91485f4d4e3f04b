"""Every request in docs/integrating.md is answered as a success, sent as it is written there."""

import json
import re
import shlex
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError
from support.eligibility_api import judged, unknown, url
from support.reviews import decision

from rules.eligibility.book import shipped_eligibility_books
from underwriting.domain.decision import Missing, Verdict
from underwriting.settings import EXAMPLE_SECRETS, Partner
from underwriting.store import claims, decisions
from underwriting.store.kinds import APPLICATIONS

PAGE = (Path(__file__).parents[2] / "docs" / "integrating.md").read_text()
REQUESTS = [
    shlex.split(block.partition("curl -i ")[2].replace("\\\n", " "))
    for block in re.findall(r"```sh\n(.*?)```", PAGE.replace("curl -X", "curl -i -X"), re.DOTALL)
]
# What the id in a path has to be the id of.
BEFORE = {"answer": Verdict.INCOMPLETE, "decision": Verdict.REFERRED}


async def reviewed(api, store, verdict):
    """The id of an application with this verdict."""
    asked = {"customer_id": "good", "amount": "2500.00", "currency": "USD"}
    accepted = await api.post("/v1/applications", json=asked, headers={"Idempotency-Key": "before"})
    async with store.begin() as work:
        claim = await claims.claim(work, APPLICATIONS, accepted.json()["id"], "run", timedelta(seconds=30), 5)
        made = decision(claim.subject, verdict)
        if verdict is Verdict.INCOMPLETE:
            missing = Missing(code="identity_incomplete", sentence="Personal details are missing.", what="street")
            until = datetime.now(UTC) + timedelta(days=20)
            made = made.model_copy(update={"missing": (missing,), "respond_by": until})
        await decisions.finish(work, claim, [], made, {"acme"}, wake_at=made.respond_by)
    return accepted.json()["id"]


async def evaluated(api, store, books, user_id):
    """The id of an evaluation of the user that a person has to decide."""
    asked = await api.get(url(user_id))
    standard = unknown(shipped_eligibility_books()["float-standard"])
    await judged(store, asked.json()["id"], books, verdict=Verdict.REFERRED, books=(standard,))
    return asked.json()["id"]


def test_the_page_has_requests():
    assert len(REQUESTS) >= 7


@pytest.mark.parametrize("words", REQUESTS, ids=lambda words: next(word for word in words if "://" in word)[21:])
async def test_a_documented_request_is_answered(api, api_store, books, token, words):
    words = list(words)
    address = next(word for word in words if word.startswith("http://127.0.0.1:8400"))
    path = address.removeprefix("http://127.0.0.1:8400")
    options = list(pairwise(words))
    method = next((value for option, value in options if option == "-X"), None)
    headers = dict(value.split(": ", 1) for option, value in options if option == "-H")
    body = next((value for option, value in options if option == "-d"), None)
    if "app_…" in path:
        path = path.replace("app_…", await reviewed(api, api_store, BEFORE[path.rpartition("/")[2]]))
    if "evl_…" in path:
        path = path.replace("evl_…", await evaluated(api, api_store, books, path.split("/")[2]))
    everything = "applications:write referrals:decide eligibility:check profiles:read profiles:write events:write"
    headers["Authorization"] = headers["Authorization"].replace("$TOKEN", token(scope=everything))
    if "If-Match" in headers:
        await api.get(path)
    content = None if body is None else body.encode()
    answered = await api.request(method or ("POST" if body else "GET"), path, headers=headers, content=content)
    assert answered.is_success, answered.text


def test_the_documented_partner_is_one_with_a_secret_of_its_own():
    block = next(block for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) if "results_url" in block)
    with pytest.raises(ValidationError, match="the example's secret"):
        Partner.model_validate(json.loads(block)["acme"])
    block = block.replace(EXAMPLE_SECRETS[1], "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY=")
    assert {name: Partner.model_validate(each).callback_hosts for name, each in json.loads(block).items()} == {
        "acme": {"hooks.partner.example.com"}
    }
