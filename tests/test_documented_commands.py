"""Every command of README and docs runs as it is written, beside a system that `underwriting up` has started.

Only what stands for something of the reader's own is replaced (`System.stands_for`): ids, folders, past dates.
`underwriting up` is started as installed; the others are forked from a process that has imported them.
A command that cannot be run here is listed in `NOT_RUN` with the reason.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from support.documents import PAGES, ROOT, page_name, shell_commands
from support.limit_store import held_policy
from support.preloaded_cli import preloaded

from underwriting.local import free_port

# Beginnings of commands, or whole ones.
NOT_RUN = {
    "make ": "takes minutes or changes the working copy; test_documentation.py checks that the target exists",
    "curl ": "requests are not commands of ours",
    "docker ": "needs Docker; tests/deployments checks the files",
    "terraform ": "needs an account at AWS; tests/deployments checks the files",
    "aws ": "needs an account at AWS",
    "cd deployments": "belongs to the commands for Docker",
    "cp .env.example": "belongs to the commands for Docker",
    "for example in env/": "belongs to the commands for Docker",
    ".venv/bin/pytest ": "a test that runs the tests",
    "prefect worker start": "runs until it is stopped; `underwriting up` has started one",
    "underwriting up": "runs until it is stopped; it is what this test begins with",
    "underwriting housekeeping": "runs until it is stopped; `underwriting up` has started one",
    "underwriting consume": "needs an SQS queue; tests/integrations/test_edges_consumer_process.py runs it",
    "underwriting audit restored": "needs a restored database; tests/flows/test_restored_store.py has one",
    "underwriting limits run --date 2026-11-23 --history s3:": "needs S3; test_limit_places.py reads it",
    "underwriting limits unseal ": "needs a sealed file; tests/limit_runs/test_limit_files.py has some",
    "underwriting roles | psql ": "needs psql; tests/store/test_store_roles.py runs the statements",
    "psql ": "needs psql; tests/store/test_store_roles.py has such roles",
    "underwriting retry ": "needs a quarantined application; tests/store/test_store_claims.py has one",
    "underwriting outbox redrive ": "needs a dead message; tests/store/test_store_outbox.py has one",
    "underwriting inbox redrive ": "needs a dead event; tests/cli/test_events_cli.py has one",
    "export UNDERWRITING_RULEBOOK": "is for a system of its own; tests/playground/berka reviews by that rulebook",
    "underwriting berka ": "needs the bank's files; tests/playground/berka has them where they are",
    "underwriting review berka-": "needs a system that was started with UNDERWRITING_RULEBOOK=berka",
}
# Named in a sentence without what it is about, which another command shows.
MENTIONED = {"underwriting explain", "underwriting replay", "underwriting lists clear", "underwriting rulebooks"}
DAY = datetime.now(UTC).date() - timedelta(days=2)
TIMEOUT_SECONDS = 120


class System:
    """A system that `underwriting up` runs in a folder of its own, with something for each command to be about."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ports = {f"UNDERWRITING_{name}_PORT": str(free_port()) for name in ("API", "PREFECT", "SANDBOX")}
        self.path = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
        state = {"UNDERWRITING_STATE_DIR": str(folder / "state"), "PATH": self.path, "COLUMNS": "80"}
        self.environment = {**os.environ, **ports, **state}
        self.api = f"http://127.0.0.1:{ports['UNDERWRITING_API_PORT']}"
        # Named for `deploy`, which would otherwise start a Prefect server of its own.
        prefect = {"PREFECT_API_URL": f"http://127.0.0.1:{ports['UNDERWRITING_PREFECT_PORT']}/api"}
        self.for_commands = {**self.environment, **prefect}
        self.preloaded = folder / "preloaded"

    def prepare(self) -> None:
        """Make what the commands are about."""
        self.history = self.folder / "history"
        self.run(f"underwriting histories generate {self.history} --users 300 --seed 1 --months 6 --end {DAY}")
        self.screening_lists()
        self.evaluation = json.loads(self.run("underwriting eligibility steady-pay --json"))["id"]
        self.run("underwriting eligibility listed-user")
        self.referred = json.loads(self.run("underwriting eligibility unscored --json"))["id"]
        self.incomplete = json.loads(self.run("underwriting review nobody --amount 500 --json"))["id"]
        self.rejected = json.loads(self.run("underwriting review underage --amount 500 --json"))["id"]
        (self.folder / "holds.yaml").write_text(held_policy().model_copy(update={"name": "holds"}).text)
        run = f"underwriting limits run --history {self.history} --date {DAY} --json --tenant"
        held = [self.run(f"{run} {each} --policy {self.folder / 'holds.yaml'}") for each in ("held", "held-too")]
        self.to_release = iter([json.loads(each)["run_id"] for each in held])
        applied = [self.run(f"{run} {each} --policy cfi --segment student") for each in ("applied", "again")]
        applied_ids = [json.loads(each)["run_id"] for each in applied]
        self.applied, self.to_roll_back = applied_ids[0], iter(applied_ids)

    def screening_lists(self) -> None:
        """OFAC's SDN list, and the same as its other lists."""
        sdn, consolidated = ROOT / "tests" / "screening" / "data" / "ofac", self.folder / "consolidated"
        consolidated.mkdir()
        for name, other in (("sdn", "prim"), ("add", "add"), ("alt", "alt")):
            shutil.copy(sdn / f"{name}.csv", consolidated / f"cons_{other}.csv")
        (self.folder / "cases.csv").write_text("schema,name1,name2,is_match\nPerson,Viggo Hansson,Hansson Viggo,True\n")

    def run(self, command: str, where: Path | None = None) -> str:
        """Run it in a shell, with "y" as the answer to any question; its standard output."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=where or self.folder,
            env={**self.for_commands, "PATH": f"{self.preloaded}:{self.path}"},
            input="y\n",
            text=True,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        assert done.returncode == 0, (
            f"{command}: exit code {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        )
        assert "Traceback" not in done.stderr, command
        return done.stdout

    def filled_in(self, command: str) -> str:
        """The command with something of this system in place of the reader's."""
        for pattern, replacement in self.stands_for.items():
            command = re.sub(pattern, replacement, command)
        return command

    @property
    def stands_for(self) -> dict[str, Callable[[re.Match[str]], str] | str]:
        """What replaces what the reader has to fill in: a pattern, and its replacement here."""
        data = ROOT / "tests" / "screening" / "data"
        return {
            r"/tmp/h\b|/data/h\b|/data/history\b|(?<=--history )DIR": str(self.history),
            r"(?<=histories generate )\S+": "generated",
            r"--users \d+": "--users 50",
            r"(?<=--since )\S+": str(DAY - timedelta(days=2)),
            r"(--date|--until|--end) 2026-\S+": rf"\g<1> {DAY}",
            r"(?<=load ofac )DIR": str(data / "ofac"),
            r"(?<=load consolidated )DIR": str(self.folder / "consolidated"),
            r"(?<=load internal )FILE": str(data / "block_list.csv"),
            r"CASES\.csv": str(self.folder / "cases.csv"),
            r"(?<=lists clear )TENANT USER": "sandbox listed-user",
            r"YYYY-MM-DD": str(DAY),
            # Each page that releases a run or rolls one back has one of its own.
            r"(?<=release )RUN_ID": lambda _: next(self.to_release),
            r"(?<=rollback )RUN_ID": lambda _: next(self.to_roll_back),
            r"RUN_ID": self.applied,
            r"CUSTOMER_ID": "good",
            r"withdraw prescreening(?= --note)": "withdraw prescreening --leave-none",
            r"(?<=--user )USER_ID": "u000000000",
            r"USER_ID": "steady-pay",
            r"(?<=purge )KIND --older-than MONTHS": "events --older-than 12",
            r"(?<=answer )ID": self.incomplete,
            r"(?<=decide )ID": self.referred,
            r"(?<=replay )ID(?= --rulebook right)": self.incomplete,
            r"(?<=notices show )ID|(?<=notices sent )ID": self.rejected,
            r"(?<=person export )ID|(?<=person erase )ID": "underage",
            r"\bID\b": self.evaluation,
            # One of several words, and what may be left out.
            r"(\w+)(?:\|\w+)+": lambda found: found[1],
            r"\[DIR\]": "",
            r"[\[\]]": "",
        }


