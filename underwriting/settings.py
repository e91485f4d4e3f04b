"""Everything that differs between a laptop and production; the only reader of the environment."""

from functools import cache
from pathlib import Path
from typing import Annotated

import limits
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Partner(BaseModel):
    """Where a tenant's results and callbacks are posted, and the Standard Webhooks secret they are signed with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    results_url: HttpUrl
    # Base64, with or without the `whsec_` prefix of the standard.
    signing_secret: SecretStr
    # Hosts, by their full names, that a request may name in its callback URL; https only.
    callback_hosts: frozenset[str] = frozenset()


class Settings(BaseSettings):
    """Read from `UNDERWRITING_*`; every default serves the embedded set-up of `underwriting up`."""

    model_config = SettingsConfigDict(
        env_prefix="UNDERWRITING_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    # Where the embedded services keep their data, keys and logs.
    state_dir: Path = Path(".underwriting")
    # SQLAlchemy URL with an asynchronous driver; the embedded PostgreSQL where it is empty.
    database_url: str = ""

    # The addresses the embedded services listen on; loopback by default.
    host: str = "127.0.0.1"
    api_port: int = 8400
    prefect_port: int = 4200
    sandbox_port: int = 8401

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
    # Sent as a bearer token to every outside service, where they ask for one.
    sources_token: SecretStr | None = None
    # False for a bureau that ignores Idempotency-Key: then a pull of unknown fate is looked up, never repeated.
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

    # Verification of bearer tokens: the issuer's public keys (a JWKS file, or the address where the issuer publishes
    # it, asked again after this many seconds), and what a token must say.
    jwks_file: Path | None = None
    jwks_url: str = ""
    jwks_ttl: Annotated[float, Field(gt=0)] = 300.0
    token_issuer: str = "underwriting"
    token_audience: str = "underwriting-api"

    # What one tenant may call of one API process.
    api_quota: str = "1000/second"

    # AES-256 keys of the store, base64, as {key id: key}; new rows use `encryption_key_id`.
    # Empty means a key file in `state_dir`, made on first use.
    encryption_keys: dict[str, SecretStr] = Field(default_factory=dict)
    encryption_key_id: str = ""

    # Rulebook for an application of a product, where the request does not say.
    rulebook: str = "prescreening"
    rulebook_ttl: Annotated[float, Field(ge=0)] = 3600.0
    # How long a worker owns an application without renewing, seconds; renewed at a third of it.
    lease_seconds: Annotated[float, Field(gt=0)] = 30.0
    max_attempts: Annotated[int, Field(ge=1)] = 5
    # How long the sweeper leaves alone what the API may just be dispatching, and a run that may just be starting:
    # a process worker on a busy machine takes some ten seconds to a flow's first line.
    dispatch_seconds: Annotated[float, Field(ge=0)] = 15.0
    start_seconds: Annotated[float, Field(ge=0)] = 30.0
    # Longer than any flow takes: the longest review has seven stages, each of two minutes with all its retries. A run
    # that Prefect shows as under way for so long has lost its worker.
    longest_run_seconds: Annotated[float, Field(gt=0)] = 1200.0

    # Where a kill test ends the process (`underwriting.failpoints`); never set in production.
    failpoint: str = ""

    # Prefect names: where reviews run and what they are called there.
    work_pool: str = "underwriting"
    # Reviews that one warm worker runs at once.
    worker_limit: Annotated[int, Field(ge=1)] = 8
    # Seconds between a warm worker's questions for new runs; it asks at once when the server tells of one.
    worker_poll: Annotated[float, Field(gt=0)] = 1.0

    @field_validator("database_url")
    @classmethod
    def _has_an_async_driver(cls, url: str) -> str:
        if url and not url.startswith(("postgresql+asyncpg://", "sqlite+aiosqlite://")):
            raise ValueError("database_url must start with postgresql+asyncpg:// or sqlite+aiosqlite://")
        return url

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
        "exposure_url", "fraud_url", "loans_url", "payments_url",
    )  # fmt: skip
    @classmethod
    def _is_over_http(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return url.rstrip("/")

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


@cache
def settings() -> Settings:
    """The process's settings, read once; `settings.cache_clear()` after the environment changed."""
    return Settings()
