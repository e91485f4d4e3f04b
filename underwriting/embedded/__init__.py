"""Everything `underwriting up` runs, with nothing to install: PostgreSQL, Prefect, the sandbox, the API, workers."""

from underwriting.embedded.child import Child
from underwriting.embedded.environment import embedded_environment, embedded_settings, resolve_database_url
from underwriting.embedded.errors import AlreadyRunning, EmbeddedError, NotRunning, PortTaken, ServiceFailed
from underwriting.embedded.keys import SANDBOX_TENANT, issue_token
from underwriting.embedded.place import free_port
from underwriting.embedded.postgres import Postgres
from underwriting.embedded.services import Services, embedded
from underwriting.signals import ending_on_signals

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
    "ending_on_signals",
    "free_port",
    "issue_token",
    "resolve_database_url",
]
