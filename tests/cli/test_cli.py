"""The command line tells what is wrong in one sentence on standard error, with exit code 2, and stores nothing."""

import json
import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from support.shell import Shell
from typer.testing import CliRunner

from underwriting.cli import COMMANDS, application, main
from underwriting.cli.person import this_person
from underwriting.settings import settings, unknown_variables


def test_every_command_has_help() -> None:
    for command in COMMANDS:
        result = CliRunner().invoke(application(command), [command, "--help"])
        assert result.exit_code == 0, command


def test_every_command_prints_json_when_asked() -> None:
    commands = dict(_commands(typer.main.get_command(application()), ()))
    without = {path for path, options in commands.items() if "--json" not in options}
    # These run other programs and write logs; `unseal` prints a file as it is.
    assert without == {("demo",), ("up",), ("consume",), ("housekeeping",), ("deploy",), ("limits", "unseal")}


def test_schema_and_catalogue_are_json_when_asked(shell: Shell) -> None:
    schema = json.loads(shell.run("rulebooks", "schema", "--json")[1])
    assert schema == json.loads(shell.run("rulebooks", "schema")[1])
    assert json.loads(shell.run("limits", "policies", "schema", "--json")[1])["title"]
    rules = {each["rule"]: each for each in json.loads(shell.run("rulebooks", "catalogue", "--json")[1])}
    assert rules["AdultApplicant"]["reads"] == ["age_years"]
    assert rules["AdultApplicant"]["properties"].keys() == {"min_age_years"}


def test_in_a_pipe_a_table_is_as_wide_as_its_content(migrated: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    migrated.run("rulebooks", "publish", f"{migrated.folder}/tiny.yaml")
    whose = "a-long-name-of-a-person-who-publishes" * 9
    monkeypatch.setattr("getpass.getuser", lambda: whose)
    migrated.run("rulebooks", "withdraw", "tiny", "--note", "why")
    told = migrated.run("rulebooks", "list")[1]
    assert whose in told, "nothing is cut or folded"
    head, _, *rows = told.splitlines()
    assert not any(line.endswith(" ") for line in (head, *rows))
    assert len(head) < 80, "a short line is not filled up"


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Every command below, with its options."""
    below = getattr(command, "commands", None)
    if below is None:
        yield path, [option for parameter in command.params for option in parameter.opts]
        return
    for name, each in below.items():
        yield from _commands(each, (*path, name))


def test_json_is_json_and_tables_are_whole(migrated: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    file = str(migrated.folder / "tiny.yaml")
    ref = {"name": "tiny", "version": 1}
    commands: dict[tuple[str, ...], object] = {
        ("rulebooks", "validate", file): [ref],
        ("rulebooks", "publish", file): [ref | {"new": True}],
        ("rulebooks", "withdraw", "tiny", "--note", "why"): {"withdrawn": [ref], "in_force": None},
        ("rulebooks", "reinstate", "tiny", "--version", "1", "--note", "why"): {"withdrawn": [], "in_force": ref},
        ("lists", "show"): [],
        ("lists", "matches"): [],
        ("notices", "due"): [],
        ("audit", "anchor"): {"seq": 3},
        ("audit", "verify"): {"entries": 3, "anchors": 1, "faults": []},
        ("outbox", "pending"): [],
        ("outbox", "redrive", "msg_1"): {"redriven": []},
    }
    for command, expected in commands.items():
        found = json.loads(migrated.run(*command, "--json")[1])
        assert _like(expected, found), (command, found)


def _like(expected: object, found: object) -> bool:
    """Whether what was found has at least what is expected."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(key in found and _like(each, found[key]) for key, each in expected.items())
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(_like, expected, found))
    return expected == found


