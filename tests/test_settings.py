"""Settings that name something are checked before anything starts; the sentence says which one, and what to write."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_origin

import pytest
from support.databases import sqlite_url

from underwriting.cli.setup import check_named, prepare
from underwriting.local import embedded, free_port
from underwriting.local.errors import Unusable
from underwriting.settings import JSON_EXAMPLES, PREFIX, Settings, SettingsRefused, settings

JSON_KINDS = (dict, tuple, frozenset)


@pytest.fixture(autouse=True)
def read_anew() -> Iterator[None]:
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("RULEBOOK", "", "is empty; write a name, such as prescreening"),
        ("LIMITS_TENANT", " ", "is empty; write a name, such as sandbox"),
        ("WORK_POOL", "", "is empty; write a name"),
        ("HOST", "", "is empty; write an address of this machine"),
        ("API_PORT", "65536", "it has to be less than 65536"),
        ("SANDBOX_PORT", "4200", "4200 is UNDERWRITING_PREFECT_PORT, too"),
        ("LIMITS_DASK", "local:x", "write the address of a Dask scheduler, such as tcp://scheduler:8786, local:4"),
        ("LIMITS_DASK", "local:0", "write the address of a Dask scheduler"),
        ("LIMITS_HISTORY", "gs://bucket/folder", "write a folder, s3://bucket/folder or database"),
        ("LIMITS_HISTORY", "database", "is database, and no database is named; set UNDERWRITING_HISTORY_DATABASE_URL"),
        ("LIMITS_HISTORIES", '["/data", "gs://bucket"]', "write a folder"),
        ("HISTORY_DATABASE_URL", "mysql://host/db", "must start with postgresql"),
        ("DATABASE_URL", "postgresql+asyncpg://a:b@host:port/db", "is no URL, such as postgresql"),
        ("FLAGS", "ftp://host/flags", "must start with https://"),
        ("ENCRYPTION_KEY_ID", "k2", "no key is called k2 in UNDERWRITING_ENCRYPTION_KEYS; it is empty"),
    ],
)
def test_a_setting_that_names_nothing_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(f"{PREFIX}{name}", value)
    with pytest.raises(SettingsRefused) as refused:
        settings()
    assert f"{PREFIX}{name}: {sentence}" in str(refused.value)


@pytest.mark.parametrize("where", ["", "local:4", "tcp://scheduler:8786", "tls://10.0.0.1:8786"])
def test_places_for_shards_are_taken(where: str) -> None:
    assert Settings(limits_dask=where).limits_dask == where


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("limit_policy", "nope"),
        ("required_rules", {"*": ("Nope",)}),
        ("jwks_file", Path("/nope")),
        ("flags", "/nope"),
        ("limits_history", "/nope"),
    ],
)
def test_what_a_setting_names_has_to_be_here_before_anything_starts(setting: str, value: object) -> None:
    check_named(Settings())
    with pytest.raises(SettingsRefused, match=f"{PREFIX}{setting.upper()}.*[Nn]ope"):
        check_named(Settings().model_copy(update={setting: value}))


async def test_a_rulebook_that_nobody_published_is_refused_with_the_names_of_those_that_are(tmp_path: Path) -> None:
    config = Settings(state_dir=tmp_path, database_url=sqlite_url(tmp_path / "store.db"), rulebook="nope")
    with pytest.raises(SettingsRefused, match=r"UNDERWRITING_RULEBOOK: .* nope; write one of berka, prescreening"):
        await prepare(config)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"host": "nope.invalid"}, "UNDERWRITING_HOST: nope.invalid is no address of this machine"),
        ({"state_dir": "/dev/null"}, "UNDERWRITING_STATE_DIR: /dev/null: File exists"),
    ],
)
async def test_what_cannot_be_used_here_is_said_to_be_so(tmp_path: Path, given: dict[str, str], sentence: str) -> None:
    ports = {f"{name}_port": free_port() for name in ("prefect", "sandbox", "api")}
    config = Settings.model_validate({"state_dir": tmp_path, **ports, **given})
    with pytest.raises(Unusable, match=sentence):
        async with embedded(config):
            pytest.fail("it must not start")


def refused(monkeypatch: pytest.MonkeyPatch, **given: str) -> str:
    for name, value in given.items():
        monkeypatch.setenv(f"{PREFIX}{name}", value)
    with pytest.raises(SettingsRefused) as error:
        settings()
    return str(error.value)


@pytest.mark.parametrize("name", JSON_EXAMPLES)
def test_what_is_no_json_is_shown_json_of_the_settings_own_kind(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for wrong in ("1,2", "5"):
        told = refused(monkeypatch, **{name.upper(): wrong})
        assert f"{PREFIX}{name.upper()}: this is " in told
        assert f"; write some such as {JSON_EXAMPLES[name]}; docs/settings.md" in told
    kind = get_origin(Settings.model_fields[name].annotation)
    assert isinstance(json.loads(JSON_EXAMPLES[name]), dict if kind is dict else list)


def test_every_setting_that_is_json_has_an_example() -> None:
    found = {name for name, field in Settings.model_fields.items() if get_origin(field.annotation) in JSON_KINDS}
    assert found == JSON_EXAMPLES.keys()
    Settings(retry_delays=json.loads(JSON_EXAMPLES["retry_delays"]), segments=json.loads(JSON_EXAMPLES["segments"]))
    for name in ("creditors", "bureaus", "retention", "required_rules", "limits_histories", "source_tokens"):
        Settings.model_validate({name: json.loads(JSON_EXAMPLES[name])})


def test_one_mistake_hides_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    partner = {"results_url": "http://acme.example", "signing_secret": "?", "callback_host": []}
    told = refused(
        monkeypatch,
        RETRY_DELAYS="1,2",
        CREDITORS="{acme}",
        API_PORT="x",
        ENCRYPTION_KEYS='{"a": "short"}',
        ENCRYPTION_KEY_ID="b",
        JWKS_FILE=str(tmp_path / "keys.json"),
        JWKS_URL="https://issuer.example/keys",
        PARTNERS=json.dumps({"acme": partner}),
        STATSD_HOST="a b",
    )
    for sentence in (
        "RETRY_DELAYS: this is no JSON at line 1, column 2;",
        "CREDITORS: this is no JSON at line 1, column 2;",
        "API_PORT: write a whole number",
        "ENCRYPTION_KEYS: the key a is no base64 of 32 bytes",
        "ENCRYPTION_KEY_ID: no key is called b in UNDERWRITING_ENCRYPTION_KEYS; it has a",
        "JWKS_URL: is set beside UNDERWRITING_JWKS_FILE; it has to be one of the two",
        "PARTNERS.acme.results_url: must start with https://",
        "PARTNERS.acme.signing_secret: a signing secret is base64",
        "PARTNERS.acme.callback_host: there is no such member; did you mean callback_hosts?",
        "STATSD_HOST: write the name or address of a host",
    ):
        assert f"{PREFIX}{sentence}" in told
    assert told.count(PREFIX) == 12, "each once, and the two settings that sentences refer to"


def test_all_that_is_not_here_is_named_at_once() -> None:
    wrong = dict.fromkeys(("limits_history", "flags"), "/nope") | {"limit_policy": "nope", "rulebook": "nope"}
    with pytest.raises(SettingsRefused) as error:
        check_named(Settings.model_validate({**wrong, "jwks_file": "/nope", "required_rules": {"*": ["Nope"]}}))
    for name in (*wrong, "jwks_file", "required_rules"):
        assert f"{PREFIX}{name.upper()}" in str(error.value)
    check_named(Settings(rulebook="of-the-store"))


@pytest.mark.parametrize("host", ["", "127.0.0.1", "::1", "statsd", "statsd.internal", "data_dog"])
def test_hosts_of_statsd_are_taken(host: str) -> None:
    assert Settings(statsd_host=host).statsd_host == host