def runnable(command: str) -> bool:
    return command not in MENTIONED and not command.startswith(tuple(NOT_RUN))


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    # Not pytest's folder: where root runs the tests, the database's user has to reach it.
    folder = Path(tempfile.mkdtemp(prefix="documented-"))
    system = System(folder)
    (folder / "prefect.yaml").symlink_to(ROOT / "prefect.yaml")
    with (folder / "up.log").open("w") as log:
        up = subprocess.Popen(["underwriting", "up"], cwd=folder, env=system.environment, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 400
        while "Everything runs" not in (said := (folder / "up.log").read_text()):
            assert up.poll() is None, said
            assert time.monotonic() < end, said
            time.sleep(0.2)
        assert httpx.get(f"{system.api}/health").is_success
        with preloaded(system.preloaded, system.for_commands):
            system.prepare()
            yield system
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


WITH_COMMANDS = [page for page in PAGES if any(map(runnable, shell_commands(page.read_text())))]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=page_name)
def test_every_command_of_the_page_runs(system: System, page: Path) -> None:
    where = Path(tempfile.mkdtemp(dir=system.folder))
    for name in (".venv", "rules", "prefect.yaml"):
        (where / name).symlink_to(ROOT / name)
    (where / "docs").mkdir()
    # What the reader has made of a shipped policy.
    shutil.copy(ROOT / "rules" / "policies" / "cfi.yaml", where / "mine.yaml")
    failed = []
    for command in filter(runnable, shell_commands(page.read_text())):
        try:
            system.run(system.filled_in(command), where)
        except AssertionError as error:
            failed.append(str(error))
    assert not failed, "\n\n".join(failed)


def test_every_command_that_is_not_run_is_in_a_page() -> None:
    commands = [command for page in PAGES for command in shell_commands(page.read_text())]
    assert [one for one in NOT_RUN if not any(command.startswith(one) for command in commands)] == []
    assert set(commands) >= MENTIONED


def test_commands_are_found_in_blocks_and_in_sentences() -> None:
    block = "```sh\ncp a b   # copies\ncurl x \\\n  -d '{\n  }'\n```\n"
    text = f"Say `underwriting up`, not `up`.\n{block}```\nno command\n```\n"
    assert list(shell_commands(text)) == ["cp a b", "curl x \\\n  -d '{\n  }'", "underwriting up"]