def test_up_in_another_folder_makes_nothing_and_names_what_is_missing(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(shell.folder.iterdir())
    monkeypatch.chdir(shell.folder)
    for command in ("up", "demo"):
        code, _, error = shell.run(command)
        assert (code, error) == (
            2,
            "underwriting: there is no prefect.yaml here; go to the folder of the project first\n",
        )
    assert sorted(shell.folder.iterdir()) == before


@pytest.mark.parametrize("note", ["", "ok", "   "])
def test_a_note_that_says_nothing_is_refused(migrated: Shell, note: str) -> None:
    for command in (
        ("rulebooks", "withdraw", "tiny"),
        ("rulebooks", "reinstate", "tiny", "--version", "1"),
        ("lists", "clear", "acme", "ada"),
        ("limits", "release", "lim_01KAYB2M4Z5W8Q0V6T3R9N7XJC"),
    ):
        code, _, error = migrated.run(*command, "--note", note)
        assert code == 2
        assert "say why, in 3 characters or more" in " ".join(error.replace("│", " ").split())


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("API_QUOTA", "fast", "UNDERWRITING_API_QUOTA: 'fast' is no quota, such as 300/second"),
        ("API_PORT", "abc", "UNDERWRITING_API_PORT: write a whole number;"),
        ("LEASE_SECONDS", "0", "UNDERWRITING_LEASE_SECONDS: it has to be greater than 0;"),
        (
            "PARTNERS",
            "{sandbox: 1}",
            "UNDERWRITING_PARTNERS: this is no JSON at line 1, column 2; write some ",
        ),
        ("DATABASE_URL", "mysql://x", "UNDERWRITING_DATABASE_URL: must start with postgresql+asyncpg://"),
        (
            "CREDITORS",
            '{"acme": {"nam": "x", "address": "Main Street 1", "agency": {"name": "CFPB", "address": 5}}}',
            "UNDERWRITING_CREDITORS.acme.name: is missing; write text; "
            "UNDERWRITING_CREDITORS.acme.agency.address: is a number; write text; "
            "UNDERWRITING_CREDITORS.acme.nam: there is no such member; did you mean name? there are address, agency, ",
        ),
        (
            "PARTNERS",
            '{"acme": {"results_url": "http://acme.example/results", "signing_secret": "c2VjcmV0"}}',
            "UNDERWRITING_PARTNERS.acme.results_url: must start with https://; http:// is only for",
        ),
        (
            "BUREAU_URL",
            "http://bureau.example",
            "UNDERWRITING_BUREAU_URL: must start with https://; http:// is only",
        ),
        (
            "ACCOUNTS_URL",
            "ftp://papers",
            "UNDERWRITING_ACCOUNTS_URL: must start with https:// or s3://;",
        ),
        (
            "SOURCE_TOKENS",
            '{"bank": "x"}',
            "UNDERWRITING_SOURCE_TOKENS: there is no service bank; name one of users,",
        ),
        ("SOURCE_TOKENS", '{"users": "x", "loans": "x"}', "UNDERWRITING_SOURCE_TOKENS: users and loans have the same"),
        ("SOURCE_TOKENS", '{"users": "change-me"}', "UNDERWRITING_SOURCE_TOKENS: this is the example's secret"),
        (
            "SOURCES_TOKEN",
            "x",
            "UNDERWRITING_SOURCES_TOKEN: every service has a token of its own now:",
        ),
        (
            "PARTNERS",
            '{"sandbox": 1}',
            "UNDERWRITING_PARTNERS.sandbox: is a number; write an object with results_url and",
        ),
    ],
)
def test_a_wrong_setting_is_named_by_its_variable(
    shell: Shell,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    why: str,
) -> None:
    monkeypatch.setenv(f"UNDERWRITING_{name}", value)
    monkeypatch.setattr("sys.argv", ["underwriting", "status"])
    settings.cache_clear()
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith(f"underwriting: {why}")
    assert told.endswith("docs/settings.md explains each setting\n")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("UNDERWRITING_DATABSE_URL", "; did you mean UNDERWRITING_DATABASE_URL?"),
        ("UNDERWRITING_PARTNER__acme", "; did you mean UNDERWRITING_PARTNERS?"),
        ("UNDERWRITING_NOSUCH", "; docs/settings.md lists them"),
        ("UNDERWRITING_PARTNERS__acme", None),
        ("underwriting_api_port", None),
        ("UNDERWRITING_TOKEN", None),
        ("UNDERWRITINGS", None),
    ],
)
def test_a_variable_that_is_no_setting_is_said_to_be_ignored(name: str, says: str | None) -> None:
    assert unknown_variables([name]) == ([f"There is no setting {name}, so it is ignored{says}"] if says else [])


