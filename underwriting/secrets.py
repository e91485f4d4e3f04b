"""Settings out of AWS Secrets Manager, filled in where the environment is read.

Two ways. A variable, or a string inside a variable's JSON, of the form `secretsmanager:NAME` is the secret's text, and
`secretsmanager:NAME#KEY` one member of a secret that is a JSON object. And `UNDERWRITING_SETTINGS_SECRET` names one
secret that is a JSON object of settings; variables of the environment take precedence.
"""

import json
from collections.abc import Mapping
from typing import Any

REFERENCE = "secretsmanager:"
SETTINGS_SECRET = "settings_secret"

Variables = Mapping[str, str | None]


class SecretUnavailable(ValueError):
    """A secret that a setting refers to is not available; the message names the secret and never shows one."""


class Secrets:
    """Reads secrets, each once. Nothing is connected before the first."""

    def __init__(self, region: str, endpoint_url: str) -> None:
        self._region = region
        self._endpoint_url = endpoint_url
        self._texts: dict[str, str] = {}

    def text(self, reference: str) -> str:
        """The value of a reference: a secret's text, or one member of its JSON object."""
        name, _, key = reference.removeprefix(REFERENCE).partition("#")
        secret = self._secret(name)
        if not key:
            return secret
        members = _object(name, secret)
        if key not in members:
            raise SecretUnavailable(f"secret {name} has no member {key}; it has {', '.join(sorted(members)) or 'none'}")
        return _as_variable(members[key])

    def settings(self, name: str) -> dict[str, str]:
        """The settings of a secret that is a JSON object of them, in the form of variables."""
        return {key.lower(): _as_variable(value) for key, value in _object(name, self._secret(name)).items()}

    def _secret(self, name: str) -> str:
        if name not in self._texts:
            self._texts[name] = self._fetch(name)
        return self._texts[name]

    def _fetch(self, name: str) -> str:
        # Whoever keeps no secrets there does not wait for boto3's import.
        import boto3  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            session = boto3.Session(region_name=self._region or None)
            client = session.client("secretsmanager", endpoint_url=self._endpoint_url or None)
            secret: str | None = client.get_secret_value(SecretId=name).get("SecretString")
        except ClientError as error:
            raise SecretUnavailable(f"secret {name}: AWS answered {error.response['Error']['Code']}") from None
        except BotoCoreError as error:
            raise SecretUnavailable(f"secret {name}: AWS cannot be called: {error}") from None
        if secret is None:
            raise SecretUnavailable(f"secret {name} is binary; store it as text")
        return secret


def with_secrets(variables: Variables, prefix: str, names: frozenset[str]) -> Variables:
    """The environment's variables with all secrets filled in.

    `prefix` is that of our own variables, lower-case as they are, and `names` those of the settings there are.
    SecretUnavailable where a secret is not available, or has a setting that does not exist.
    """
    ours = {name: text for name, text in variables.items() if name.startswith(prefix) and text}
    if not any(REFERENCE in text for text in ours.values()) and prefix + SETTINGS_SECRET not in ours:
        return variables
    secrets = Secrets(ours.get(f"{prefix}aws_region", ""), ours.get(f"{prefix}aws_endpoint_url", ""))
    return {
        **_of_one_secret(secrets, ours.get(prefix + SETTINGS_SECRET), prefix, names),
        **variables,
        **{name: _filled_in(secrets, text) for name, text in ours.items() if REFERENCE in text},
    }


def _of_one_secret(secrets: Secrets, name: str | None, prefix: str, names: frozenset[str]) -> dict[str, str]:
    if name is None:
        return {}
    found = secrets.settings(name)
    if strange := sorted(set(found) - names):
        raise SecretUnavailable(f"secret {name} has {', '.join(strange)}, and there is no such setting")
    return {prefix + key: _filled_in(secrets, text) for key, text in found.items()}


def _filled_in(secrets: Secrets, text: str) -> str:
    """A variable whose reference, or the references among its JSON's strings, are replaced."""
    if text.startswith(REFERENCE):
        return secrets.text(text)
    try:
        return json.dumps(_replaced(secrets, json.loads(text)))
    except json.JSONDecodeError:
        # It only contains the prefix: the setting's own validation decides.
        return text


def _replaced(secrets: Secrets, value: Any) -> Any:
    match value:
        case str() if value.startswith(REFERENCE):
            return secrets.text(value)
        case dict():
            return {key: _replaced(secrets, inner) for key, inner in value.items()}
        case list():
            return [_replaced(secrets, inner) for inner in value]
        case _:
            return value


def _object(name: str, text: str) -> dict[str, Any]:
    try:
        members = json.loads(text)
    except ValueError:
        members = None
    if not isinstance(members, dict):
        raise SecretUnavailable(f"secret {name} is no JSON object, so it has no members")
    return members


def _as_variable(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
