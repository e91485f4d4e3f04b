"""The command line tells what is wrong in one sentence on standard error, with exit code 2, and stores nothing."""

import getpass
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from rules.core.yaml_text import as_yaml
from rules.eligibility.book import parse_eligibility_book
from rules.limits.policy import parse_policy, shipped_policies
from rules.prescreening.book import parse_rulebook
from underwriting.cli import COMMANDS, application, main
from underwriting.settings import settings

BOOK = """\
name: tiny
version: 1
product: loan
currency: USD
valid_from: 2026-01-01
terms: {annual_rate: 0.2, months: 12}
stages:
  - customer_information:
      - AdultApplicant: {min_age_years: 18}
  - fraud:
      - NotListed: {min_match_score: 0.92, grey_match_score: 0.75}
"""


class Shell:
    """Runs commands on a SQLite store of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "store.db"

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        result = CliRunner().invoke(application(arguments[0]), list(arguments))
        return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.setenv("UNDERWRITING_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("UNDERWRITING_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/store.db")
    monkeypatch.setenv("UNDERWRITING_API_PORT", "9")
    settings.cache_clear()
    (tmp_path / "tiny.yaml").write_text(BOOK)
    yield Shell(tmp_path)
    settings.cache_clear()


@pytest.fixture
def migrated(shell: Shell) -> Shell:
    sqlite3.connect(shell.database).close()
    assert shell.run("migrate")[0] == 0
    return shell


def test_every_command_has_help() -> None:
    for command in COMMANDS:
        result = CliRunner().invoke(application(command), [command, "--help"])
        assert result.exit_code == 0, command


def test_every_command_prints_json_when_asked() -> None:
    commands = dict(_commands(typer.main.get_command(application()), ()))
    without = {path for path, options in commands.items() if "--json" not in options}
    # These run other programs and write logs.
    assert without == {("demo",), ("up",), ("consume",), ("housekeeping",), ("deploy",)}


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


def test_a_sound_rulebook_is_said_to_be_sound(shell: Shell) -> None:
    code, output, _ = shell.run("rulebooks", "validate", f"{shell.folder}/tiny.yaml")
    assert (code, output) == (0, "tiny v1 is sound: 2 rules in 2 stages\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("min_age_years: 18", "min_age_years: 999"), "tiny.yaml:9: rule AdultApplicant: property min_age_years"),
        (("min_age_years", "min_age"), "did you mean min_age_years?"),
        (("AdultApplicant", "AdultAplicant"), "did you mean AdultApplicant?"),
        (("product: loan", "product: [loan"), "tiny.yaml:"),
    ],
)
def test_a_mistake_in_a_rulebook_is_placed(shell: Shell, change: tuple[str, str], message: str) -> None:
    (shell.folder / "tiny.yaml").write_text(BOOK.replace(*change))
    code, _, error = shell.run("rulebooks", "validate", f"{shell.folder}/tiny.yaml")
    assert code == 2
    assert message in error


def test_rulebooks_are_published_once_and_never_changed(migrated: Shell) -> None:
    file = migrated.folder / "tiny.yaml"
    assert "tiny v1: published" in migrated.run("rulebooks", "publish", str(file))[1]
    assert "is published already" in migrated.run("rulebooks", "publish", str(file))[1]
    file.write_text(BOOK.replace("18", "21"))
    code, _, error = migrated.run("rulebooks", "publish", str(file))
    assert code == 2
    assert "raise the version" in error
    assert "min_age_years" in migrated.run("rulebooks", "show", "tiny")[1]
    assert "tiny" in migrated.run("rulebooks", "list")[1]
    assert migrated.run("rulebooks", "show", "nothing")[0] == 2


USERS_BOOK = """\
name: tiny-float
version: 1
product: float
currency: USD
valid_from: 2026-01-01
applies_to: {experiment: {name: trial, arm: a, shares: {a: 1}}}
offers: [1000]
rules: [GoodStanding, NotListed: {min_match_score: 0.92, grey_match_score: 0.75}]
"""


@pytest.mark.parametrize("command", ["validate", "publish"])
def test_a_book_that_makes_no_sense_is_refused_and_not_stored(migrated: Shell, command: str) -> None:
    file = migrated.folder / "tiny.yaml"
    file.write_text(BOOK[: BOOK.index("  - fraud")])
    code, _, error = migrated.run("rulebooks", command, str(file))
    assert (code, "tiny.yaml:7: stages: NotListed is missing" in error) == (2, True)
    other = migrated.folder / "users.yaml"
    other.write_text(USERS_BOOK.replace("{experiment: {name: trial, arm: a, shares: {a: 1}}}", "{segments: [studnet]}"))
    code, _, error = migrated.run("rulebooks", command, str(other))
    assert (code, "users.yaml:6: applies_to: segments: row 1: no segment is called studnet" in error) == (2, True)
    assert "tiny" not in migrated.run("rulebooks", "list")[1]


def test_a_book_is_validated_beside_the_published_ones(migrated: Shell) -> None:
    file = migrated.folder / "users.yaml"
    file.write_text(USERS_BOOK)
    assert migrated.run("rulebooks", "publish", str(file))[0] == 0
    file.write_text(USERS_BOOK.replace("tiny-float", "tiny-other").replace("{a: 1}", "{a: 0.5}"))
    code, _, error = migrated.run("rulebooks", "validate", str(file))
    assert (code, "users.yaml:6: applies_to: experiment: shares: tiny-other v1 and tiny-float v1" in error) == (2, True)


def test_books_of_eligibility_are_validated_published_listed_and_shown(migrated: Shell) -> None:
    file = migrated.folder / "users.yaml"
    file.write_text(USERS_BOOK)
    assert migrated.run("rulebooks", "validate", str(file))[1] == "tiny-float v1 is sound: 2 rules\n"
    assert "tiny-float v1: published" in migrated.run("rulebooks", "publish", str(file))[1]
    assert '"offers":[1000]' in migrated.run("rulebooks", "show", "tiny-float", "--json")[1]
    assert "What users may take: floats" in migrated.run("rulebooks", "list")[1]
    # One name is of one kind.
    (migrated.folder / "tiny.yaml").write_text(BOOK.replace("name: tiny", "name: tiny-float"))
    assert migrated.run("rulebooks", "publish", f"{migrated.folder}/tiny.yaml")[0] == 2


def test_a_bad_version_is_withdrawn_and_an_earlier_one_is_in_force_again(migrated: Shell) -> None:
    file = migrated.folder / "tiny.yaml"
    for version in (1, 2, 3):
        file.write_text(BOOK.replace("version: 1", f"version: {version}").replace("18", str(20 + version)))
        assert migrated.run("rulebooks", "publish", str(file))[0] == 0

    def deciding() -> list[tuple[int, str]]:
        found = json.loads(migrated.run("rulebooks", "in-force", "--json")[1])
        assert all(each["by"] == getpass.getuser() and each["since"].startswith("20") for each in found)
        return [(each["version"], each["for"]) for each in found if each["name"] == "tiny"]

    nobody = "nobody: UNDERWRITING_RULEBOOK is prescreening"
    assert deciding() == [(3, nobody)]
    code, output, _ = migrated.run("rulebooks", "withdraw", "tiny", "--note", "wrong age")
    assert (code, output) == (0, "tiny v3 is withdrawn: it decides nothing any more\ntiny v2 is in force\n")
    assert deciding() == [(2, nobody)]
    # To publish the same content again puts nothing in force; the command that does is printed.
    output = migrated.run("rulebooks", "publish", str(file))[1]
    again = "underwriting rulebooks reinstate tiny --version 3 --note WHY"
    assert (
        output == f"tiny v3: is published already\n  tiny v2 is in force; to put this one in force again:\n  {again}\n"
    )
    assert migrated.run(*again.split()[1:])[1] == "tiny v3 is in force\n"
    assert migrated.run("rulebooks", "reinstate", "tiny", "--version", "1", "--note", "why")[1].splitlines() == [
        "tiny v3 is withdrawn: it decides nothing any more",
        "tiny v2 is withdrawn: it decides nothing any more",
        "tiny v1 is in force",
    ]
    output = migrated.run("rulebooks", "withdraw", "tiny", "--note", "why")[1]
    assert "No version of tiny is in force now." in output
    assert deciding() == []
    listed = migrated.run("rulebooks", "list")[1]
    assert " tiny v3" in listed
    assert listed.count("withdrawn") == 3
    for name in ("tinny", "cfi"):
        assert migrated.run("rulebooks", "withdraw", name, "--note", "why")[0] == 2


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


def test_a_limit_policy_is_not_published_and_the_refusal_says_how_it_decides(migrated: Shell) -> None:
    file = migrated.folder / "mine.yaml"
    file.write_text(shipped_policies()["cfi"].text)
    for command in ("publish", "validate"):
        code, _, error = migrated.run("rulebooks", command, str(file))
        assert code == 2
        assert f"{file}: this is a limit policy, which is not published: a limit run that names the file" in error


def test_the_last_book_that_decides_is_withdrawn_only_on_request(migrated: Shell) -> None:
    assert migrated.run("rulebooks", "publish")[0] == 0
    withdraw = ("rulebooks", "withdraw", "prescreening", "--note", "620 was meant")
    code, _, error = migrated.run(*withdraw)
    assert code == 2
    assert "no rulebook decides; publish the next version first, or add --leave-none" in error
    assert "prescreening" in migrated.run("rulebooks", "in-force")[1]
    assert migrated.run(*withdraw, "--leave-none")[0] == 0


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
        ("PARTNERS", "{sandbox: 1}", "UNDERWRITING_PARTNERS: this is no JSON;"),
        ("PARTNERS", '{"sandbox": 1}', "UNDERWRITING_PARTNERS.sandbox: write a JSON object;"),
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
    assert capsys.readouterr().err.startswith(f"underwriting: {why}")


def test_what_users_rely_on_cannot_be_withdrawn(migrated: Shell) -> None:
    assert migrated.run("rulebooks", "publish")[0] == 0
    code, _, error = migrated.run("rulebooks", "withdraw", "float-safety", "--note", "too strict")
    assert code == 2
    assert "float-standard v3 would decide without NotListed, which no rulebook may lack" in error
    found = {each["name"]: each["for"] for each in json.loads(migrated.run("rulebooks", "in-force", "--json")[1])}
    assert found["float-safety"] == "all users; has to pass"
    assert found["float-standard-variant"] == "20% of users: arm variant of float-standard-2026"
    assert found["prescreening"] == "all applicants"
    assert found["cfi"] == "all users with a limit"


@pytest.mark.parametrize("command", ["list", "in-force"])
@pytest.mark.parametrize("columns", ["80", None])
def test_tables_of_rulebooks_keep_names_and_dates_whole(
    migrated: Shell, monkeypatch: pytest.MonkeyPatch, command: str, columns: str | None
) -> None:
    assert migrated.run("rulebooks", "publish")[0] == 0
    monkeypatch.setenv("COLUMNS", columns) if columns else monkeypatch.delenv("COLUMNS", raising=False)
    output = migrated.run("rulebooks", command)[1]
    assert "…" not in output
    assert " float-standard-variant v3 " in output
    if columns:
        assert max(map(len, output.splitlines())) <= int(columns)


@pytest.mark.parametrize("name", ["prescreening", "float-standard", "loan-standard", "cfi"])
def test_a_version_is_shown_as_yaml_that_reads_back_to_it(migrated: Shell, name: str) -> None:
    assert migrated.run("rulebooks", "publish")[0] == 0
    text = migrated.run("rulebooks", "show", name)[1]
    canonical = migrated.run("rulebooks", "show", name, "--json")[1].strip()
    read = {"prescreening": parse_rulebook, "cfi": parse_policy}.get(name, parse_eligibility_book)
    assert read(text, "shown").text == canonical
    assert "{" not in text.partition("\nname: ")[0]
    assert f"\nname: {name}\nversion: " in text


def test_a_text_that_looks_like_a_number_stays_a_text() -> None:
    book = parse_eligibility_book(
        USERS_BOOK.replace("{experiment: {name: trial, arm: a, shares: {a: 1}}}", '{segments: ["2026", "true", "a b"]}')
    )
    shown = as_yaml(book.text, parse_eligibility_book)
    assert parse_eligibility_book(shown).ref == book.ref


def test_a_version_that_would_move_users_between_arms_is_not_published(migrated: Shell) -> None:
    file = migrated.folder / "users.yaml"
    of = "name: tiny-float\nversion: {}\n"
    first = USERS_BOOK.replace("{a: 1}", "{a: 0.2, b: 0.2}")
    file.write_text(first)
    assert migrated.run("rulebooks", "publish", str(file))[0] == 0
    file.write_text(first.replace(of.format(1), of.format(2)).replace("a: 0.2, b: 0.2", "a: 0.2, b: 0.1"))
    code, _, error = migrated.run("rulebooks", "publish", str(file))
    assert (code, "tiny-float v2 would move 10.00% of all users out of their arms of trial" in error) == (2, True)
    file.write_text(first.replace(of.format(1), of.format(2)).replace("a: 0.2, b: 0.2", "a: 0.4, b: 0.4"))
    assert migrated.run("rulebooks", "publish", str(file))[0] == 0
    # A book of the same experiment that is published alone has to agree with what stays.
    file.write_text(first.replace("tiny-float", "tiny-other").replace("a: 0.2, b: 0.2", "a: 0.5, b: 0.5"))
    code, _, error = migrated.run("rulebooks", "publish", str(file))
    assert (code, "different shares" in error) == (2, True)


def test_an_experiment_that_begins_again_has_its_users_back_in_their_arms(migrated: Shell) -> None:
    file = migrated.folder / "users.yaml"

    def publish(version: int, applies_to: str | None) -> tuple[int, str]:
        experiment = f"{{experiment: {{name: trial, arm: a, shares: {applies_to}}}}}"
        text = USERS_BOOK.replace("version: 1", f"version: {version}")
        line = next(line for line in text.splitlines(keepends=True) if line.startswith("applies_to"))
        file.write_text(text.replace(line, f"applies_to: {experiment}\n" if applies_to else ""))
        code, _, error = migrated.run("rulebooks", "publish", str(file))
        return code, error

    assert publish(1, "{a: 0.2, b: 0.8}")[0] == 0
    assert publish(2, None)[0] == 0
    code, error = publish(3, "{a: 0.8, b: 0.2}")
    assert (code, "tiny-float v3 would move 60.00% of all users out of their arms of trial" in error) == (2, True)
    assert publish(3, "{a: 0.2, b: 0.8}")[0] == 0


def test_a_version_of_an_experiment_that_is_published_already_is_not_compared_again(migrated: Shell) -> None:
    first, second = migrated.folder / "first.yaml", migrated.folder / "second.yaml"
    first.write_text(USERS_BOOK.replace("{a: 1}", "{a: 0.2, b: 0.2}"))
    second.write_text(USERS_BOOK.replace("{a: 1}", "{a: 0.4, b: 0.4}").replace("version: 1", "version: 2"))
    for file, answer in ((first, "published"), (second, "published"), (first, "is published already")):
        code, out, _ = migrated.run("rulebooks", "publish", str(file))
        assert (code, answer in out) == (0, True)


def test_books_that_disagree_on_an_experiment_are_refused_together(shell: Shell) -> None:
    one, other = shell.folder / "one.yaml", shell.folder / "other.yaml"
    one.write_text(USERS_BOOK)
    other.write_text(USERS_BOOK.replace("tiny-float", "tiny-other").replace("{a: 1}", "{a: 0.5}"))
    code, _, error = shell.run("rulebooks", "validate", str(one), str(other))
    assert (code, "different shares" in error) == (2, True)


def test_the_schema_and_the_catalogue_of_both_kinds(shell: Shell) -> None:
    assert '"stages"' in shell.run("rulebooks", "schema")[1]
    assert '"offers"' in shell.run("rulebooks", "schema", "--kind", "eligibility")[1]
    assert "#### CashAdvanceScore" in shell.run("rulebooks", "catalogue")[1]


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
