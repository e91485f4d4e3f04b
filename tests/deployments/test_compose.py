"""What `deployments/` says comes up and decides: the compose file's commands, in processes in place of containers."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zipfile import ZipFile

import httpx
import prefect.settings
import pytest
import yaml
from sqlalchemy import make_url

from underwriting.cli.tokens import SCOPES
from underwriting.local import Child, Postgres, free_port, issue_token
from underwriting.local.environment import PREFECT_CLIENT, PREFECT_SERVER
from underwriting.local.keys import token_keys
from underwriting.local.postgres import BIN, PREFECT_DATABASE, STORE_DATABASE
from underwriting.settings import Settings
from underwriting.sources.sources import Service

DATES = "PREFECT_LOGGING_FORMATTERS_STANDARD_DATEFMT"
PROJECT = Path(__file__).parents[2]
FOLDER = PROJECT / "deployments"
PROGRAMS = Path(sys.executable).parent
TENANT = "acme"
PATIENCE = 120.0
LOOK_SECONDS = 1.0


def variables(file: str) -> dict[str, str]:
    """The variables of an env file."""
    lines = (FOLDER / file).read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))  # type: ignore[misc]


def services() -> dict[str, dict[str, Any]]:
    """The services of the compose file."""
    found: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))["services"]
    return found


def test_every_variable_of_production_is_a_setting_and_its_example_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    production = variables("production.env.example")
    for name in [name for name in os.environ if name.startswith("UNDERWRITING_")]:
        monkeypatch.delenv(name)
    for name, value in production.items():
        monkeypatch.setenv(name, value)
    known = {f"UNDERWRITING_{name.upper()}" for name in Settings.model_fields}
    known |= set(prefect.settings.Settings().to_environment_variables(exclude_unset=True, include_secrets=True))
    # The first is read by Prefect's SDK, the other by its configuration of logging.
    assert set(production) - known == {"DO_NOT_TRACK", DATES}
    assert Settings().limits_tenant in Settings().partners


def test_the_databases_passwords_are_the_same_in_both_files() -> None:
    passwords, production = variables("postgres.env.example"), variables("production.env.example")
    urls = {"UNDERWRITING": "UNDERWRITING_DATABASE_URL", "PREFECT": "PREFECT_SERVER_DATABASE_CONNECTION_URL"}
    for owner, url in urls.items():
        found = make_url(production[url])
        assert (found.username, found.password) == (owner.lower(), passwords[f"{owner}_PASSWORD"])


def test_the_prefect_server_of_production_is_set_as_the_embedded_one() -> None:
    production = variables("production.env.example")
    assert {name: production.get(name) for name in PREFECT_SERVER} == PREFECT_SERVER
    assert {name: production[name] for name in ("DO_NOT_TRACK", DATES)}.items() <= PREFECT_CLIENT.items()


def test_what_the_image_is_built_from_holds_the_whole_program(tmp_path: Path) -> None:
    ignored = (PROJECT / ".dockerignore").read_text("utf-8").splitlines()
    for name in [line[1:] for line in ignored if line.startswith("!")]:
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(PROJECT / name, tmp_path)
    sources = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*/*") if file.is_file()}
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    subprocess.run([*pip, str(tmp_path / "dist"), str(tmp_path)], check=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    assert sources - set(ZipFile(wheel).namelist()) == set()
    copied = re.findall(r"^COPY (?!\.)(\S+)", (FOLDER / "Containerfile").read_text("utf-8"), re.MULTILINE)
    assert {"requirements.lock", "prefect.yaml"} == set(copied)
    assert all((tmp_path / name).exists() for name in copied)


class Machine:
    """The containers' programs as processes of this machine, with free ports and addresses in place of names."""

    def __init__(self, folder: Path, postgres: Postgres) -> None:
        self.folder = folder
        self.ports = {"4200": free_port(), "8400": free_port()}
        self.sandbox = f"http://127.0.0.1:{free_port()}"
        keys = Settings(state_dir=folder)
        self._places = {
            r"@postgres/(\w+)": rf"@/\1?host={quote(str(postgres.sockets))}",
            "//prefect:4200": "//127.0.0.1:4200",
            "0.0.0.0": "127.0.0.1",
            r"https://partner\.example\.com/results": f"{self.sandbox}/results/{TENANT}",
            rf"https://({'|'.join(Service)})\.example\.com": rf"{self.sandbox}/\1",
            "/run/secrets/jwks.json": str(token_keys(folder / "keys")),
            "/var/lib/underwriting": str(folder / "limits"),
            **{rf"\b{port}\b": str(free) for port, free in self.ports.items()},
        }
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("UNDERWRITING_", "PREFECT_"))},
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "HOME": str(folder),
            "PREFECT_HOME": str(folder / ".prefect"),
            **{name: self.here(value) for name, value in variables("production.env.example").items()},
        }
        self.token = issue_token(
            keys.model_copy(update={"token_issuer": self.environment["UNDERWRITING_TOKEN_ISSUER"]}),
            TENANT,
            "test",
            SCOPES,
        )

    def here(self, text: str) -> str:
        """A text of the files, with this machine's places."""
        for pattern, place in self._places.items():
            text = re.sub(pattern, place, text)
        return text

    def child(self, name: str, command: Sequence[str]) -> Child:
        """A process that runs a container's command in its environment and its folder, not started yet."""
        inside = ["sh", "-c", 'cd "$0" && exec "$@"', str(self.folder)]
        return Child(name, [*inside, *map(self.here, command)], self.folder / f"{name}.log", self.environment)

    async def once(self, name: str, command: Sequence[str]) -> None:
        """Run a command to its good end."""
        child = self.child(name, command)
        child.start()
        await child.succeed(PATIENCE)

    async def healthy(self, child: Child, service: Mapping[str, Any]) -> None:
        """Wait until the service's own health check holds."""
        check = service["healthcheck"]["test"][1:]

        async def holds() -> bool:
            probe = await asyncio.create_subprocess_exec(
                *map(self.here, check), env=self.environment, stderr=asyncio.subprocess.DEVNULL
            )
            healthy = await probe.wait() == 0
            if not healthy:
                # Each look starts Python, beside a server that needs the processor to come up.
                await asyncio.sleep(LOOK_SECONDS)
            return healthy

        await child.ready(holds, PATIENCE)


