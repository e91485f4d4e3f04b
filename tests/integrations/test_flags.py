"""Flags in GrowthBook's format: judged by its engine, never guessed."""

import json
import logging

import pytest
from pytest_httpserver import HTTPServer
from support.eligibility import book_of

from rules.eligibility.assignment import applies
from underwriting.integrations.flags import Flags, FlagsError
from underwriting.settings import Settings

DOCUMENT = {
    "status": 200,
    "features": {
        "everybody": {"defaultValue": True},
        "nobody": {"defaultValue": False},
        "students": {
            "defaultValue": False,
            "rules": [{"condition": {"segment": "student"}, "force": True}],
        },
        "named": {"defaultValue": False, "rules": [{"condition": {"id": {"$inGroup": "staff"}}, "force": True}]},
        "half": {"defaultValue": False, "rules": [{"force": True, "coverage": 0.5, "hashAttribute": "id"}]},
        "itself": {
            "defaultValue": True,
            "rules": [{"parentConditions": [{"id": "itself", "condition": {"value": True}}], "force": True}],
        },
        "words": {"defaultValue": "on"},
        # Breaks only for whom the condition holds.
        "broken": {"rules": [{"condition": {"segment": "student"}, "coverage": "half", "force": True}]},
        "bare": {},
    },
    "savedGroups": {"staff": ["u-7"]},
}
NAMES = [*DOCUMENT["features"], "absent"]


def from_file(folder, document=DOCUMENT, ttl=60.0):
    file = folder / "flags.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document), "utf-8")
    return Flags(str(file), ttl, 1.0), file


async def test_flags_of_a_file(tmp_path):
    flags, _ = from_file(tmp_path)
    assert await flags.known(NAMES[:4], "u-1", "consumer") == {
        "everybody": True, "nobody": False, "students": False, "named": False,
    }  # fmt: skip
    assert (await flags.known(NAMES, "u-7", "student")).items() >= {"students": True, "named": True}.items()
    # Nobody knows whether a user of an unknown segment meets a condition about segments.
    assert await flags.known(["students", "named"], "u-7") == {"named": True}
    assert await flags.known(["words", "bare"], "u") == {"words": True, "bare": False}


async def test_what_nobody_can_tell_is_left_out(tmp_path):
    flags, _ = from_file(tmp_path)
    assert await flags.known(["absent", "itself"], "u") == {}
    assert await flags.known(["broken"], "u", "student") == {}
    assert await flags.known(["broken"], "u", "consumer") == {"broken": False}
    assert await Flags("", 60, 1).known(NAMES, "u") == {}


ON = {"force": True}
CONDITIONS = {
    "not-vip": [{"condition": {"segment": {"$ne": "vip"}}, **ON}],
    "not-in": [{"condition": {"segment": {"$nin": ["vip", "staff"]}}, **ON}],
    "not": [{"condition": {"$not": {"segment": "vip"}}, **ON}],
    "absent": [{"condition": {"segment": {"$exists": False}}, **ON}],
    "either": [{"condition": {"$or": [{"id": "u-7"}, {"segment": "student"}]}, **ON}],
    "both": [{"condition": {"$and": [{"id": "u-8"}, {"segment": "student"}]}, **ON}],
    "later": [{"condition": {"id": "u-7"}, **ON}, {"condition": {"segment": "student"}, **ON}],
    "parent": [{"parentConditions": [{"id": "not-vip", "condition": {"value": True}}], **ON}],
    "abroad": [{"condition": {"country": {"$ne": "US"}}, **ON}],
    "device": [{"coverage": 0.5, "hashAttribute": "deviceId", **ON}],
}


async def test_a_flag_whose_answer_takes_an_unknown_attribute_is_unknown(tmp_path):
    """The engine takes what is not known for a value that is not there, and `$ne` for true of it."""
    document = {"features": {name: {"defaultValue": False, "rules": rules} for name, rules in CONDITIONS.items()}}
    flags, _ = from_file(tmp_path, document)
    # Where another attribute settles it, nobody has to know the segment.
    assert await flags.known(CONDITIONS, "u-7") == {"either": True, "both": False, "later": True}
    assert await flags.known(CONDITIONS, "u-8") == {}
    assert await flags.known(CONDITIONS, "u-8", "vip") == {
        "not-vip": False, "not-in": False, "not": False, "absent": False, "either": False, "both": False,
        "later": False, "parent": False,
    }  # fmt: skip
    student = await flags.known(CONDITIONS, "u-8", "student")
    assert {name for name, on in student.items() if on} == CONDITIONS.keys() - {"absent", "abroad", "device"}


