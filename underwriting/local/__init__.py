"""Everything `underwriting up` runs, with nothing to install: PostgreSQL, Prefect, the sandbox, the API, workers."""

from underwriting.local.child import Child
from underwriting.local.environment import (
    embedded_environment,
    embedded_settings,
    known_segments,
    resolve_database_url,
)
from underwriting.local.errors import AlreadyRunning, EmbeddedError, NotRunning, PortTaken, ServiceFailed
from underwriting.local.keys import SANDBOX_TENANT, issue_token
from underwriting.local.ownership import free_port
from underwriting.local.postgres import Postgres
from underwriting.local.services import Services, embedded

__all__ = [
    "SANDBOX_TENANT",
    "AlreadyRunning",
    "Child",
    "EmbeddedError",
    "NotRunning",
    "PortTaken",
    "Postgres",
    "ServiceFailed",
    "Services",
    "embedded",
    "embedded_environment",
    "embedded_settings",
    "free_port",
    "issue_token",
    "known_segments",
    "resolve_database_url",
]