@asynccontextmanager
async def databases(folder: Path) -> AsyncIterator[Postgres]:
    """A server with the databases and owners that `databases.sql` makes."""
    server = Postgres(folder / "postgres", folder / "postgres.log")
    await server.start()
    try:
        psql = [str(BIN / "psql"), f"--host={server.sockets}", "--username=postgres", "--dbname=postgres", "--quiet"]
        # The embedded set-up's own, without owners.
        drop = [f"--command=DROP DATABASE {name}" for name in (STORE_DATABASE, PREFECT_DATABASE)]
        for arguments in (drop, [f"--file={FOLDER / 'databases.sql'}"]):
            child = Child("psql", [*psql, *arguments], folder / "psql.log", variables("postgres.env.example"))
            child.start()
            await child.succeed(30)
        yield server
    finally:
        await server.stop()


@pytest.fixture
def home() -> Iterator[Path]:
    """The folder that the image's commands run in."""
    with tempfile.TemporaryDirectory(prefix="compose-") as folder:
        shutil.copy(PROJECT / "prefect.yaml", folder)
        yield Path(folder)


@pytest.mark.timeout(400)
async def test_the_commands_of_the_compose_file_bring_up_a_lender(home: Path) -> None:
    containers = services()
    async with databases(home) as postgres:
        machine = Machine(home, postgres)
        host, port = machine.sandbox.removeprefix("http://").split(":")
        sandbox = [
            "uvicorn",
            "--factory",
            "underwriting.playground.sandbox.app:create_app",
            "--host",
            host,
            "--port",
            port,
        ]
        started = [machine.child("sandbox", sandbox)]
        started += [machine.child(name, containers[name]["entrypoint"]) for name in ("prefect", "api", "worker")]
        outside, server, api, worker = started
        try:
            outside.start()
            server.start()
            await machine.healthy(server, containers["prefect"])
            await machine.once("setup", containers["setup"]["entrypoint"])
            api.start()
            worker.start()
            await machine.healthy(api, containers["api"])
            async with httpx.AsyncClient(timeout=30) as client:
                decision = await decided(machine, client)
                assert decision["verdict"] == "rejected"
                assert [reason["code"] for reason in decision["reasons"]] == ["credit_score_low"]
                await posted(machine, client, decision["id"])
                # Nobody without the operator's password.
                refused = await client.get(f"{machine.environment['PREFECT_API_URL']}/admin/version")
                assert refused.status_code == 401
        finally:
            for child in reversed(started):
                await child.stop(20)


async def decided(machine: Machine, client: httpx.AsyncClient) -> dict[str, Any]:
    """The record of an application that the worker decided."""
    api, mine = f"http://127.0.0.1:{machine.ports['8400']}", {"Authorization": f"Bearer {machine.token}"}
    consent = {"purpose": "credit_transaction", "consented_at": "2026-03-01T08:00:00Z"}
    applied = {"customer_id": "low-score", "amount": "2500.00", "currency": "USD", "bureau_consent": consent}
    answer = await client.post(f"{api}/v1/applications", json=applied, headers={**mine, "Idempotency-Key": "compose"})
    assert answer.status_code == 202, answer.text
    async with asyncio.timeout(PATIENCE):
        while True:
            record: dict[str, Any] = (await client.get(f"{api}{answer.headers['Location']}", headers=mine)).json()
            if record["state"] == "done":
                return record
            await asyncio.sleep(0.2)


async def posted(machine: Machine, client: httpx.AsyncClient, application_id: str) -> None:
    """Until the partner has the result, whose signature its endpoint verified."""
    async with asyncio.timeout(PATIENCE):
        while True:
            account = (await client.get(f"{machine.sandbox}/_control/ledger")).json()
            results = account["ledger"]["results"].values()
            if any(result["tenant"] == TENANT and application_id in str(result["body"]) for result in results):
                return
            await asyncio.sleep(0.2)
