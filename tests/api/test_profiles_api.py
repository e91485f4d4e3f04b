"""Float profiles: versions, temporary ones, and changes that are refused."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from support.eligibility_api import fresh, url

pytestmark = pytest.mark.usefixtures("books")


async def test_a_profile_is_met_changed_and_versioned(api, api_store, books):
    assert (await api.get(url(what="float_profile"))).status_code == 404
    await fresh(api, api_store, books)
    met = await api.get(url(what="float_profile"))
    assert (met.json()["limit"], met.json()["reason"], met.headers["ETag"]) == ("20.00", "first_contact", '"1"')
    change = {"enabled": ["1", "2", "3"], "reason": "goodwill", "notes": "called us", "paused": ["loan"]}
    changed = await api.put(url(what="float_profile"), json=change, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["limit"], changed.json()["paused"]) == (200, "30.00", ["loan"])
    assert changed.json()["created_by"] == "ann"
    assert b"called us" not in changed.content
    stale = await api.put(url(what="float_profile"), json=change, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["error_code"]) == (412, "VERSION_CONFLICT")
    versions = (await api.get(url(what="float_profile/versions"))).json()["items"]
    assert [version["version"] for version in versions] == [2, 1]


async def test_a_temporary_profile_wins_until_it_expires(api):
    until = datetime.now(UTC) + timedelta(seconds=1.5)
    change = {"enabled": ["1", "2", "special"], "reason": "holiday", "expires_on": until.isoformat()}
    written = await api.put(url(what="float_profile/temporary"), json=change)
    assert (written.status_code, written.json()["limit"]) == (200, "200.00")
    assert (await api.get(url(what="float_profile"))).json()["limit"] == "200.00"
    await asyncio.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()) + 0.05)
    assert (await api.get(url(what="float_profile"))).json()["limit"] == "20.00"


async def test_a_temporary_profile_is_ended_early(api, api_store, books):
    temporary = url(what="float_profile/temporary")
    change = {"enabled": ["1", "2", "special"], "reason": "holiday", "expires_on": "2099-01-01T00:00:00Z"}
    written = await api.put(temporary, json=change)
    stale = await api.delete(temporary, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["error_code"]) == (412, "VERSION_CONFLICT")
    ended = await api.delete(temporary, headers={"If-Match": written.headers["ETag"]})
    assert (ended.status_code, ended.content, ended.headers["ETag"]) == (204, b"", '"4"')
    in_force = await api.get(url(what="float_profile"))
    told = in_force.json()
    assert (told["limit"], told["reason"], told["created_by"]) == ("20.00", "temporary_ended", "ann")
    assert (in_force.headers["ETag"], told["expires_on"]) == ('"4"', None)
    again = await api.delete(temporary)
    assert (again.status_code, again.json()["error_code"]) == (404, "NOT_FOUND")


async def test_a_user_without_a_profile_has_no_temporary_one_to_end(api):
    refused = await api.delete(url(what="float_profile/temporary"))
    assert (refused.status_code, refused.json()["error_code"]) == (404, "NOT_FOUND")
    assert (await api.get(url(what="float_profile"))).status_code == 404, "to end is no first contact"


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"enabled": ["9"]}, "body.enabled"),
        ({"enabled": ["everything"]}, "body.enabled.0"),
        ({"reason": "Because I say so"}, "body.reason"),
        ({"paused": ["mortgage"]}, "body.paused.0"),
        ({"expires_on": "2020-01-01T00:00:00Z"}, "body.expires_on"),
        ({"expires_on": "2099-01-01T00:00:00"}, "body.expires_on"),
        ({"surprise": 1}, "body.surprise"),
    ],
)
async def test_an_impossible_change_says_where_and_changes_nothing(api, change, place):
    sound = {"enabled": ["1"], "reason": "x", "expires_on": "2099-01-01T00:00:00Z"}
    refused = await api.put(url(what="float_profile/temporary"), json=sound | change)
    assert (refused.status_code, refused.json()["problems"][0]["place"]) == (422, place)
    assert (await api.get(url(what="float_profile"))).status_code == 404


@pytest.mark.parametrize("tag", ["3", 'W/"3"', '"x"', '""'])
async def test_if_match_has_to_be_a_tag_of_ours(api, tag):
    refused = await api.put(
        url(what="float_profile"), json={"enabled": ["1"], "reason": "x"}, headers={"If-Match": tag}
    )
    assert (refused.status_code, refused.json()["error_code"]) == (400, "BAD_ETAG")
