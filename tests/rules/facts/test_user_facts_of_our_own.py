"""What our floats, the user service, the subscription, the scores and our limits say."""

import pyarrow as pa
import pytest
from support.users import AS_OF, a_float, ago, floats, limit, subscription, user_facts_of, user_tables

from rules.facts import FactsError, compute_facts, facts_of
from underwriting.domain.documents import Loan, LoanStatus, NoPerson, OngoingLoans
from underwriting.domain.histories import Bracket, BracketScore, ScoreFactor, Scores, User


def history(*taken, **judged):
    return user_facts_of("floats", floats(*taken), **judged)


def repaid(days_ago, late=0):
    """A float that was repaid so many days ago, `late` days after its due day."""
    return a_float(ago(days_ago + late + 14), ago(days_ago + late), ago(days_ago))


def open_float(taken, due):
    return a_float(ago(taken), ago(due))


@pytest.mark.parametrize("query", ["floats", "users", "subscriptions", "scores", "loans", "current_limits"])
def test_a_source_without_an_answer_leaves_everything_unknown(query):
    assert user_facts_of(query) == dict.fromkeys(fact.name for fact in facts_of(query))


@pytest.mark.parametrize(("query", "document"), [("floats", floats), ("current_limits", limit)])
def test_a_history_in_another_currency_says_nothing(query, document):
    assert user_facts_of(query, document(currency="EUR")) == user_facts_of(query)


def test_a_user_without_floats_is_known_to_have_none():
    nothing = {fact.name: 0 for fact in facts_of("floats")}
    assert history() == {**nothing, "days_since_late": None}


def test_floats_repaid_make_the_rank():
    assert [history(*(repaid(20 * n) for n in range(count)))["float_rank"] for count in (1, 7, 8, 9)] == [1, 7, 8, 8]
    assert history(*(repaid(20 * n) for n in range(9)))["float_count"] == 9


@pytest.mark.parametrize(
    ("due", "late", "since"),
    [(-5, 0, None), (0, 0, None), (1, 1, 0), (40, 1, 0)],
)
def test_a_float_is_late_once_its_due_day_is_over(due, late, since):
    found = history(open_float(50, due))
    assert (found["outstanding_floats"], found["late_floats"], found["floats_ever_late"]) == (1, late, late)
    assert (found["days_since_late"], found["repayments_of_6"], found["float_count"]) == (since, late, 0)


@pytest.mark.parametrize(("late", "ever", "since"), [(-1, 0, None), (0, 0, None), (1, 1, 10)])
def test_a_float_repaid_after_its_due_day_was_late(late, ever, since):
    found = history(repaid(10, late))
    assert (found["late_floats"], found["floats_ever_late"], found["days_since_late"]) == (0, ever, since)
    assert (found["on_time_streak"], found["repayments_of_6"], found["on_time_of_6"]) == (1 - ever, 1, 1 - ever)


def test_days_since_late_are_those_of_the_last_time():
    assert history(repaid(10, 3), repaid(90, 3), repaid(1))["days_since_late"] == 10
    assert history(repaid(10, 3), open_float(30, 1))["days_since_late"] == 0


def test_a_float_repaid_after_as_of_was_open():
    found = history(a_float(ago(30), ago(16), ago(-1)))
    assert (found["float_count"], found["outstanding_floats"], found["late_floats"]) == (0, 1, 1)
    assert found["largest_repaid"] == 0
    assert history(a_float(ago(30), ago(16), ago(0)))["float_count"] == 1


def test_a_float_taken_after_as_of_does_not_exist():
    assert history(open_float(-1, -15)) == history()
    assert history(open_float(0, -14))["outstanding_floats"] == 1


def test_the_streak_counts_back_to_the_last_late_one():
    latest = [repaid(10), repaid(30)]
    assert history(*latest)["on_time_streak"] == 2
    assert history(*latest, repaid(40, 1), repaid(60))["on_time_streak"] == 2
    assert history(repaid(5, 1), *latest)["on_time_streak"] == 0
    assert history(open_float(70, 50), *latest)["on_time_streak"] == 0
    # One that is not due yet says nothing.
    assert history(open_float(5, -5), *latest)["on_time_streak"] == 2


def test_of_two_floats_repaid_on_one_day_the_late_one_counts_as_the_later():
    assert history(repaid(5), repaid(5, 1))["on_time_streak"] == 0


def test_the_last_six_that_were_settled():
    found = history(*(repaid(10 * n) for n in range(1, 6)), repaid(60, 2), repaid(70, 2), open_float(3, -9))
    assert (found["repayments_of_6"], found["on_time_of_6"]) == (6, 5)
    assert history(repaid(10), repaid(20, 2))["repayments_of_6"] == 2


