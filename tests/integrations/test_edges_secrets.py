"""Settings out of Secrets Manager, read where the environment is."""

import json
from typing import Any

import pytest

from underwriting.secrets import SecretUnavailable
from underwriting.settings import Settings

PARTNER = {"results_url": "https://partner.example/results", "signing_secret": "whsec_c2VjcmV0"}


@pytest.fixture
def vault(account: Any, aws_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`keep(name, text)` a secret in the account that the settings lead to."""
    monkeypatch.setenv("UNDERWRITING_AWS_REGION", "us-east-1")
    monkeypatch.setenv("UNDERWRITING_AWS_ENDPOINT_URL", aws_url)

    def keep(name: str, text: str) -> None:
        account("secretsmanager").create_secret(Name=name, SecretString=text)

    return keep


def test_a_setting_may_be_a_whole_secret_or_a_member_of_one(vault: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    vault("prod/token", "t0p")
    vault("prod/db", json.dumps({"url": "postgresql+asyncpg://db/underwriting", "port": 5432}))
    vault("prod/keys", json.dumps({"2026": "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY="}))
    monkeypatch.setenv("UNDERWRITING_ENCRYPTION_KEYS", "secretsmanager:prod/keys")
    monkeypatch.setenv("UNDERWRITING_SOURCE_TOKENS", '{"bureau": "secretsmanager:prod/token"}')
    monkeypatch.setenv("UNDERWRITING_DATABASE_URL", "secretsmanager:prod/db#url")
    monkeypatch.setenv("UNDERWRITING_STATSD_PORT", "secretsmanager:prod/db#port")
    found = Settings()
    assert found.source_tokens["bureau"].get_secret_value() == "t0p"
    assert (found.database_url, found.statsd_port) == ("postgresql+asyncpg://db/underwriting", 5432)


def test_a_secret_inside_a_settings_json_is_filled_in(vault: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    vault("prod/acme", "whsec_c2VjcmV0")
    vault("prod/all", json.dumps({"partners": {"acme": PARTNER}}))
    given = json.dumps({"acme": PARTNER | {"signing_secret": "secretsmanager:prod/acme"}})
    for value in (given, "secretsmanager:prod/all#partners"):
        monkeypatch.setenv("UNDERWRITING_PARTNERS", value)
        assert Settings().partners["acme"].signing_secret.get_secret_value() == "whsec_c2VjcmV0"


def test_one_secret_holds_many_settings_and_the_environment_goes_before(
    vault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault("prod/token", "t0p")
    settings = {"work_pool": "from-secret", "worker_limit": 3, "partners": {"acme": PARTNER}}
    vault("prod/settings", json.dumps({**settings, "SOURCE_TOKENS": {"bureau": "secretsmanager:prod/token"}}))
    monkeypatch.setenv("UNDERWRITING_SETTINGS_SECRET", "prod/settings")
    monkeypatch.setenv("UNDERWRITING_WORK_POOL", "from-environment")
    found = Settings()
    assert (found.work_pool, found.worker_limit, set(found.partners)) == ("from-environment", 3, {"acme"})
    assert found.source_tokens["bureau"].get_secret_value() == "t0p"


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("SOURCE_TOKENS", "secretsmanager:nowhere", "secret nowhere: AWS answered ResourceNotFoundException"),
        ("SOURCE_TOKENS", "secretsmanager:prod/db#user", "secret prod/db has no member user; it has url"),
        ("SOURCE_TOKENS", "secretsmanager:prod/text#user", "secret prod/text is no JSON object"),
        ("SETTINGS_SECRET", "prod/db", "secret prod/db has url, and there is no such setting"),
        ("SETTINGS_SECRET", "prod/text", "secret prod/text is no JSON object"),
    ],
)
def test_a_secret_that_is_not_to_be_had_is_named_and_never_shown(
    vault: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str, why: str
) -> None:
    vault("prod/db", json.dumps({"url": "canary"}))
    vault("prod/text", "canary")
    monkeypatch.setenv(f"UNDERWRITING_{name}", value)
    with pytest.raises(SecretUnavailable, match=why) as refused:
        Settings()
    assert "canary" not in str(refused.value)


def test_a_secret_store_that_is_away_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("UNDERWRITING_AWS_REGION", "us-east-1")
    monkeypatch.setenv("UNDERWRITING_AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("UNDERWRITING_SOURCE_TOKENS", '{"bureau": "secretsmanager:prod/token"}')
    with pytest.raises(SecretUnavailable, match="secret prod/token: AWS cannot be called: Could not connect"):
        Settings()


def test_without_references_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERWRITING_AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert Settings().aws_endpoint_url == "http://127.0.0.1:9"