def test_a_database_that_is_not_migrated_is_refused_with_the_command_to_run(shell: Shell) -> None:
    sqlite3.connect(shell.database).close()
    code, _, error = shell.run("rulebooks", "list")
    assert code == 2
    assert "underwriting migrate" in error


def test_the_audit_log_is_anchored_verified_and_found_out(migrated: Shell) -> None:
    migrated.run("rulebooks", "publish", f"{migrated.folder}/tiny.yaml")
    assert migrated.run("audit", "anchor")[0] == 0
    assert "as they were written" in migrated.run("audit", "verify")[1]
    with sqlite3.connect(migrated.database) as connection:
        connection.execute("UPDATE audit SET actor = 'mallory'")
    connection.close()
    code, output, _ = migrated.run("audit", "verify")
    assert code == 1
    assert "its content was changed" in output


def test_a_restore_is_named_by_the_audit_log_and_noted_by_a_person(migrated: Shell) -> None:
    for number in (1, 2):
        book = (migrated.folder / "tiny.yaml").read_text().replace("version: 1", f"version: {number}")
        (migrated.folder / f"tiny-{number}.yaml").write_text(book)
    migrated.run("rulebooks", "publish", f"{migrated.folder}/tiny-1.yaml")
    assert migrated.run("audit", "restored", "--note", "the disk died")[0] == 2, "nothing was anchored"
    backup = migrated.database.read_bytes()
    migrated.run("rulebooks", "publish", f"{migrated.folder}/tiny-2.yaml")
    migrated.run("audit", "anchor")
    migrated.database.write_bytes(backup)
    code, output, _ = migrated.run("audit", "verify")
    assert (code, output) == (1, "entry 2: was anchored, and is gone\n")
    code, output, error = migrated.run("audit", "restored", "--note", "the disk died")
    assert (code, output) == (0, "entries 2 to 2 are noted as lost, and entry 3 is anchored\n"), error
    migrated.run("rulebooks", "publish", f"{migrated.folder}/tiny-2.yaml")
    code, output, _ = migrated.run("audit", "verify")
    assert code == 0, output
    assert "entries 2 to 2 were lost by a restore, noted 20" in output
    assert output.endswith("the other entries up to 4 are as they were written; 2 anchors agree\n")
    code, output, _ = migrated.run("audit", "verify", "--json")
    assert [each["note"] for each in json.loads(output)["restores"]] == ["the disk died"]
    code, _, error = migrated.run("audit", "restored", "--note", "once more")
    assert (code, "entry 3 is there" in error) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["good", "--amount", "12.345"], "finer than the currency's 2 decimal places"),
        (["good", "--amount", "0"], "more than zero"),
        (["good", "--amount", "5", "--currency", "ZZZ"], "currency"),
        (["a b", "--amount", "5"], "'a b' is no customer's id: 1 to 64 letters"),
        (["good", "--amount", "5", "--as-of", "yesterday"], "--as-of"),
        (["good", "--amount", "5"], "start it by `underwriting up`"),
    ],
)
def test_an_application_that_cannot_be_sent_says_why(shell: Shell, arguments: list[str], message: str) -> None:
    code, _, error = shell.run("review", *arguments)
    assert code == 2
    assert message in error


@pytest.mark.parametrize("arguments", [["steady-pay"], ["steady-pay", "--product", "all", "--json"]])
def test_a_check_without_an_api_says_how_to_start_one(shell: Shell, arguments: list[str]) -> None:
    code, output, error = shell.run("eligibility", *arguments)
    assert (code, output) == (2, "")
    assert "start it by `underwriting up`" in error


