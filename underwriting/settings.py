"""Everything that differs between a laptop and production; the only reader of the environment."""

import logging
import os
import re
from base64 import b64decode
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from ipaddress import ip_address
from json import JSONDecodeError
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

import limits
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    SecretStr,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, InitErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from underwriting.domain.creditor import Bureau, Creditor
from underwriting.domain.retention import Retention
from underwriting.domain.service import Service
from underwriting.domain.wording import problems
from underwriting.secrets import with_secrets

PREFIX = "UNDERWRITING_"
# Variables with our prefix that are no settings: the command line reads them.
OF_COMMANDS = ("token",)
# Variables of earlier releases without which a process would do something else than it was told, and what to write.
FORMER = {"SOURCES_TOKEN": "every service has a token of its own now: write UNDERWRITING_SOURCE_TOKENS instead"}
PAGE = "docs/settings.md"
# A setting that is JSON, with an example of it.
JSON_EXAMPLES = {
    "source_tokens": '{"users": "their token", "bureau": "its token"}',
    "retry_delays": "[1, 5, 20]",
    "partners": '{"acme": {"results_url": "https://partner.example.com/results", "signing_secret": "whsec_…"}}',
    "creditors": '{"acme": {"name": "Acme Lending", "address": "1 Main Street, Dover, DE", '
    '"agency": {"name": "CFPB", "address": "1700 G Street NW, Washington, DC"}}}',
    "bureaus": '{"Acme Bureau": {"name": "Acme Bureau", "address": "2 Main Street, Dover, DE", '
    '"telephone": "800-555-0100"}}',
    "retention": '{"acme": {"months": {"applications": 84}}}',
    "encryption_keys": '{"k1": "32 random bytes in base64"}',
    "required_rules": '{"*": ["NotListed"]}',
    "segments": '["student", "standard"]',
    "limits_histories": '["/data/histories", "s3://bucket/folder"]',
}
# Of the keys that seal the store: AES-256.
KEY_BYTES = 32
_log = logging.getLogger(__name__)
Secret = TypeVar("Secret", str, SecretStr, SecretStr | None)
# What a setting of this type has to be, by the beginning of pydantic's name of the error.
EXPECTED = {
    "int": "write a whole number",
    "float": "write a number",
    "bool": "write true or false",
    "dict": "write a JSON object",
    "model": "write a JSON object",
    "missing": "is missing",
    "extra": "there is no such setting",
    "url": "write an address, as https://host/path",
}
# What stands for secrets in the examples of deployments/env and in the documents, so that everybody knows it: a
# password, and a key in base64.
EXAMPLE_SECRETS = ("change-me", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
# A setting that is a name, with an example of one.
NAMES = {
    "rulebook": "prescreening",
    "limit_policy": "cfi",
    "limits_tenant": "sandbox",
    "work_pool": "underwriting",
    "token_issuer": "underwriting",
    "token_audience": "underwriting-api",
    "event_source": "underwriting",
}
# The location of a history that is in the database of `history_database_url`.
DATABASE = "database"
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
DASK = re.compile(r"local:[1-9][0-9]*|[a-z]+://[^/\s:]+:[0-9]+")
Port = Annotated[int, Field(gt=0, lt=65_536)]
# Sources whose documents may be in S3 instead of behind a service.
IN_S3 = ("statements_url", "accounts_url")


class SettingsRefused(ValueError):
    """A setting is wrong. The message names its variable and says what to write."""


class Partner(BaseModel):
    """Where a tenant's results and callbacks are posted, and the Standard Webhooks secret they are signed with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    results_url: HttpUrl = Field(examples=["https://partner.example.com/results"])
    # Base64, with or without the `whsec_` prefix of the standard.
    signing_secret: SecretStr
    # The secret before this one, while the partner changes over: messages carry a signature by each.
    former_signing_secret: SecretStr | None = None
    # Hosts, by their full names, that a request may name in its callback URL; https only.
    callback_hosts: frozenset[str] = frozenset()

    @field_validator("signing_secret", "former_signing_secret")
    @classmethod
    def _can_sign(cls, secret: SecretStr | None) -> SecretStr | None:
        try:
            key = b64decode((secret or SecretStr("")).get_secret_value().removeprefix("whsec_"), validate=True)
        except ValueError:
            key = b""
        if secret is not None and not key:
            raise ValueError("a signing secret is base64, with or without whsec_ before it")
        return _own(secret)


class _NoJson:
    """The value of a variable that has to be JSON and is none; `where` the reader of JSON stopped."""

    def __init__(self, error: ValueError) -> None:
        self.where = f" at line {error.lineno}, column {error.colno}" if isinstance(error, JSONDecodeError) else ""


class _Environment(EnvSettingsSource):
    """The environment. What is no JSON is refused like any other mistake, beside those of the other variables."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError as error:
            # A member that is a variable of its own may be plain text.
            if field is not self.settings_cls.model_fields.get(field_name):
                raise
            return _NoJson(error)


class Settings(BaseSettings):
    """Read from `UNDERWRITING_*`; every default serves the embedded set-up of `underwriting up`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid")

    # Where the embedded services keep their data, keys and logs.
    state_dir: Path = Path(".underwriting")
    # SQLAlchemy URL with an asynchronous driver; the embedded PostgreSQL where it is empty.
    database_url: str = ""

    # The addresses the embedded services listen on; loopback by default.
    host: str = "127.0.0.1"
    api_port: Port = 8400
    prefect_port: Port = 4200
    sandbox_port: Port = 8401
    # Where each process answers /live, /ready and /metrics on `host`; 0: nowhere.
    health_port: Annotated[int, Field(ge=0, lt=65_536)] = 0

    # Where the API is reached from outside; in links to records. Empty means `api_url`.
    public_url: str = ""

    # The outside services. Empty means the sandbox.
    user_service_url: str = ""
    registry_url: str = ""
    statements_url: str = ""
    accounts_url: str = ""
    bureau_url: str = ""
    exposure_url: str = ""
    fraud_url: str = ""
    loans_url: str = ""
    payments_url: str = ""
    # Of the float side; users and subscriptions come from the user service.
    float_service_url: str = ""
    transactions_url: str = ""
    scores_url: str = ""
    # The format of the transaction service: that of docs/feeds.md, or Plaid's JSON.
    transactions_format: Literal["native", "plaid"] = "native"
    # The bearer token that each outside service gets, by its name (`Service`), as a JSON object.
    source_tokens: dict[str, SecretStr] = Field(default_factory=dict)
    # False for a bureau that ignores Idempotency-Key: then a pull with an unknown result is looked up, never repeated.
    bureau_idempotent: bool = True
    # One try of one call, seconds; an answer larger than this many bytes is refused.
    source_timeout: Annotated[float, Field(gt=0, le=120)] = 5.0
    source_max_bytes: Annotated[int, Field(gt=0)] = 5_000_000
    # One try of one check, seconds: its calls, and its wait for a slot at the bureau.
    check_timeout: Annotated[float, Field(gt=0)] = 20.0
    # Waits between the tries of a check, seconds, each stretched by up to half at random.
    retry_delays: tuple[Annotated[float, Field(ge=0)], ...] = (1.0, 5.0, 20.0)

    # Tenants whose results are posted somewhere, as a JSON object {tenant: {results_url, signing_secret}}.
    partners: dict[str, Partner] = Field(default_factory=dict)

    # Notices to customers. The creditor behind each tenant, as a JSON object {tenant: {name, address, telephone,
    # agency}}, and how to reach each bureau, by the name in its reports.
    creditors: dict[str, Creditor] = Field(default_factory=dict)
    bureaus: dict[str, Bureau] = Field(default_factory=dict)
    # Days before a notice is due on which `notice.due_soon` warns.
    notice_warning_days: Annotated[int, Field(ge=0, le=30)] = 7

    # What a lender keeps for longer than the law demands, as a JSON object {tenant: {months: {kind: number}, holds:
    # [person, …]}}; and whether the housekeeping deletes what is past its term, so that nobody has to.
    retention: dict[str, Retention] = Field(default_factory=dict)
    purge: bool = False

    # Verification of bearer tokens: the issuer's public keys (a JWKS file, or the address where the issuer publishes
    # it, read again after this many seconds), and the required claims of a token.
    jwks_file: Path | None = None
    jwks_url: str = ""
    jwks_ttl: Annotated[float, Field(gt=0)] = 300.0
    token_issuer: str = "underwriting"
    token_audience: str = "underwriting-api"

    # What one tenant may call, over all API processes; and how many applications, and evaluations, of one tenant may be
    # undecided: beyond it new ones are refused.
    api_quota: str = "60000/minute"
    tenant_open: Annotated[int, Field(ge=1)] = 2_000

    # AES-256 keys of the store, base64, as {key id: key}; new rows use `encryption_key_id`.
    # Empty means a key file in `state_dir`, made on first use; only with the embedded PostgreSQL or SQLite.
    encryption_key_id: str = ""
    encryption_keys: dict[str, SecretStr] = Field(default_factory=dict, validate_default=True)

    # Rulebook for an application of a product, where the request does not say.
    rulebook: str = "prescreening"
    rulebook_ttl: Annotated[float, Field(ge=0)] = 3600.0
    # Rules that no rulebook may lack, as a JSON object {tenant: [rule, …]}, "*" for all tenants; and the segments that
    # the user service puts users in. Publishing refuses a book that lacks such a rule or names another segment.
    required_rules: dict[str, tuple[str, ...]] = Field(default={"*": ("NotListed",)})
    segments: frozenset[str] = frozenset()
    # The shipped limit policy that decides what a user can afford.
    limit_policy: str = "cfi"
    # How old an evaluation may be to answer at once, hours.
    evaluation_hours: Annotated[float, Field(ge=0, le=24 * 7)] = 24.0
    # Feature flags that rulebooks may depend on, in GrowthBook's format: a file or an http(s) address; none where
    # empty.
    flags: str = ""
    flags_ttl: Annotated[float, Field(ge=0)] = 60.0
    # Reviews, and evaluations, that all workers together run at a time; 0: `worker_limit`, as one worker does. Tenants
    # that ask share them equally; what is beyond a tenant's share waits for its turn.
    worker_slots: Annotated[int, Field(ge=0)] = 0
    # How long a worker owns an application without renewing, seconds; renewed at a third of it.
    lease_seconds: Annotated[float, Field(gt=0)] = 30.0
    max_attempts: Annotated[int, Field(ge=1)] = 5
    # How long the housekeeping ignores requests that the API may just be dispatching, and runs that may just be
    # starting: a process worker on a busy machine takes some ten seconds to a flow's first line.
    dispatch_seconds: Annotated[float, Field(ge=0)] = 15.0
    start_seconds: Annotated[float, Field(ge=0)] = 30.0
    # Longer than any flow takes: the longest review has seven stages, each of two minutes with all its retries. A run
    # that Prefect shows as under way for so long has lost its worker.
    longest_run_seconds: Annotated[float, Field(gt=0)] = 1200.0

    # The integrations; each is off while its setting is empty. AWS: the region, and the address of a service other than
    # Amazon's with the same protocols. Credentials come from botocore's own chain (role, profile, environment).
    aws_region: str = ""
    aws_endpoint_url: str = ""
    # One secret in Secrets Manager that is a JSON object of settings; any single setting may be `secretsmanager:NAME`
    # or `secretsmanager:NAME#KEY` instead.
    settings_secret: str = ""
    # SQS queue through which events arrive; it needs a dead-letter queue.
    events_queue_url: str = ""
    # EventBridge bus that our events go to, and the source they name. Events of this source are not taken in again.
    event_bus: str = ""
    event_source: str = "underwriting"
    # Kinesis stream that the audit chain is copied to.
    audit_stream: str = ""
    # Segment: the source's write key; the address of a host other than Segment's own.
    segment_write_key: SecretStr | None = None
    segment_url: str = ""
    # How each process writes its log: as lines of text, or as JSON, one object a line.
    log_format: Literal["text", "json"] = "text"
    # DogStatsD: the agent's host and UDP port.
    statsd_host: str = ""
    statsd_port: Port = 8125
    # OpenTelemetry: where the collector takes traces (`http://127.0.0.1:4318/v1/traces`), and the share to keep.
    traces_url: str = ""
    traces_share: Annotated[float, Field(ge=0, le=1)] = 1.0

    # The scheduled limit run. Where its history is, if the run does not say: a folder, s3://bucket/folder, or
    # `database` for the database of the URL.
    history_database_url: SecretStr | None = None
    limits_history: str = ""
    # Other folders and s3://bucket/folder places whose histories the form of `recalculate-limits` may name, as JSON.
    limits_histories: tuple[str, ...] = ()
    # The tenant whose users it is about, if the run does not say.
    limits_tenant: str = "sandbox"
    # Where runs keep records, quarantined rows and pictures; a folder that all Dask workers see. Empty means one in
    # `state_dir`.
    limits_folder: str = ""
    # Whether the files of runs, comparisons and exports that have rows of users are sealed, by the store's keys.
    limits_sealed: bool = False
    # Users of one shard, and what DuckDB may take for one, megabytes: memory grows with the shards that run at once.
    limits_shard_users: Annotated[int, Field(ge=1)] = 30_000
    limits_memory_mb: Annotated[int, Field(ge=64)] = 1024
    # Shards at once in one process; 0 means as many as there are cores, and one that waits for the store.
    limits_at_once: Annotated[int, Field(ge=0)] = 0
    # Empty: shards run in the worker's process. Else on Dask: a scheduler's address, or `local:N` for N processes here.
    limits_dask: str = ""

    # Where a kill test ends the process (`underwriting.process.failpoints`); never set in production.
    failpoint: str = ""

    # Whether staff may decide in the forms of Prefect, where they type their staff id and nothing proves it. The audit
    # log marks such entries as not proven. False: they use the API, where the token is the proof.
    staff_forms: bool = True

    # Prefect names: where reviews run and what they are called there.
    work_pool: str = "underwriting"
    # Where Prefect posts {"text": …} about a limit run that failed or is late, such as to a webhook of Slack.
    alert_url: SecretStr | None = None
    # Reviews that one warm worker runs at once; most of them wait for a source.
    worker_limit: Annotated[int, Field(ge=1)] = 12
    # Seconds between a warm worker's polls for new runs; it polls at once when the server sends an event of one.
    worker_poll: Annotated[float, Field(gt=0)] = 1.0

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment alone, with what it refers to in Secrets Manager filled in."""
        environment = _Environment(settings_cls)
        prefix = environment.env_prefix.lower()
        environment.env_vars = with_secrets(environment.env_vars, prefix, frozenset(cls.model_fields))
        return init_settings, environment

    @field_validator("database_url")
    @classmethod
    def _has_an_async_driver(cls, url: str) -> str:
        return _own(_of_a_database(url))

    @field_validator("encryption_keys")
    @classmethod
    def _are_named_beside_an_external_database(
        cls, keys: dict[str, SecretStr], field: ValidationInfo
    ) -> dict[str, SecretStr]:
        """A process never makes a key of its own there: no other process could read what it stored."""
        if not keys and is_external(field.data.get("database_url", "")):
            raise ValueError(
                "is empty, and the database is an external one; name its keys, because each process would make its own"
            )
        wrong = []
        for name, key in keys.items():
            if not _seals(_own(key).get_secret_value()):
                wrong.append(
                    f"{PREFIX}ENCRYPTION_KEYS: the key {name} is no base64 of {KEY_BYTES} bytes; "
                    f"`openssl rand -base64 {KEY_BYTES}` prints one"
                )
        if (key_id := field.data.get("encryption_key_id", "")) and key_id not in keys:
            known = f"it has {', '.join(keys)}" if keys else "it is empty"
            wrong.append(f"{PREFIX}ENCRYPTION_KEY_ID: no key is called {key_id} in {PREFIX}ENCRYPTION_KEYS; {known}")
        if wrong:
            raise ValueError("; ".join(wrong))
        return keys

    @field_validator("source_tokens")
    @classmethod
    def _are_of_one_service_each(cls, tokens: dict[str, SecretStr]) -> dict[str, SecretStr]:
        """With a token of another service's, whoever runs one service could call the other one in our name."""
        if strange := sorted(tokens.keys() - set(Service)):
            raise ValueError(f"there is no service {strange[0]}; name one of {', '.join(Service)}")
        of_token: dict[str, str] = {}
        for name, token in tokens.items():
            if (other := of_token.setdefault(_own(token).get_secret_value(), name)) != name:
                raise ValueError(f"{other} and {name} have the same token; give each a token of its own")
        return tokens

    @field_validator("jwks_url")
    @classmethod
    def _is_instead_of_the_file(cls, url: str, field: ValidationInfo) -> str:
        if url and field.data.get("jwks_file") is not None:
            raise ValueError(f"is set beside {PREFIX}JWKS_FILE; it has to be one of the two")
        return url

    @field_validator("statsd_host")
    @classmethod
    def _is_a_host(cls, host: str) -> str:
        if host and not HOST.fullmatch(host):
            raise ValueError("write the name or address of a host, such as 127.0.0.1, or leave it empty")
        return host

    @field_validator("history_database_url")
    @classmethod
    def _is_of_a_database(cls, url: SecretStr | None) -> SecretStr | None:
        _of_a_database(url.get_secret_value() if url else "")
        return url

    @field_validator("history_database_url", "segment_write_key", "alert_url")
    @classmethod
    def _is_no_example(cls, secret: SecretStr | None) -> SecretStr | None:
        return _own(secret)

    @field_validator(*NAMES)
    @classmethod
    def _is_a_name(cls, name: str, field: ValidationInfo) -> str:
        if not name.strip():
            raise ValueError(f"is empty; write a name, such as {NAMES[field.field_name or '']}, or leave it out")
        return name.strip()

    @field_validator("host")
    @classmethod
    def _is_an_address(cls, host: str) -> str:
        if not host.strip():
            raise ValueError("is empty; write an address of this machine, such as 127.0.0.1, or leave it out")
        return host.strip()

    @field_validator("prefect_port", "sandbox_port")
    @classmethod
    def _is_of_one_service(cls, port: int, field: ValidationInfo) -> int:
        for other in ("api_port", "prefect_port"):
            if other != field.field_name and field.data.get(other) == port:
                raise ValueError(f"{port} is {PREFIX}{other.upper()}, too; give each service a port of its own")
        return port

    @field_validator("limits_history", "limits_histories")
    @classmethod
    def _are_places(cls, given: str | tuple[str, ...], field: ValidationInfo) -> str | tuple[str, ...]:
        for place in (given,) if isinstance(given, str) else given:
            if "://" in place and not place.startswith("s3://"):
                raise ValueError(f"write a folder, s3://bucket/folder or {DATABASE}")
            # The validator of a URL that is refused has said so.
            if place == DATABASE and field.data.get("history_database_url", "") is None:
                raise ValueError(
                    f"is {DATABASE}, and no database is named; set {PREFIX}HISTORY_DATABASE_URL to its URL"
                )
        return given

    @field_validator("limits_dask")
    @classmethod
    def _is_a_cluster(cls, where: str) -> str:
        if where and not DASK.fullmatch(where):
            raise ValueError(
                "write the address of a Dask scheduler, such as tcp://scheduler:8786, local:4 for four processes here, "
                "or leave it empty"
            )
        return where

    @field_validator("api_quota")
    @classmethod
    def _is_a_quota(cls, text: str) -> str:
        try:
            limits.parse(text)
        except ValueError:
            raise ValueError(f"{text!r} is no quota, such as 300/second or 10000/minute") from None
        return text

    @field_validator(
        "public_url", "jwks_url", "user_service_url", "registry_url", "statements_url", "accounts_url", "bureau_url",
        "exposure_url", "fraud_url", "loans_url", "payments_url", "float_service_url", "transactions_url", "scores_url",
        "aws_endpoint_url", "events_queue_url", "segment_url", "traces_url",
    )  # fmt: skip
    @classmethod
    def _is_over_https(cls, url: str, field: ValidationInfo) -> str:
        if not (field.field_name in IN_S3 and url.startswith("s3://")):
            _check_address(url, field, "https:// or s3://" if field.field_name in IN_S3 else "https://")
        return url.rstrip("/")

    @field_validator("alert_url")
    @classmethod
    def _is_posted_to_over_https(cls, url: SecretStr | None, field: ValidationInfo) -> SecretStr | None:
        if url is not None:
            _check_address(url.get_secret_value(), field)
        return url

    @field_validator("flags")
    @classmethod
    def _is_a_file_or_over_https(cls, place: str, field: ValidationInfo) -> str:
        if "://" in place:
            _check_address(place, field)
        return place

    @field_validator("partners", mode="wrap")
    @classmethod
    def _are_posted_to_over_https(
        cls, sent: Any, read: ValidatorFunctionWrapHandler, field: ValidationInfo
    ) -> dict[str, Partner]:
        found: list[InitErrorDetails] = []
        for tenant, partner in sent.items() if isinstance(sent, dict) else ():
            url = partner.get("results_url") if isinstance(partner, dict) else getattr(partner, "results_url", None)
            try:
                _check_address(str(url or ""), field)
            except ValueError as error:
                # What is no address at all is refused as such.
                if "://" in str(url):
                    place = (tenant, "results_url")
                    found.append({"type": "value_error", "loc": place, "input": None, "ctx": {"error": error}})
        try:
            partners: dict[str, Partner] = read(sent)
        except ValidationError as error:
            found += [_again(each) for each in error.errors(include_url=False)]
        if found:
            raise ValidationError.from_exception_data("partners", found)
        return partners

    @property
    def limits_place(self) -> Path:
        """The folder of all limit runs."""
        return Path(self.limits_folder) if self.limits_folder else self.state_dir / "limits"

    @property
    def simulated(self) -> bool:
        """Whether customers are the sandbox's: no user service is set."""
        return not self.user_service_url

    @property
    def sandbox_url(self) -> str:
        """The embedded sandbox's base URL."""
        return f"http://{self.host}:{self.sandbox_port}"

    @property
    def api_url(self) -> str:
        """The embedded API's base URL."""
        return f"http://{self.host}:{self.api_port}"

    @property
    def prefect_url(self) -> str:
        """The embedded Prefect server's base URL, which is its UI's address."""
        return f"http://{self.host}:{self.prefect_port}"


def _check_address(url: str, field: ValidationInfo, scheme: str = "https://") -> None:
    """ValueError for an address that is not https. What stays on this machine may be http."""
    try:
        parts = urlsplit(url)
        here = parts.hostname in {"localhost", field.data.get("host")} or ip_address(parts.hostname or "").is_loopback
    except ValueError:
        # No address of a network, but a name; or no URL at all.
        here = False
    if url and not url.startswith("https://") and not (here and url.startswith("http://")):
        raise ValueError(f"must start with {scheme}; http:// is only for addresses of this machine, such as 127.0.0.1")


def _again(error: ErrorDetails) -> InitErrorDetails:
    """An error that was found, to be raised with others."""
    return {"type": error["type"], "loc": error["loc"], "input": error["input"], "ctx": error.get("ctx", {})}


def _seals(key: str) -> bool:
    """Whether a text is an AES-256 key in base64."""
    try:
        return len(b64decode(key, validate=True)) == KEY_BYTES
    except ValueError:
        return False


def _of_a_database(url: str) -> str:
    """The URL; ValueError where it is none of a database that we use, without the URL, which has a password."""
    if url and not url.startswith(("postgresql+asyncpg://", "sqlite+aiosqlite://")):
        raise ValueError("must start with postgresql+asyncpg:// or sqlite+aiosqlite://")
    try:
        if url:
            make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError("is no URL, such as postgresql+asyncpg://user:password@host/database") from None
    return url


def is_external(database_url: str) -> bool:
    """Whether a database is neither a file nor the embedded PostgreSQL, which has a socket and no password."""
    url = make_url(database_url) if database_url else None
    if url is None or url.get_backend_name() == "sqlite":
        return False
    return not (url.host is None and url.username == "postgres" and url.password is None)


def is_example(text: str) -> bool:
    """Whether a secret is, or contains, one of our examples."""
    return any(example in text for example in EXAMPLE_SECRETS)


def _own(secret: Secret) -> Secret:
    """The secret; ValueError where it is one of our examples, which everybody knows."""
    text = secret.get_secret_value() if isinstance(secret, SecretStr) else secret or ""
    if is_example(text):
        raise ValueError("this is the example's secret, which everybody knows; write one of your own")
    return secret


@cache
def settings() -> Settings:
    """The process's settings, read once; `settings.cache_clear()` after the environment changed.

    SettingsRefused names every setting that is wrong, by its variable. A variable with our prefix that is no setting is
    ignored, and the log says so.
    """
    for name, instead in FORMER.items():
        if os.environ.get(f"{PREFIX}{name}"):
            raise SettingsRefused(f"{PREFIX}{name}: {instead}; {PAGE} explains each setting")
    for sentence in unknown_variables(os.environ):
        _log.warning(sentence)
    try:
        return Settings()
    except ValidationError as error:
        raise refused(_sentence(found) for found in error.errors(include_url=False)) from None


def refused(sentences: Iterable[str]) -> SettingsRefused:
    """The error that says all that is wrong."""
    return SettingsRefused(f"{'; '.join(sentences)}; {PAGE} explains each setting")


def unknown_variables(names: Iterable[str]) -> list[str]:
    """A sentence for each variable that begins with our prefix and is no setting, with the nearest that is one."""
    known = [name.upper() for name in (*Settings.model_fields, *OF_COMMANDS)]
    found = []
    for name in sorted(names):
        # A member of a setting that is an object may be a variable of its own, as PARTNERS__acme.
        setting = name.upper().partition("__")[0].removeprefix(PREFIX)
        if name.upper().startswith(PREFIX) and setting not in known:
            near = get_close_matches(setting, known, n=1, cutoff=0.7)
            hint = f"did you mean {PREFIX}{near[0]}?" if near else f"{PAGE} lists them"
            found.append(f"There is no setting {name}, so it is ignored; {hint}")
    return found


def _sentence(found: ErrorDetails) -> str:
    """What is wrong with one setting, without its value, which may be a secret."""
    variable, *inside = map(str, found["loc"])
    place = f"{PREFIX}{variable.upper()}" + "".join(f".{step}" for step in inside)
    if inside and found["type"] != "value_error":
        # In the words of the member: which there are, what it takes.
        ((_, sentence),) = problems([found], Settings.model_json_schema())
        return f"{place}: {sentence}"
    if isinstance(found["input"], _NoJson):
        return f"{place}: this is no JSON{found['input'].where}; write some such as {JSON_EXAMPLES[variable]}"
    if variable in JSON_EXAMPLES and found["type"] != "value_error":
        return f"{place}: this is JSON of another kind; write some such as {JSON_EXAMPLES[variable]}"
    expected = EXPECTED.get(found["type"].partition("_")[0])
    what = found["msg"].removeprefix("Value error, ").replace("Input should be", "it has to be")
    # A check of two settings names each by itself.
    return what if what.startswith(PREFIX) else f"{place}: {expected or what}"
