"""The environment variables of the embedded processes: the settings, with embedded defaults where they are empty."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import to_jsonable_python

from underwriting.local import postgres
from underwriting.local.errors import NotRunning
from underwriting.local.keys import (
    SANDBOX_BUREAU,
    SANDBOX_TENANT,
    keys_folder,
    sandbox_creditor,
    sandbox_partner,
    token_keys,
)
from underwriting.settings import Settings

# The Prefect server as it runs best beside its workers on a small machine.
PREFECT_SERVER = {
    # Nothing leaves the machine.
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
    # One insert per task-run state keeps the server at 26 task runs a second; in batches it takes 100.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "50",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "500",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "50",
    # Of the connections beyond its pool, each would be made for one request and closed again.
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": "15",
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_MAX_OVERFLOW": "0",
    # A burst queues for a while. Every run that is called late costs as much as any other change of state.
    "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "PT5M",
    # In memory, slots of global concurrency limits leak when the server restarts.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
    # What a run did is in the store.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "true",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "P14D",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
}
PREFECT_CLIENT = {
    # Prefect's SDK reports its use from interactive terminals otherwise.
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "INFO",
    "PREFECT_LOGGING_COLORS": "false",
    # Prefect's own format has no date.
    "PREFECT_LOGGING_FORMATTERS_STANDARD_DATEFMT": "%Y-%m-%d %H:%M:%S",
    "PREFECT_CLI_COLORS": "false",
    "PREFECT_CLI_PROMPT": "false",
}

# The segments of the sandbox's users and of generated ones, and that of the example in docs/rulebooks.md.
SANDBOX_SEGMENTS = frozenset({"standard", "student", "new", "core", "plus", "employer"})


def embedded_settings(settings: Settings) -> Settings:
    """The settings with everything that was left empty taken from the embedded set-up; keys are made on first use."""
    filled: dict[str, Any] = {"state_dir": settings.state_dir.absolute()}
    # All processes are on one machine: only one of them could have the port. `up` watches them itself.
    if settings.health_port:
        filled["health_port"] = 0
    if not settings.database_url:
        filled["database_url"] = postgres.database_url(postgres_folder(settings), postgres.STORE_DATABASE)
    if settings.jwks_file is None and not settings.jwks_url:
        filled["jwks_file"] = token_keys(keys_folder(settings))
    if SANDBOX_TENANT not in settings.partners:
        filled["partners"] = {**settings.partners, SANDBOX_TENANT: sandbox_partner(settings)}
    if SANDBOX_TENANT not in settings.creditors:
        filled["creditors"] = {**settings.creditors, SANDBOX_TENANT: sandbox_creditor()}
    filled["segments"] = known_segments(settings)
    if not settings.limits_history:
        filled["limits_history"] = str(history_folder(settings))
    if not settings.bureaus:
        filled["bureaus"] = {SANDBOX_BUREAU.name: SANDBOX_BUREAU}
    return settings.model_copy(update=filled)


def known_segments(settings: Settings) -> frozenset[str]:
    """The segments of the user service: those of the settings or, where it is the sandbox, the sandbox's."""
    return settings.segments or (SANDBOX_SEGMENTS if settings.simulated else frozenset())


def embedded_environment(settings: Settings) -> dict[str, str]:
    """All `UNDERWRITING_*` and `PREFECT_*` variables of the embedded processes; ours win over the caller's."""
    return {**_underwriting(embedded_settings(settings)), **_prefect(settings)}


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment of a child: the caller's, without its variables for Prefect and for us."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "UNDERWRITING_"))
    }
    return {**inherited, "PYTHONUNBUFFERED": "1", **embedded_environment(settings)}


def resolve_database_url(settings: Settings) -> str:
    """The store's URL: the setting, or the embedded PostgreSQL that `underwriting up` runs; NotRunning otherwise."""
    if settings.database_url:
        return settings.database_url
    if not postgres.answers(postgres_folder(settings)):
        raise NotRunning(settings.state_dir)
    return postgres.database_url(postgres_folder(settings), postgres.STORE_DATABASE)


def postgres_folder(settings: Settings) -> Path:
    """The folder of the embedded PostgreSQL."""
    return settings.state_dir.absolute() / "postgres"


def history_folder(settings: Settings) -> Path:
    """Where the sandbox's history of users is, which the scheduled limit run reads."""
    return settings.state_dir.absolute() / "history"


def _underwriting(settings: Settings) -> dict[str, str]:
    prefix = Settings.model_config["env_prefix"]
    # prefect.yaml names its work pool by the environment.
    named = settings.model_fields_set | {"work_pool"}
    values = {name: getattr(settings, name) for name in sorted(named)}
    return {f"{prefix}{name.upper()}": _text(value) for name, value in values.items() if value is not None}


def _prefect(settings: Settings) -> dict[str, str]:
    database = postgres.database_url(postgres_folder(settings), postgres.PREFECT_DATABASE)
    return {
        # A home of its own: profiles and credentials of the user's other Prefect servers stay out.
        "PREFECT_HOME": str(settings.state_dir.absolute() / "prefect"),
        "PREFECT_API_URL": f"{settings.prefect_url}/api",
        "PREFECT_UI_URL": settings.prefect_url,
        "PREFECT_SERVER_UI_API_URL": f"{settings.prefect_url}/api",
        "PREFECT_SERVER_API_HOST": settings.host,
        "PREFECT_SERVER_API_PORT": str(settings.prefect_port),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
        **PREFECT_SERVER,
        **PREFECT_CLIENT,
    }


def _text(value: object) -> str:
    """A settings value as pydantic-settings reads it back: plain text, or JSON for what has parts."""
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain)


def _plain(value: object) -> Any:
    """A settings value with its secrets revealed: the children need them."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case BaseModel():
            return {name: _plain(part) for name, part in value}
        case Mapping():
            return {name: _plain(part) for name, part in value.items()}
        case _:
            return to_jsonable_python(value)