@pytest.mark.parametrize(
    "command",
    [
        "lists show",
        "lists matches",
        "inbox pending",
        "inbox dead",
        "outbox pending",
        "outbox dead",
        "notices due",
        "status referred",
        "status customers",
        "status quarantined",
        "rulebooks list",
        "rulebooks in-force",
        "limits status",
    ],
)
def test_an_empty_list_is_a_sentence(migrated: Shell, command: str) -> None:
    code, told, _ = migrated.run(*command.split())
    assert code == 0
    assert re.fullmatch(r"(No|Nothing|There is no) .+\n", told), told
    assert json.loads(migrated.run(*command.split(), "--json")[1]) == []


def test_only_what_failed_can_be_put_back(migrated: Shell) -> None:
    code, _, error = migrated.run("retry", "app_01M80EPG3307PDZ5KXDJ7ZTQ3T")
    assert code == 2
    assert "there is no application" in error


def test_nothing_dead_is_nothing_to_redrive(migrated: Shell) -> None:
    assert migrated.run("outbox", "dead")[0] == 0
    code, _, error = migrated.run("outbox", "redrive", "msg_x")
    assert code == 2
    assert "msg_x" in error


def test_reseal_reports_what_it_did(migrated: Shell) -> None:
    assert migrated.run("reseal")[1] == "0 values are sealed anew\n"


def test_everything_that_is_wrong_with_a_decision_is_said_at_once(migrated: Shell) -> None:
    application_id = "app_01KAYB2M4Z5W8Q0V6T3R9N7XJC"
    decide = ("decide", application_id, "rejected", "--note", "…", "--reason", "income_lo", "--up-to", "5")
    code, _, error = migrated.run(*decide, "--clears-match")
    assert (code, error.removeprefix("underwriting: ").strip().split("; ")) == (
        2,
        [
            "--note: say why, in 3 characters or more",
            "--reason: income_lo is no reason that a person may give",
            "did you mean income_low?",
            "--up-to: an application is approved as it was applied for: leave it out",
            "--clears-match: a rejection clears no match with a list: leave it out",
        ],
    )
    code, _, error = migrated.run("decide", application_id, "rejected", "--note", "seen")
    assert (code, error.startswith("underwriting: --reason: a rejection needs its reasons")) == (2, True)
    assert "`underwriting rulebooks reasons` lists them" in error
    code, _, error = migrated.run("decide", application_id, "approved", "--note", "seen")
    assert (code, error) == (2, f"underwriting: there is no application {application_id}\n")


def test_who_has_no_name_is_noted_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_123)
    assert this_person() == "uid 4000000123"
    monkeypatch.setenv("LOGNAME", "nobody")
    assert this_person() == "account nobody"


def test_a_release_without_a_note_names_the_option_and_a_wrong_run(migrated: Shell) -> None:
    code, output, error = migrated.run("limits", "release", "lim_x")
    assert (code, output) == (2, "")
    assert "RUN_ID: there is no limit run lim_x" in " ".join(error.split())
    assert "--note is missing" in error


def test_a_refusal_that_needs_no_progress_bar_has_no_empty_line(migrated: Shell) -> None:
    for words in (("limits", "status", "lim_x"), ("limits", "run", "--date", "2999-01-01", "--history", "/nowhere")):
        code, output, error = migrated.run(*words)
        assert (code, output) == (2, "")
        assert error.startswith("underwriting: ")
        assert all(error.splitlines()), error


def test_a_setting_that_names_no_shipped_policy_is_told_which_there_are(
    migrated: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("nope", "mine.yaml"):
        monkeypatch.setenv("UNDERWRITING_LIMIT_POLICY", name)
        settings.cache_clear()
        code, _, error = migrated.run("rulebooks", "in-force")
        wanted = f"UNDERWRITING_LIMIT_POLICY: no policy that comes with the program is called {name}; there are cfi and"
        assert (code, wanted in " ".join(error.split())) == (2, True), error
