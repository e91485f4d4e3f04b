"""The page of a decision in the Prefect UI shows values of facts for simulated customers only."""

import pytest

from rules.prescreening.book import shipped_rulebooks
from tasks.artifacts import RulesRun, next_steps, rules_tables
from underwriting.domain.decision import Outcome, Reason, Result, Verdict
from underwriting.settings import Settings

LOW = Reason(code="credit_score_low", sentence="Your credit score is too low.")
SCORE = Outcome(rule="CreditScore", result=Result.FAIL, reason=LOW, observed={"credit_score": 479})


@pytest.mark.parametrize(("user_service", "cell"), [("", "credit_score = 479"), ("https://users", "credit_score")])
def test_values_of_real_customers_do_not_reach_prefect(user_service, cell):
    config = Settings.model_validate({"user_service_url": user_service})
    runs = [RulesRun("credit_report", shipped_rulebooks()["prescreening"].rules, [SCORE])]
    _, table = rules_tables("check", runs, "USD", simulated=config.simulated)
    assert (
        table.splitlines()[-1] == f"| **CreditScore**<br>credit_report<br>credit_score_low | min_score = 620 | {cell} |"
    )
    assert ("479" in table) is (user_service == "")


@pytest.mark.parametrize(
    ("path", "verdict", "form"),
    [
        ("/v1/applications/app_1", Verdict.REFERRED, "decide-referral"),
        ("/v1/ada/underwriting/evaluations/evl_1", Verdict.REFERRED, "decide-evaluation"),
        ("/v1/applications/app_1", Verdict.COUNTEROFFER, "answer-application"),
        ("/v1/applications/app_1", Verdict.REJECTED, None),
    ],
)
def test_a_page_says_what_the_reader_may_do_next(path, verdict, form):
    subject_id = path.rpartition("/")[2]
    told = next_steps(Settings(public_url="https://api.example"), path, verdict)
    assert f"`underwriting explain {subject_id}`" in told
    assert "](https://api.example/docs)" in told
    assert f"https://api.example{path}" not in told, "it would ask for a token"
    assert [word for word in ("decide-referral", "decide-evaluation", "answer-application") if word in told] == (
        [form] if form else []
    )
