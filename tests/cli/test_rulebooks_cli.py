"""`underwriting rulebooks`: what is checked, published, withdrawn and in force."""

import getpass
import json
import sqlite3

import pytest
from support.shell import BOOK, Shell

from rules.core.yaml_text import as_yaml
from rules.eligibility.book import parse_eligibility_book
from rules.limits.policy import parse_policy, shipped_policies
from rules.prescreening.book import parse_rulebook, shipped_rulebooks


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
    for command in ("validate", "publish"):
        code, _, error = migrated.run("rulebooks", command, str(file))
        message = f"{file}:2: version: tiny v1 is published with another content; raise the version number"
        assert (code, error) == (2, f"underwriting: {message}\n")
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

    nobody = "no applicants: UNDERWRITING_RULEBOOK names prescreening"
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
    shown = migrated.run("rulebooks", "show", "tiny", "--version", "3")[1].splitlines()
    notes = [line.partition(f" by {getpass.getuser()}: ") for line in shown if line.startswith(("# with", "# rein"))]
    assert [(what.split()[1], note) for what, _, note in notes] == [
        ("withdrawn", "wrong age"),
        ("reinstated", "WHY"),
        ("withdrawn", "why"),
    ]
    listed = migrated.run("rulebooks", "list")[1]
    assert " tiny v3" in listed
    assert listed.count("withdrawn") == 3
    for name in ("tinny", "cfi"):
        assert migrated.run("rulebooks", "withdraw", name, "--note", "why")[0] == 2


def test_a_limit_policy_is_not_published_and_the_refusal_says_how_it_decides(migrated: Shell) -> None:
    file = migrated.folder / "mine.yaml"
    file.write_text(shipped_policies()["cfi"].text)
    for command in ("publish", "validate"):
        code, _, error = migrated.run("rulebooks", command, str(file))
        assert code == 2
        assert f"{file}: this is a limit policy. Only those that come with the program are published" in error


def test_the_last_book_that_decides_is_withdrawn_only_on_request(migrated: Shell) -> None:
    assert migrated.run("rulebooks", "publish")[0] == 0
    withdraw = ("rulebooks", "withdraw", "prescreening", "--note", "620 was meant")
    code, _, error = migrated.run(*withdraw)
    assert code == 2
    assert "no rulebook decides; publish the next version first, or add --leave-none" in error
    assert "prescreening" in migrated.run("rulebooks", "in-force")[1]
    assert migrated.run(*withdraw, "--leave-none")[0] == 0


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
        monkeypatch.delenv("COLUMNS")
        broken = set(migrated.run("rulebooks", command)[1].split()) - set(output.split())
        assert {word for word in broken if set(word) != {"─"}} == set()


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


@pytest.mark.parametrize("command", ["validate", "publish"])
def test_what_is_unusual_is_warned_of_and_stops_nothing(migrated: Shell, command: str) -> None:
    file = migrated.folder / "tiny.yaml"
    file.write_text(BOOK.replace("0.75", "0.92"))
    code, output, error = migrated.run("rulebooks", command, str(file))
    assert code == 0
    assert error.startswith(f"warning: {file}:11: rule NotListed: property grey_match_score: 0.92 misses")
    assert output.startswith("tiny v1")


def test_a_wrong_name_and_a_missing_note_are_told_together(migrated: Shell) -> None:
    code, _, error = migrated.run("rulebooks", "withdraw", "nope")
    assert code == 2
    assert "NAME: no rulebook is called nope" in error
    assert "--note is missing" in error


@pytest.mark.parametrize(("command", "published"), [("validate", True), ("publish", True), ("validate", False)])
def test_everything_that_is_wrong_in_any_file_is_listed_at_once(shell: Shell, command: str, published: bool) -> None:
    book = shipped_rulebooks()["prescreening"]
    if published:
        sqlite3.connect(shell.database).close()
        assert shell.run("migrate")[0] == 0
        assert shell.run("rulebooks", "publish")[0] == 0
    texts = {
        "unread": BOOK.replace("currency: USD", "currency: usd"),
        "unguarded": BOOK[: BOOK.index("  - fraud")].replace("tiny", "bare"),
        "changed": as_yaml(book.text, parse_rulebook).replace("max_age_days: 35", "max_age_days: 36"),
    }
    files = [shell.folder / f"{name}.yaml" for name in texts]
    for file, text in zip(files, texts.values(), strict=True):
        file.write_text(text)
    code, _, error = shell.run("rulebooks", command, *map(str, files))
    assert code == 2
    assert "unread.yaml:4: currency: usd is not possible here" in error
    assert "unguarded.yaml:7: stages: NotListed is missing" in error
    assert f"{book.ref} is published with another content; raise the version number" in error


def test_a_draft_is_not_compared_with_other_books_while_one_of_them_cannot_be_read(migrated: Shell) -> None:
    safety, users = migrated.folder / "safety.yaml", migrated.folder / "users.yaml"
    users.write_text(USERS_BOOK)
    safety.write_text(USERS_BOOK.replace("tiny-float", "tiny-safety").replace("currency: USD", "currency: usd"))
    code, _, error = migrated.run("rulebooks", "validate", str(users), str(safety))
    assert (code, error.count("usd is not possible here"), "users.yaml" in error) == (2, 1, False)
