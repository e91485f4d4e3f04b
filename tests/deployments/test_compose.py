"""What `deployments/` says comes up and decides: the compose file's commands, in processes in place of containers."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zipfile import ZipFile

import httpx
import pytest
from deployments.files import CONTAINERFILE, FOLDER, PROJECT, environment, filled_in, image_environment, ours, services

from underwriting.cli.tokens import SCOPES
from underwriting.domain.service import Service
from underwriting.local import Child, Postgres, ServiceFailed, free_port, issue_token
from underwriting.local.keys import token_keys
from underwriting.local.postgres import PREFECT_DATABASE, STORE_DATABASE, programs
from underwriting.settings import Settings

PROGRAMS = Path(sys.executable).parent
TENANT = "acme"
PATIENCE = 120.0
# Nobody, who may read everything, since the program may be in a folder of root's, and may write nothing.
CONFINED = [
    *("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs"),
    *("--bounding-set=-all,+dac_read_search", "--inh-caps=-all,+dac_read_search"),
    "--ambient-caps=-all,+dac_read_search",
]
LOOK_SECONDS = 1.0
# What runs on and writes a log.
LOGGING = ("api", "worker", "housekeeping")
CUSTOMER, USER = "low-score", "steady-pay"


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
    copied = re.findall(r"^COPY (?![.-])(\S+)", CONTAINERFILE, re.MULTILINE)
    assert {"requirements.lock", "prefect.yaml"} == set(copied)
    assert all((tmp_path / name).exists() for name in copied)


class Machine:
    """The containers' programs as processes of this machine, with free ports and addresses in place of names.

    As in a container, a process is not root, its folder and its program cannot be written, and it sees the variables of
    its own env files and of the image only. It may write to its `/tmp` and to its volumes.
    """

    def __init__(self, folder: Path, postgres: Postgres) -> None:
        self.folder = folder
        self.ports = {port: free_port() for port in ("4200", "8400")}
        self.sandbox = f"http://127.0.0.1:{free_port()}"
        self._written = {"/tmp": folder / "tmp", "/var/lib": folder / "volumes"}
        self._confined = list[str]()
        for place in (*self._written.values(), folder / "volumes/prefect", folder / "volumes/underwriting"):
            place.mkdir()
            if os.geteuid() == 0:
                # The user that PostgreSQL runs as where root runs the tests: its socket is closed to others.
                shutil.chown(place, "nobody", "nogroup")
                self._confined = CONFINED
        keys = Settings(state_dir=folder)
        shutil.copy(token_keys(folder / "keys"), folder / "jwks.json")
        (folder / "jwks.json").chmod(0o644)
        self._places = {
            r"@postgres/(\w+)": rf"@/\1?host={quote(str(postgres.sockets))}",
            "//prefect:4200": "//127.0.0.1:4200",
            "0.0.0.0": "127.0.0.1",
            r"https://partner\.example\.com/results": f"{self.sandbox}/results/{TENANT}",
            rf"https://({'|'.join(Service)})\.example\.com": rf"{self.sandbox}/\1",
            "/run/secrets/": f"{folder}/",
            **{rf"{inside}\b": str(here) for inside, here in self._written.items()},
            **{rf"\b{port}\b": str(free) for port, free in self.ports.items()},
        }
        # Each container has a port 8402 of its own.
        self._health = {name: str(free_port()) for name in services()}
        issuer = environment("api")["UNDERWRITING_TOKEN_ISSUER"]
        self.token = issue_token(keys.model_copy(update={"token_issuer": issuer}), TENANT, "test", SCOPES)

    def here(self, name: str, text: str) -> str:
        """A text of the files, with this machine's places."""
        for pattern, place in self._places.items():
            text = re.sub(pattern, place, text)
        return re.sub(r"\b8402\b", self._health[name], text)

    def environment(self, name: str) -> dict[str, str]:
        """What a container sees."""
        image = {**image_environment(), "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
        machine = {"SSL_CERT_FILE": os.environ["SSL_CERT_FILE"], "TMPDIR": str(self._written["/tmp"])}
        return {name_: self.here(name, value) for name_, value in {**machine, **image, **filled_in(name)}.items()}

    def container(self, name: str) -> Child:
        """A process that runs a container's command, not started yet."""
        inside = [*self._confined, "sh", "-c", 'cd "$0" && exec "$@"', str(self.folder / "srv")]
        command = [self.here(name, word) for word in services()[name]["entrypoint"]]
        return Child(name, [*inside, *command], self.folder / f"{name}.log", self.environment(name))

    async def healthy(self, child: Child) -> None:
        """Wait until the service's own health check holds."""
        check = [self.here(child.name, word) for word in services()[child.name]["healthcheck"]["test"][1:]]

        async def holds() -> bool:
            probe = await asyncio.create_subprocess_exec(
                *check, env=self.environment(child.name), stderr=asyncio.subprocess.DEVNULL
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
        psql = [str(programs() / "psql"), f"--host={server.sockets}", "--username=postgres", "--dbname=postgres"]
        # The embedded set-up's own, without owners.
        drop = [f"--command=DROP DATABASE {name}" for name in (STORE_DATABASE, PREFECT_DATABASE)]
        for arguments in (drop, [f"--file={FOLDER / 'databases.sql'}"]):
            child = Child("psql", [*psql, "--quiet", *arguments], folder / "psql.log", filled_in("postgres"))
            child.start()
            await child.succeed(30)
        yield server
    finally:
        await server.stop()


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with that of the image's commands, which nobody may write."""
    with tempfile.TemporaryDirectory(prefix="compose-") as folder:
        Path(folder).chmod(0o755)
        srv = Path(folder) / "srv"
        srv.mkdir()
        shutil.copy(PROJECT / "prefect.yaml", srv)
        srv.chmod(0o555)
        yield Path(folder)
        srv.chmod(0o755)


@pytest.mark.timeout(400)
async def test_the_commands_of_the_compose_file_bring_up_a_lender(home: Path) -> None:
    async with databases(home) as postgres:
        machine = Machine(home, postgres)
        host, port = machine.sandbox.removeprefix("http://").split(":")
        serving = ["uvicorn", "--factory", "underwriting.playground.sandbox.app:create_app"]
        outside = Child(
            "sandbox",
            [str(PROGRAMS / serving[0]), *serving[1:], "--host", host, "--port", port],
            home / "sandbox.log",
            # It checks the signatures of results.
            {"UNDERWRITING_PARTNERS": machine.environment("api")["UNDERWRITING_PARTNERS"]},
        )
        containers = {name: machine.container(name) for name in (*ours(), "prefect")}
        try:
            outside.start()
            await started(machine, containers["prefect"])
            containers["setup"].start()
            await containers["setup"].succeed(PATIENCE)
            for name in LOGGING:
                containers[name].start()
            for name in LOGGING:
                await machine.healthy(containers[name])
            async with httpx.AsyncClient(timeout=30) as client:
                decision = await decided(machine, client)
                assert decision["verdict"] == "rejected"
                assert [reason["code"] for reason in decision["reasons"]] == ["credit_score_low"]
                await posted(machine, client, decision["id"])
                await client.get(f"http://127.0.0.1:{machine.ports['8400']}/v1/{USER}/underwriting/float_check")
                # Nobody without the operator's password.
                api = machine.environment("worker")["PREFECT_API_URL"]
                assert (await client.get(f"{api}/admin/version")).status_code == 401
            # Its example names no queue.
            containers["consumer"].start()
            with pytest.raises(ServiceFailed, match="no queue to consume; set UNDERWRITING_EVENTS_QUEUE_URL"):
                await containers["consumer"].succeed(PATIENCE)
        finally:
            for child in [*reversed(containers.values()), outside]:
                await child.stop(20)
        lines = [line for name in LOGGING for line in (home / f"{name}.log").read_text("utf-8").splitlines()]
        logged = [json.loads(line) for line in lines]
        assert all({"time", "level", "logger", "message"} <= line.keys() for line in logged)
        about = {line["logger"] for line in logged if line.get("application_id") == decision["id"]}
        assert {"underwriting.api.access", "prefect.task_runs"} <= about
        assert not [line for line in lines if CUSTOMER in line or USER in line], "no line has a customer's id"
        assert [place.name for place in (home / "srv").iterdir()] == ["prefect.yaml"]


async def started(machine: Machine, child: Child) -> None:
    """Start a container, and wait until it is healthy."""
    child.start()
    await machine.healthy(child)


async def decided(machine: Machine, client: httpx.AsyncClient) -> dict[str, Any]:
    """The record of an application that the worker decided."""
    api, mine = f"http://127.0.0.1:{machine.ports['8400']}", {"Authorization": f"Bearer {machine.token}"}
    consent = {"purpose": "credit_transaction", "consented_at": "2026-03-01T08:00:00Z"}
    applied = {"customer_id": CUSTOMER, "amount": "2500.00", "currency": "USD", "bureau_consent": consent}
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
