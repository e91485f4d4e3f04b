"""`underwriting limits`: what a person at a shell sees and gets."""

import json
import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.databases import sqlite_database
from support.limit_store import held_policy
from typer.testing import CliRunner, Result

from rules.limits.policy import shipped_policies
from underwriting.cli import application
from underwriting.settings import Settings, settings


@pytest.fixture
def command_line(config: Settings, migrated_sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    (tmp_path / "db").mkdir()
    monkeypatch.setenv("UNDERWRITING_DATABASE_URL", sqlite_database(tmp_path / "db", migrated_sqlite))
    monkeypatch.setenv("COLUMNS", "200")
    settings.cache_clear()
    return CliRunner()


def limits(runner: CliRunner, *arguments: str, answer: str | None = None) -> Result:
    return runner.invoke(application("limits"), ["limits", *arguments], input=answer)


def holding(folder: Path) -> str:
    """The file of a policy whose guard holds every run that raises anybody."""
    (folder / "holds.yaml").write_text(held_policy().model_copy(update={"name": "holds"}).text)
    return str(folder / "holds.yaml")


def test_a_run_from_the_shell_and_what_can_be_done_with_it(
    command_line: CliRunner, history: Path, tmp_path: Path
) -> None:
    assert "of 240 users are new" in limits(command_line, "adopt", str(history / "current_limits.parquet")).output
    at = ["--date", "2025-08-31", "--history", str(history), "--policy", holding(tmp_path)]
    ran = limits(command_line, "run", *at, "--shards", "2", "--json")
    assert ran.exit_code == 0, ran.output
    run = json.loads(ran.stdout)
    assert run["state"] == "held"
    assert run["currency"] == "USD"
    assert run["totals"]["money_up_minor"] > 0
    released = limits(command_line, "release", run["run_id"], "--note", "looked at it")
    assert f"{run['run_id']} of 2025-08-31: applied" in released.output
    # What is true now: it is not held any more, and needs no next step.
    assert "the guard held it: " in released.output
    assert "the guard holds it" not in released.output
    assert "limits release" not in released.output
    told = limits(command_line, "status", run["run_id"]).output
    assert ": looked at it" in told
    rows = dict(line.split() for line in told.partition("───\n")[2].splitlines()[:5])
    assert rows.pop("all") == str(sum(map(int, rows.values()))) == "240", "the rows add up"
    exported = limits(command_line, "export", run["run_id"], str(tmp_path / "out"))
    moves = pq.read_table(tmp_path / "out" / "moves.parquet")
    assert f"{len(moves)} moves of" in exported.output
    assert len(moves) == sum(run["totals"][move] for move in ("raised", "lowered", "paused")) > 0
    assert len((tmp_path / "out" / "moves.csv").read_text().splitlines()) == len(moves) + 1
    assert {"before_minor", "after_minor", "target_minor", "affordability_cap_minor"} < set(moves.column_names)
    assert set(moves["currency"].to_pylist()) == {"USD"}
    asked = limits(command_line, "rollback", run["run_id"], answer="n\n")
    assert asked.exit_code == 2
    assert f"{len(moves)} profiles would change: those" in asked.stderr
    assert f"`underwriting limits rollback {run['run_id']} --yes` does not ask" in asked.stderr
    back = limits(command_line, "rollback", run["run_id"], answer="y\n")
    assert f"is rolled back: {len(moves)} profiles written" in back.output


def test_adopt_and_rollback_say_the_same_as_json(
    command_line: CliRunner, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(history / "current_limits.parquet")
    users = pq.read_metadata(file).num_rows
    for new in (users, 0):
        adopted = limits(command_line, "adopt", file, "--json")
        assert json.loads(adopted.stdout) == {"tenant": "sandbox", "users": users, "new": new}
    run = json.loads(limits(command_line, "run", "--history", str(history), "--date", "2025-08-31", "--json").stdout)
    if run["state"] == "held":
        limits(command_line, "release", run["run_id"], "--note", "looked at it")
    moved = sum(run["totals"][move] for move in ("raised", "lowered", "paused"))
    asked = limits(command_line, "rollback", run["run_id"], "--json", answer="")
    assert (asked.exit_code, asked.stdout.strip()) == (2, ""), "nobody is there to be asked"
    back = limits(command_line, "rollback", run["run_id"], "--yes", "--json")
    expected = {"run_id": run["run_id"], "state": "rolled_back", "written": moved, "overtaken": 0}
    assert (back.exit_code, json.loads(back.stdout)) == (0, expected)
    monkeypatch.setenv("COLUMNS", "80")
    listed = limits(command_line, "status").stdout
    whole = (run["run_id"], "2025-08-31", "rolled", "back", "240", "users", "raised", "lowered")
    assert [word for word in whole if word not in listed] == [], listed
    assert max(map(len, listed.splitlines())) <= 80


def test_runs_of_all_tenants_are_listed_as_status_counts_them(command_line: CliRunner, history: Path) -> None:
    run = ("run", "--history", str(history), "--date", "2025-08-31", "--json")
    theirs = json.loads(limits(command_line, *run, "--tenant", "globex").stdout)
    listed = json.loads(limits(command_line, "status", "--json").stdout)
    assert [(row["run_id"], row["tenant"]) for row in listed] == [(theirs["run_id"], "globex")]
    assert "  of globex" in limits(command_line, "status").stdout
    assert json.loads(limits(command_line, "status", "--tenant", "sandbox", "--json").stdout) == []


def test_a_file_with_one_bad_limit_is_refused_in_a_sentence_and_nothing_of_it_is_kept(
    command_line: CliRunner, tmp_path: Path
) -> None:
    def adopt(second: int | None) -> Result:
        columns = {"subject_id": ["ada", "bob"], "amount": [3_000, second], "raised_on": pa.nulls(2, pa.date32())}
        pq.write_table(pa.table(columns), tmp_path / "limits.parquet")
        return limits(command_line, "adopt", str(tmp_path / "limits.parquet"))

    for bad, why in ((None, "amount: empty; write a whole number"), (2_999, "2999 is no tier's amount")):
        refused = adopt(bad)
        assert refused.exit_code == 2
        assert f"limits.parquet, row 1 (from 0): {why}" in refused.stderr
    assert "2 of 2 users are new" in adopt(2_000).output


def test_two_policies_are_compared(
    command_line: CliRunner, few_users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["cfi", "cfi-cautious", "--history", str(few_users)]
    compared = limits(command_line, "compare", *arguments, "--date", "2025-08-31", "--into", str(tmp_path / "c"))
    assert compared.exit_code == 0, compared.output
    assert "users whose floats are paused are left out. Of 60 users 0 would have more" in compared.output
    assert {file.name for file in (tmp_path / "c").iterdir()} == {"comparison.png", "movers.csv", "movers.parquet"}
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    told = limits(command_line, "compare", *arguments, "--date", "2025-08-31").stdout
    folder = Path(told.splitlines()[-1].removeprefix("files: "))
    assert folder.parent == settings().limits_place
    assert (folder / "comparison.png").exists()
    assert list((tmp_path / "here").iterdir()) == [], "nothing is written where nobody asked for it"
    movers = set(pq.read_schema(tmp_path / "c" / "movers.parquet").names)
    assert {"before_minor", "after_first_minor", "after_second_minor", "difference_minor", "currency"} < movers
    assert not {name for name in movers if name.startswith("after") and not name.endswith("_minor")}


def test_a_limit_is_explained_with_run_time_reasons_and_facts(
    command_line: CliRunner, history: Path, tmp_path: Path
) -> None:
    at = ["--history", str(history), "--date", "2025-08-31", "--policy", holding(tmp_path)]
    limits(command_line, "adopt", str(history / "current_limits.parquet"))
    run = json.loads(limits(command_line, "run", *at, "--json").stdout)
    moves = pq.read_table(Path(run["folder"]) / "moves.parquet").to_pylist()
    lowered = next(move for move in moves if move["move"] == "lowered")
    user, code = lowered["subject_id"], lowered["reasons"].split()[0]
    before, after = (f"{minor / 100:,.2f} USD" for minor in (lowered["before_minor"], lowered["after_minor"]))

    def explained(*options: str, of: str = user) -> str:
        result = command_line.invoke(application("explain"), ["explain", of, *options])
        assert result.exit_code == 0, result.output
        return result.stdout

    waits = explained()
    assert f"{user}: the limit is {before}" in waits
    assert f"lowered from {before} to {after}; this did not take effect: the run is held" in waits
    moved = {move["subject_id"] for move in moves}
    adopted = pq.read_table(history / "current_limits.parquet").column("subject_id").to_pylist()
    stays = explained(of=next(each for each in adopted if each not in moved))
    assert re.search(r"unchanged at [0-9.,]+ USD; the run is held", stays)
    assert "take effect" not in stays
    limits(command_line, "release", run["run_id"], "--note", "looked at it")
    told = explained()
    assert f"{user}: the limit is {after}" in told
    assert (
        f"UTC  lowered from {before} to {after}: limit lowered, by run {run['run_id']} of 2025-08-31, holds v99" in told
    )
    assert f"  {code}: " in told
    assert f"{before}, says the system before this one; adopted by " in told
    required = [line.split() for line in told.splitlines() if " at least " in line and ", saw " in line]
    assert required
    assert {words[0] for words in required} <= {"x", "?", "+"}
    (change, first) = json.loads(explained("--json"))["changes"]
    assert (change["before_minor"], change["after_minor"]) == (lowered["before_minor"], lowered["after_minor"])
    assert [reason["code"] for reason in change["run"]["reasons"]] == lowered["reasons"].split()
    assert first["before_minor"] is None


def test_a_dry_run_of_one_user_prints_the_reason(command_line: CliRunner, history: Path) -> None:
    at = ["--history", str(history), "--date", "2025-08-31", "--dry-run"]
    users = pq.read_table(history / "current_limits.parquet")["subject_id"].to_pylist()
    user = sorted(users)[0]
    said = limits(command_line, "run", *at, "--user", user)
    assert said.exit_code == 0, said.output
    decided = json.loads(limits(command_line, "run", *at, "--user", user, "--json").stdout)["decision"]
    assert decided["before_minor"] == 20_00
    for reason in decided["reasons"]:
        assert f"  {reason['code']}: {reason['sentence']}" in said.stdout
    assert decided["facts"]["history_days"] is not None
    missing = limits(command_line, "run", *at, "--user", "nobody")
    assert (missing.exit_code, "the history has no user nobody" in missing.stderr) == (2, True)


def test_runs_are_listed_whole_at_80_columns(
    command_line: CliRunner, few_users: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    at = ["--history", str(few_users), "--date", "2025-08-31", "--user"]
    users = sorted(pq.read_table(few_users / "current_limits.parquet")["subject_id"].to_pylist())
    run = json.loads(limits(command_line, "run", *at, users[0], "--json").stdout)
    listed = limits(command_line, "status").stdout
    assert [run["run_id"], "2025-08-31", run["state"], "1", "0", "0"] in [line.split() for line in listed.splitlines()]
    assert f"cfi v4, user:{users[0]}" in listed
    assert max(map(len, listed.splitlines())) <= 80
    (as_json,) = json.loads(limits(command_line, "status", "--json").stdout)
    assert (as_json["run_id"], as_json["totals"]["users"]) == (run["run_id"], 1)


def changed_copy(name: str, folder: Path, **changes: object) -> str:
    """The shipped policy in a file of that name, with changes."""
    text = json.loads(shipped_policies()["cfi"].text)
    (folder / name).write_text(json.dumps({**text, **changes}))
    return str(folder / name)


def test_two_policies_of_one_name_and_version_are_told_apart_by_their_files(
    command_line: CliRunner, few_users: Path, tmp_path: Path
) -> None:
    step = shipped_policies()["cfi"].step.model_dump(mode="json")
    mine = changed_copy("mine.yaml", tmp_path, version=90)
    other = changed_copy("other.yaml", tmp_path, version=90, step=step | {"cool_down_days": 365, "min_on_time": 6})
    into = ["--into", str(tmp_path / "b"), "--json"]
    dates = ["--since", "2025-08-17", "--until", "2025-08-31"]
    result = limits(command_line, "backtest", mine, other, "--history", str(few_users), *dates, *into)
    found = json.loads(result.stdout)["policies"]
    assert list(found) == [f"cfi v90 ({mine})", f"cfi v90 ({other})"]
    first, second = ({month: one["raised"] for month, one in months.items()} for months in found.values())
    assert first["2025-08"] > second["2025-08"]


def test_a_policy_that_changes_and_keeps_its_version_is_refused(
    command_line: CliRunner, few_users: Path, tmp_path: Path
) -> None:
    at = ["--history", str(few_users), "--date", "2025-08-31"]
    cap = {"ceiling": "1", "first_runs": "1", "times": "100", "slack": "1"}
    guard = shipped_policies()["cfi"].guard.model_dump(mode="json") | {"share_raised": cap}
    shipped_otherwise = changed_copy("mine.yaml", tmp_path, guard=guard)
    for dry_run in ([], ["--dry-run"]):
        refused = limits(command_line, "run", *at, "--policy", shipped_otherwise, *dry_run)
        assert refused.exit_code == 2
        told = " ".join(refused.stderr.split())
        assert "cfi v4 is the shipped policy, and this one differs; raise `version`" in told
    assert limits(command_line, "run", *at, "--policy", changed_copy("mine.yaml", tmp_path, version=90)).exit_code == 0
    again = changed_copy("mine.yaml", tmp_path, version=90, guard=guard)
    for arguments in ([*at], [*at, "--dry-run"], [*at[:3], "2025-08-30"]):
        refused = limits(command_line, "run", *arguments, "--policy", again)
        assert refused.exit_code == 2
        assert "cfi v90 is another policy: run lim_" in refused.stderr


def test_a_backtest_of_two_policies_marks_the_months_that_are_not_settled(
    command_line: CliRunner, few_users: Path, tmp_path: Path
) -> None:
    arguments = ["cfi", "cfi-cautious", "--history", str(few_users), "--since", "2025-07-31", "--until", "2025-08-31"]
    result = limits(command_line, "backtest", *arguments, "--into", str(tmp_path / "b"))
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    (august,) = (line for line in lines if line.strip().startswith("2025-08"))
    (july,) = (line for line in lines if line.strip().startswith("2025-07"))
    assert "not settled yet" in august
    assert "not settled yet" not in july
    assert "* Not settled yet: " in result.stdout
    assert [line.startswith("   lost *") for line in lines if line.startswith("   lost")] == [False, True]
    rows = (tmp_path / "b" / "backtest.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * 2
    assert rows[1].startswith("cfi v4,2025-07-31,USD,60,")
    table = pd.read_csv(tmp_path / "b" / "backtest.csv")
    assert dict(zip(table["month"], table["settled"], strict=True))["2025-07-31"]
    assert not dict(zip(table["month"], table["settled"], strict=True))["2025-08-31"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "--date", "2025-08-31"], "name a history"),
        (["run", "--history", "nowhere"], "has no users/"),
        (["compare", "cfi", "cfi", "--history", "nowhere", "--date", "2025-08-31"], "both policies are cfi; name two"),
        (["run", "--history", "nowhere", "--policy", "mine"], "no policy is called mine"),
        (["run", "--history", "x", "--segment", "core", "--user", "u1"], "leave one of them out"),
        (
            ["run", "--history", "x", "--segment", "studnet"],
            "did you mean student? There are core, employer, new, plus",
        ),
        (["status", "lim_00000000000000000000000000"], "there is no limit run"),
        (["rollback", "lim_00000000000000000000000000"], "there is no limit run"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(command_line: CliRunner, arguments: list[str], says: str) -> None:
    refused = limits(command_line, *arguments)
    assert refused.exit_code == 2
    assert says in refused.output