def test_collections_refused_over_those_attempted():
    tried = a_float(ago(30), ago(16), collection_attempts=3, collection_failures=1)
    once = a_float(ago(60), ago(46), ago(46), collection_attempts=1)
    assert history(tried, once)["collection_error_ratio"] == 0.25
    assert history(a_float(ago(9), ago(-5)))["collection_error_ratio"] == 0
    future = a_float(ago(-1), ago(-9), collection_attempts=1, collection_failures=1)
    assert history(once, future)["collection_error_ratio"] == 0


@pytest.mark.parametrize(
    ("due_in", "repaid_ago", "ratio"), [(1, None, 0), (0, None, 0.75), (-1, None, 0.75), (1, 0, 0.75)]
)
def test_nothing_is_collected_before_it_is_due(due_in, repaid_ago, ratio):
    """What the history says of later attempts was not known then."""
    repaid = None if repaid_ago is None else ago(repaid_ago)
    tried = a_float(ago(10), ago(-due_in), repaid, collection_attempts=4, collection_failures=3)
    assert history(tried)["collection_error_ratio"] == ratio


def test_the_largest_float_repaid():
    taken = [a_float(ago(60), ago(46), ago(46), 5_000), a_float(ago(9), ago(-5), amount=10_000)]
    assert history(*taken)["largest_repaid"] == 5_000


def test_floats_without_the_histories_answer_are_not_believed():
    tables = user_tables(floats(repaid(10)))
    del tables["float_histories"]
    assert compute_facts("floats", tables).isna().all(axis=None)


def test_what_the_user_service_says():
    assert user_facts_of("users", User(good_standing=False, fraud_hit=True, segment="gig")) == {
        "user_found": True,
        "good_standing": False,
        "fraud_hit": True,
        "segment": "gig",
        "user_covered_borrower": None,
        "user_covered_borrower_age_days": None,
    }
    assert user_facts_of("users", User(segment="gig"))["fraud_hit"] is None


def test_of_a_user_whom_the_user_service_does_not_know_only_that_is_known():
    found = user_facts_of("users", NoPerson())
    assert {name: value for name, value in found.items() if value is not None} == {"user_found": False}
    assert user_facts_of("users")["user_found"] is None


@pytest.mark.parametrize("status", [True, False])
@pytest.mark.parametrize(("looked_up", "known"), [(31, True), (0, True), (-1, False)])
def test_a_military_status_counts_from_the_day_it_was_looked_up(status, looked_up, known):
    found = user_facts_of("users", User(covered_borrower=status, covered_borrower_on=ago(looked_up)))
    assert (found["user_covered_borrower"], found["user_covered_borrower_age_days"]) == (
        (status, looked_up) if known else (None, None)
    )


@pytest.mark.parametrize("half", [{"covered_borrower": False}, {"covered_borrower_on": AS_OF}])
def test_a_military_status_without_its_day_is_refused(half):
    with pytest.raises(ValueError, match="only one of covered_borrower and covered_borrower_on is given"):
        User(**half)


def test_a_military_status_without_its_day_in_a_history_is_not_known():
    tables = user_tables(User(covered_borrower=True, covered_borrower_on=AS_OF))
    place = tables["users"].schema.get_field_index("covered_borrower_on")
    tables["users"] = tables["users"].set_column(place, "covered_borrower_on", pa.nulls(1, pa.date32()))
    found = compute_facts("users", tables)
    assert found[["user_covered_borrower", "user_covered_borrower_age_days"]].isna().all(axis=None)


def test_renewals_paid_by_as_of():
    paid = [(ago(30 * n), ago(30 * n)) for n in range(9)]
    found = user_facts_of("subscriptions", subscription(*paid, (ago(5), None), (ago(0), ago(-1))))
    assert (found["renewals_paid"], found["subscription_rank"]) == (9, 8)
    never = user_facts_of("subscriptions", subscription())
    assert never == {
        "renewals_paid": 0,
        "subscription_rank": 0,
        "renewals_in_a_row": 0,
        "days_since_renewal": None,
    }


@pytest.mark.parametrize(
    ("renewals", "in_a_row", "days"),
    [
        ([(60, 60), (30, 30), (1, 1)], 3, 1),
        # Unpaid, and over the day; on its last day it may still be paid.
        ([(60, 60), (30, 30), (1, None)], 0, 30),
        ([(60, 60), (30, 30), (0, None)], 2, 30),
        # Paid late counts as paid; what lies before an unpaid one does not count.
        ([(60, 20), (30, 0)], 2, 30),
        ([(90, 90), (60, None), (30, 30)], 1, 30),
        # Paid after as_of, and paid ahead.
        ([(30, 30), (5, -1)], 0, 30),
        ([(30, 30), (-3, 2)], 2, 0),
        # Four of two years ago, and the last six open.
        ([*((700 - 30 * n, 700 - 30 * n) for n in range(4)), *((180 - 30 * n, None) for n in range(6))], 0, 610),
        # Nothing fell due since.
        ([(700 - 30 * n, 700 - 30 * n) for n in range(4)], 4, 610),
    ],
)
def test_renewals_are_counted_up_to_now(renewals, in_a_row, days):
    rows = [(ago(due), None if paid is None else ago(paid)) for due, paid in renewals]
    found = user_facts_of("subscriptions", subscription(*rows))
    assert (found["renewals_in_a_row"], found["days_since_renewal"]) == (in_a_row, days)


