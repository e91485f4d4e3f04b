"""`explain` and `replay` on a store: in words, and with a drift that is named."""

import asyncio
import json
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.databases import sqlite_database
from support.evaluated import claimed_check, finish_check
from support.judged_users import BOOKS, judged
from support.reviews import NOW, claim, claimed, decision, results
from typer.testing import CliRunner

from rules.facts.terms import fact_terms
from rules.limits.policy import LimitPolicy, shipped_policies
from rules.limits.tiers import CURRENCY, TIERS
from rules.prescreening.book import shipped_rulebooks
from underwriting import referrals
from underwriting.cli import application
from underwriting.decision_basis import affordability_cap
from underwriting.domain.decision import FactValue, Verdict
from underwriting.domain.money import amount_text
from underwriting.rulebook_cache import digest_of
from underwriting.settings import settings
from underwriting.store import claims, decisions, profiles, rulebooks
from underwriting.store.keyfile import keyring
from underwriting.store.models import RulebookKind
from underwriting.store.session import Store

STANDARD = Path(__file__).parents[2] / "rules" / "rulebooks" / "eligibility" / "float-standard.yaml"


class Shell:
    """Runs commands on a SQLite store with the shipped books and one evaluation of a user."""

    def __init__(self, database: Path) -> None:
        self.database = database

    def run(self, *arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(application(arguments[0]), list(arguments))
        return result.exit_code, result.stdout + result.stderr

    def evaluated(self, policy: LimitPolicy | None = None, **facts: FactValue) -> str:
        """The id of an evaluation of a user with these facts, by the shipped limit policy or another."""

        async def run() -> str:
            config = settings()
            async with Store.open(config.database_url, keyring(config)) as store:
                async with store.begin() as work:
                    for book in BOOKS:
                        kind = RulebookKind.ELIGIBILITY
                        await rulebooks.publish(work, book.ref, book.product, book.text, "test", kind)
                    await profiles.on_first_contact(work, "acme", "ada", NOW, CURRENCY, TIERS)
                async with store.read() as work:
                    today = datetime.now(UTC).date()
                    in_force = await rulebooks.current_set(work, RulebookKind.ELIGIBILITY, BOOKS[0].product, today)
                decides = policy or shipped_policies()[config.limit_policy]
                cap = affordability_cap(decides, judged(**facts).facts)
                result = judged(cap=cap, **facts).model_copy(
                    update={"policy": decides.ref, "fact_terms": fact_terms().ref}
                )
                record = await finish_check(store, await claimed_check(store), result, digest_of(in_force, decides))
            return record.id

        return asyncio.run(run())

    def decides(self, evaluation_id: str, verdict: Verdict, note: str) -> datetime:
        """A person decides a referred evaluation; when."""

        async def run() -> datetime:
            config = settings().model_copy(update={"evaluation_hours": 24.0 * 10_000})
            async with Store.open(config.database_url, keyring(config)) as store, store.begin() as work:
                record = await referrals.decide_evaluation(
                    work, config, evaluation_id, verdict, tenant="acme", note=note, decided_by="ann"
                )
            return record.decided_at or NOW

        return asyncio.run(run())

    def referred_and_decided(self, verdict: Verdict, note: str) -> tuple[str, datetime]:
        """The id of an application that the rulebook referred and a person decided; when."""
        book = shipped_rulebooks()["prescreening"]

        async def run() -> tuple[str, datetime]:
            config, now = settings(), datetime.now(UTC)
            async with Store.open(config.database_url, keyring(config)) as store:
                async with store.begin() as work:
                    await rulebooks.publish(work, book.ref, book.product, book.text, "test")
                owned = await claimed(store)
                referral = decision(owned.subject).model_copy(update={"rulebook": book.ref})
                async with store.begin() as work:
                    await decisions.finish(work, owned, results(), referral, ())
                async with store.begin() as work:
                    await referrals.decide_application(
                        work, config, owned.subject.id, verdict, tenant=None, note=note, decided_by="ann"
                    )
                async with store.read() as work:
                    made = await decisions.history(work, owned.subject.id)
            return owned.subject.id, made[-1].decided_at or now

        return asyncio.run(run())

    def quarantined(self) -> str:
        """The id of an application whose only attempt failed."""

        async def run() -> str:
            async with Store.open(settings().database_url, keyring(settings())) as store:
                owned = await claimed(store)
                async with store.begin() as work:
                    await claims.give_back(work, owned, -timedelta(seconds=1), ValueError())
                assert await claim(store, owned.subject.id, max_attempts=1) is None
            return owned.subject.id

        return asyncio.run(run())

    def publish(self, policy: LimitPolicy) -> None:
        """As the shipped policies were published before they changed."""

        async def run() -> None:
            async with Store.open(settings().database_url, keyring(settings())) as store, store.begin() as work:
                await rulebooks.publish(work, policy.ref, policy.product, policy.text, "test", RulebookKind.LIMITS)

        asyncio.run(run())

    def change(self, statement: str, *values: object) -> None:
        """What no program of ours would do."""
        with sqlite3.connect(self.database) as connection:
            connection.execute(statement, values)
        connection.close()

    def body(self) -> bytes:
        """What is stored of the one evaluation."""
        with sqlite3.connect(self.database) as connection:
            (body,) = connection.execute("SELECT body FROM eligibilities").fetchone()
        connection.close()
        return bytes(body)


@pytest.fixture
def shell(tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.setenv("UNDERWRITING_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("UNDERWRITING_DATABASE_URL", sqlite_database(tmp_path, migrated_sqlite))
    settings.cache_clear()
    yield Shell(tmp_path / "store.db")
    settings.cache_clear()


def test_a_rejection_is_explained_in_words(shell: Shell) -> None:
    code, told = shell.run("explain", shell.evaluated(monthly_income=299_99, list_match_score=None))
    assert code == 0
    assert "rejected" in told
    assert "x MinimumIncome: The income of a month is high enough." in told
    assert "asks min_monthly = 300.00 USD, saw monthly_income = 299.99 USD" in told
    assert "would pass with monthly_income at least 300.00 USD" in told
    assert "list_match_score might settle it; passes with list_match_score below 0.75" in told
    assert "Nearest to an approval:" in told
    assert told.index("? NotListed") < told.index("+ GoodStanding"), "of a book, what did not pass comes first"


def test_the_log_says_what_was_tried(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    evaluation_id = shell.evaluated()
    code, told = shell.run("explain", evaluation_id, "--log")
    assert code == 0
    assert max(map(len, told.splitlines())) <= 80
    text = " ".join(told.split())
    for line in ("attempt 1 on ", "attempt 1 decided", "approved by rulebook"):
        assert line in text
    log = json.loads(shell.run("explain", evaluation_id, "--log", "--json")[1])
    assert [entry["what"] for entry in log["entries"]] == ["received", "began", "ended", "decided"]
    assert shell.run("explain", "ada", "--log") == (
        2,
        "underwriting: ada is no application and no evaluation: only these have a log\n",
    )


def test_an_explanation_says_what_its_marks_mean_and_keeps_its_indentation(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    evaluation_id = shell.evaluated(monthly_income=299_99, list_match_score=None)
    lines = shell.run("explain", evaluation_id)[1].splitlines()
    assert "x failed, ? unknown, + passed" in lines
    assert max(map(len, lines)) <= 80
    rules = lines[lines.index("x failed, ? unknown, + passed") :]
    begun = ("  x ", "  ? ", "  + ", "    ", "  float-", "float-", "Nearest", "x failed")
    assert [line for line in rules if line and not line.startswith(begun)] == [], (
        "what is broken goes on below its text"
    )


def test_what_was_given_up_leads_to_its_log(shell: Shell) -> None:
    application_id = shell.quarantined()
    way = f"underwriting explain {application_id} --log"
    assert way in shell.run("status", "quarantined")[1]
    assert way in shell.run("explain", application_id)[1]
    code, told = shell.run("explain", application_id, "--log")
    assert (code, told.count("attempt 1 failed, ValueError"), told.count("quarantined by system")) == (0, 1, 1)
    assert shell.run("retry", application_id)[0] == 0
    assert application_id not in shell.run("status", "quarantined")[1]
    state = json.loads(shell.run("status", "--json")[1])
    assert (state["applications"]["count"], state["applications_quarantined"]["count"]) == (1, 0)


def test_an_approval_is_explained_too(shell: Shell) -> None:
    code, told = shell.run("explain", shell.evaluated())
    assert code == 0
    assert "approved" in told
    assert "may take 10.00 USD, 20.00 USD" in told
    assert "Nearest" not in told


def test_a_persons_decision_on_an_evaluation_is_named_with_person_time_and_note(shell: Shell) -> None:
    evaluation_id = shell.evaluated(feed_age_hours=None)
    decided_at = shell.decides(evaluation_id, Verdict.APPROVED, "saw the payslip")
    code, told = shell.run("explain", evaluation_id)
    assert code == 0
    assert f"{evaluation_id}: float as of {NOW.date()}: approved" in told
    assert f"{decided_at:%Y-%m-%d %H:%M} UTC  approved by ann: saw the payslip" in told
    assert "referred by" in told or "UTC  referred" in told
    explained = json.loads(shell.run("explain", evaluation_id, "--json")[1])
    assert [each["verdict"] for each in explained["decisions"]] == ["referred", "approved"]
    assert (explained["decisions"][1]["by"], explained["decisions"][1]["note"]) == ("ann", "saw the payslip")
    (open_rule,) = {rule["rule"] for rule in explained["rules"] if rule["result"] == "unknown"} & {"FeedFreshness"}
    assert open_rule
    assert explained["record"]["id"] == evaluation_id
    # The moments have one form.
    moments = [each["decided_at"] for each in explained["decisions"]]
    assert explained["record"]["decided_at"] in moments
    assert all(re.fullmatch(r"[0-9-]{10}T[0-9:.]+Z", moment) for moment in moments)


def test_a_persons_decision_on_an_application_is_named_with_person_time_and_note(shell: Shell) -> None:
    application_id, decided_at = shell.referred_and_decided(Verdict.APPROVED, "known for years")
    code, told = shell.run("explain", application_id)
    assert code == 0
    lines = told.splitlines()
    assert lines[0] == f"{application_id}: approved"
    assert lines[1] == f"  {decided_at:%Y-%m-%d %H:%M} UTC  approved by ann: known for years"
    assert (
        lines[2]
        == f"  {NOW:%Y-%m-%d %H:%M} UTC  referred by prescreening v{shipped_rulebooks()['prescreening'].version}"
    )
    explained = json.loads(shell.run("explain", application_id, "--json")[1])
    assert [each["by"] for each in explained["decisions"]] == ["rulebook", "ann"]
    assert explained["decisions"][1]["note"] == "known for years"


@pytest.mark.parametrize(
    ("subject_id", "says"),
    [
        ("lim_01KAYB2M4Z5W8Q0V6T3R9N7XJC", "`underwriting limits status lim_01KAYB2M4Z5W8Q0V6T3R9N7XJC` shows it"),
        ("nobody", "nobody is no evaluation or application, and sandbox has no user of this id with a limit"),
    ],
)
def test_an_id_of_something_else_is_refused_with_the_next_step(shell: Shell, subject_id: str, says: str) -> None:
    code, told = shell.run("explain", subject_id)
    assert code == 2
    assert says in told


def test_the_same_answer_comes_again(shell: Shell) -> None:
    code, told = shell.run("replay", shell.evaluated(monthly_income=299_99))
    assert (code, told.splitlines()[0][:21]) == (0, "same answer: rejected")
    assert "rule:" not in told


def test_another_set_of_books_is_named_and_the_answer_stands(shell: Shell) -> None:
    evaluation_id = shell.evaluated()
    newer = json.loads(BOOKS[0].text) | {"version": BOOKS[0].version + 1}
    book = shell.database.parent / "newer.yaml"
    book.write_text(json.dumps(newer))
    assert shell.run("rulebooks", "publish", str(book))[0] == 0
    code, told = shell.run("replay", evaluation_id)
    assert code == 0
    assert "rule: other rulebooks, another limit policy or other numbers in the facts are in force today" in told


def test_other_numbers_in_the_facts_are_named_and_the_answer_stands(shell: Shell) -> None:
    evaluation_id = shell.evaluated()
    body, ref = shell.body(), fact_terms().ref
    other = body.replace(ref.digest.encode(), b"0" * 64)
    assert other != body, "the evaluation names the numbers that its facts rest on"
    shell.change("UPDATE eligibilities SET body = ?", other)
    code, told = shell.run("replay", evaluation_id)
    rested = (
        f"rule: facts rest on {ref} with digest {ref.digest[:12]} today, and rested on {ref} with 000000000000 then"
    )
    assert (code, rested in told) == (0, True)


def test_a_limit_policy_that_is_not_what_it_was_is_rule_drift(shell: Shell) -> None:
    evaluation_id = shell.evaluated()
    body = shell.body()
    ref = shipped_policies()["cfi"].ref
    other = body.replace(ref.digest.encode(), b"0" * 64)
    assert other != body, "the evaluation names the policy behind its cap"
    shell.change("UPDATE eligibilities SET body = ?", other)
    code, told = shell.run("replay", evaluation_id)
    assert (code, f"rule drift: {ref} judged, and is not published any more" in told) == (1, True)
    assert shell.run("rulebooks", "publish")[0] == 0
    code, told = shell.run("replay", evaluation_id)
    assert (code, f"rule drift: {ref} judged with digest 000000000000, and has {ref.digest[:12]} now" in told) == (
        1,
        True,
    )


def test_an_evaluation_by_an_earlier_limit_policy_is_replayed_by_its_text(shell: Shell) -> None:
    now = shipped_policies()["cfi"]
    less = now.affordability.model_dump(mode="json") | {"base_share": "0.01", "health_share": "0.01"}
    then = now.model_copy(update={"version": 1, "affordability": less})
    evaluation_id = shell.evaluated(then)
    code, told = shell.run("replay", evaluation_id)
    assert (code, f"rule drift: {then.ref} judged, and is not published any more" in told) == (1, True)
    shell.publish(then)
    code, told = shell.run("replay", evaluation_id)
    assert (code, told.splitlines()[0][:11]) == (0, "same answer")
    assert f"rule: {now.ref} says what is affordable today, and {then.ref} said it then" in told
    caps = (affordability_cap(policy, judged().facts) for policy in (now, then))
    allows, allowed = (amount_text(cap or 0, CURRENCY) for cap in caps)
    assert f"rule: the limit policy in force today allows {allows}, and allowed {allowed} then" in told


def test_a_cap_that_the_policy_does_not_give_any_more_is_code_drift(shell: Shell) -> None:
    evaluation_id = shell.evaluated()
    body = shell.body()
    cap = b'"affordability_cap":"%b"' % json.loads(body)["affordability_cap"].encode()
    shell.change("UPDATE eligibilities SET body = ?", body.replace(cap, b'"affordability_cap":"999.00"'))
    code, told = shell.run("replay", evaluation_id)
    assert (code, "affordability_cap: 999.00 USD then" in told) == (1, True)


def test_a_book_that_is_not_what_it_was_is_rule_drift(shell: Shell) -> None:
    evaluation_id = shell.evaluated()
    shell.change("UPDATE rulebooks SET text = replace(text, ?, ?)", '"priority":10', '"priority":11')
    code, told = shell.run("replay", evaluation_id)
    assert code == 1
    assert "rule drift: float-stringent v3 judged with digest" in told


def test_another_answer_of_the_same_facts_and_books_is_code_drift(shell: Shell) -> None:
    """As if the program of then had said something else: its stored verdict is changed."""
    evaluation_id = shell.evaluated()
    body = shell.body()
    shell.change("UPDATE eligibilities SET body = ?", body.replace(b'"verdict":"approved"', b'"verdict":"referred"'))
    code, told = shell.run("replay", evaluation_id)
    assert code == 1
    assert "code drift: the same facts and books give another answer\n  verdict: referred then, approved now" in told


@pytest.mark.parametrize("command", ["explain", "replay"])
def test_what_is_not_there_is_said(shell: Shell, command: str) -> None:
    code, told = shell.run(command, "evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC")
    assert (code, "there is no evaluation evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC" in told) == (2, True)


def test_a_draft_is_tried_on_a_stored_evaluation_and_nothing_is_stored(shell: Shell, tmp_path: Path) -> None:
    evaluation_id = shell.evaluated()
    before = shell.body()
    shipped = STANDARD.read_text("utf-8")
    draft = tmp_path / "draft.yaml"
    (version,) = (book.version for book in BOOKS if book.name == "float-standard")
    draft.write_text(shipped.replace(f"version: {version}", f"version: {version + 1}"))
    code, told = shell.run("replay", evaluation_id, "--rulebook", str(draft))
    assert (code, told.splitlines()[1:]) == (0, ["differences:", "  none"])
    assert f"approved with the draft float-standard v{version + 1}; approved as decided" in told
    draft.write_text(draft.read_text().replace("min_age: 60", "min_age: 900000"))
    code, told = shell.run("replay", evaluation_id, "--rulebook", str(draft))
    assert code == 0
    assert "AgeOfAccount: pass then, fail now" in told
    assert shell.body() == before


@pytest.mark.parametrize(("change", "why"), [("name: float-other", "did not judge"), ("name: 7", "draft.yaml:")])
def test_a_draft_that_cannot_be_tried_is_refused(shell: Shell, tmp_path: Path, change: str, why: str) -> None:
    evaluation_id = shell.evaluated()
    draft = tmp_path / "draft.yaml"
    shipped = STANDARD.read_text("utf-8")
    draft.write_text(shipped.replace("name: float-standard", change))
    code, told = shell.run("replay", evaluation_id, "--rulebook", str(draft))
    assert (code, why in told) == (2, True), told