async def test_a_share_is_sticky_and_met(tmp_path):
    flags, _ = from_file(tmp_path)
    users = [f"u-{number}" for number in range(2_000)]
    first = [(await flags.known(["half"], user))["half"] for user in users]
    assert sum(first) == pytest.approx(1_000, abs=110)
    assert [(await flags.known(["half"], user))["half"] for user in users] == first


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "not JSON: Expecting property name"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "the document: Input should be"),
        ({}, "features: Field required"),
        ({"features": {"a": {"rules": 1}}}, "features.a.rules: Input should be a valid tuple"),
        ({"features": {"a": {"rules": [1]}}}, "features.a.rules.0: Input should be a valid dictionary"),
        (
            {"features": {"a": {"rules": [{"coverage": "half", "force": True}]}}},
            "features.a: the engine cannot evaluate it",
        ),
        ({"encryptedFeatures": "x"}, "the features are encrypted"),
    ],
)
async def test_a_broken_file_is_an_error_that_names_it(tmp_path, document, message):
    flags, file = from_file(tmp_path, document)
    with pytest.raises(FlagsError) as caught:
        await flags.known(["a"], "u")
    assert str(caught.value).startswith(f"{file}: {message}")
    # Asked again it is the same: nothing was kept of it.
    with pytest.raises(FlagsError):
        await flags.known(["a"], "u")


async def test_a_file_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(FlagsError, match="No such file or directory; UNDERWRITING_FLAGS names the file"):
        await Flags(str(tmp_path / "absent.json"), 60, 1).known(["a"], "u")


@pytest.mark.parametrize(("ttl", "seen"), [(0.0, False), (60.0, True)])
async def test_flags_are_as_old_as_the_time_to_live_allows(tmp_path, ttl, seen):
    flags, file = from_file(tmp_path, {"features": {"a": {"defaultValue": True}}}, ttl)
    assert await flags.known(["a"], "u") == {"a": True}
    file.write_text(json.dumps({"features": {"a": {"defaultValue": False}}}), "utf-8")
    assert await flags.known(["a"], "u") == {"a": seen}


async def test_flags_of_an_address(httpserver: HTTPServer):
    httpserver.expect_request("/api/features/sdk-1").respond_with_json(DOCUMENT)
    flags = Flags.of(Settings(flags=httpserver.url_for("/api/features/sdk-1")))
    assert await flags.known(["everybody", "nobody"], "u") == {"everybody": True, "nobody": False}
    await flags.known(["everybody"], "u")
    assert len(httpserver.log) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 500},
        {"status": 404},
        {"response_data": "{", "content_type": "application/json"},
        {"response_data": "{}", "content_type": "application/json"},
        {"response_data": "no", "content_type": "text/html"},
    ],
)
async def test_an_address_that_gives_nothing_leaves_what_was_last_known(httpserver: HTTPServer, caplog, answer):
    httpserver.expect_ordered_request("/flags").respond_with_json(DOCUMENT)
    httpserver.expect_ordered_request("/flags").respond_with_data(**answer)
    flags = Flags(httpserver.url_for("/flags"), 0.0, 2.0)
    assert await flags.known(["everybody"], "u") == {"everybody": True}
    with caplog.at_level(logging.WARNING):
        assert await flags.known(["everybody"], "u") == {"everybody": True}
    assert "the last flags are used" in caplog.text


async def test_a_book_behind_a_flag_is_unknown_before_any_is_known(caplog):
    flags = Flags("http://127.0.0.1:9/flags", 60.0, 1.0)
    known = await flags.known(["new"], "u")
    assert known == {}
    assert "no flag is known, so every book with one is unknown" in caplog.text
    assert not applies(book_of("GoodStanding", applies_to="{flag: new}"), "u", None, known).certain