def loan(number, status="open", opened=100, instalment=7_500):
    return Loan(
        loan_id=f"l{number}",
        opened_on=ago(opened),
        status=LoanStatus(status),
        outstanding=0,
        monthly_instalment=instalment,
    )


@pytest.mark.parametrize(
    ("loans", "count", "instalments"),
    [
        ([], 0, 0),
        ([loan(1), loan(2, instalment=5_000)], 2, 12_500),
        ([loan(1, "repaid"), loan(2, "written_off"), loan(3)], 1, 7_500),
        # Opened on the day, and after it.
        ([loan(1, opened=0), loan(2, opened=-1)], 1, 7_500),
    ],
)
def test_open_loans_and_their_instalments(loans, count, instalments):
    found = user_facts_of("loans", OngoingLoans(currency="USD", loans=tuple(loans)))
    assert found == {"loans_open": count, "loan_instalments": instalments}


def test_the_score_of_each_bracket():
    both = (BracketScore(bracket=Bracket.TO_50, score=700), BracketScore(bracket=Bracket.TO_200, score=0))
    unscored = dict.fromkeys(("score_model", *(f"score_factor_{rank}" for rank in range(1, 5))))
    assert user_facts_of("scores", Scores(payback_prediction=0.9, key_factors=(), cash_advance=both)) == unscored | {
        "payback_prediction": 0.9,
        "cash_advance_score_to_50": 700,
        "cash_advance_score_to_100": None,
        "cash_advance_score_to_200": 0,
        "cash_advance_score_to_350": None,
    }


def test_of_two_scores_of_a_bracket_the_lower_counts():
    scores = tuple(BracketScore(bracket=Bracket.TO_50, score=score) for score in (700, 300, 500))
    assert user_facts_of("scores", Scores(key_factors=(), cash_advance=scores))["cash_advance_score_to_50"] == 300


def limits(*documents, **judged):
    return user_facts_of("current_limits", *documents, **judged)


def test_the_limit_and_the_runs_below_it():
    assert limits(limit(8_000, ago(20), runs_below=1, lowered_on=ago(40), below_since=ago(2))) == {
        "current_limit": 8_000,
        "days_since_raise": 20,
        "days_since_lowering": 40,
        "on_time_since_raise": None,
        "runs_below": 1,
        "days_below": 2,
    }
    never = limits(limit(8_000))
    assert [never[name] for name in ("days_since_raise", "days_since_lowering", "days_below")] == [None] * 3
    # A day without a run below is no day of a run below.
    assert limits(limit(8_000, runs_below=0, below_since=ago(2)))["days_below"] is None


@pytest.mark.parametrize(("days_ago", "known"), [(0, 0), (1, 1), (-1, None)])
def test_a_limit_moved_after_as_of_tells_nothing_of_before(days_ago, known):
    for move, since in (("raised_on", "days_since_raise"), ("lowered_on", "days_since_lowering")):
        found = limits(limit(8_000, **{move: ago(days_ago)}), floats())
        assert found[since] == known
        assert (found["current_limit"] is None) == (known is None)


def test_floats_repaid_on_time_since_the_raise():
    taken = floats(repaid(1), repaid(9), repaid(10), repaid(30), repaid(5, 1), open_float(3, -9))
    assert limits(limit(raised_on=ago(10)), taken)["on_time_since_raise"] == 2
    assert limits(limit(), taken)["on_time_since_raise"] == 4
    assert limits(limit(), floats())["on_time_since_raise"] == 0
    assert limits(limit(), floats(repaid(1), currency="EUR"))["on_time_since_raise"] is None


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("floats", floats(repaid(3))),
        ("users", User()),
        ("subscriptions", subscription((AS_OF, AS_OF))),
        ("scores", Scores(key_factors=(), cash_advance=())),
        ("current_limits", limit()),
    ],
)
def test_two_answers_of_one_source_are_refused(query, document):
    with pytest.raises(FactsError, match=f"{query}: a subject appears twice"):
        compute_facts(query, user_tables(document, document))


def test_scores_name_their_model_and_what_lowered_them_by_rank():
    factors = tuple(ScoreFactor(rank=rank, code="c", text=f"factor {rank}") for rank in (3, 1, 2))
    found = user_facts_of("scores", Scores(model="payback", model_version="7", key_factors=factors, cash_advance=()))
    assert found["score_model"] == "payback 7"
    assert [found[f"score_factor_{rank}"] for rank in range(1, 5)] == ["factor 1", "factor 2", "factor 3", None]
    assert user_facts_of("scores", Scores(model="payback", key_factors=(), cash_advance=()))["score_model"] == "payback"
