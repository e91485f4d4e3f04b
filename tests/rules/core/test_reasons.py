"""Every fail and every unknown has a code with a sentence of its own."""

import pytest
from support.limit_facts import user

from rules.core.reasons import REASONS
from rules.core.rule_result import UNEXPLAINED
from rules.eligibility import USER_RULES
from rules.eligibility.decide import REASONS_OF_JUDGEMENT
from rules.explain.adverse_reasons import adverse_codes, reasons_given
from rules.limits.decide import decide_limits
from rules.limits.policy import shipped_policies
from rules.limits.reasons import TAKEN_BACK
from rules.prescreening.catalogue import RULES
from underwriting.domain.decision import Outcome, Result, Verdict

# Both families; a rule that stands in both counts once.
FAMILIES = {*RULES.values(), *USER_RULES.values()}


def codes_of(name):
    return {code for rule in FAMILIES if (code := getattr(rule, name))}


def codes_of_limits():
    return set(decide_limits(shipped_policies()["cfi"], user()).reason_codes)


def test_every_code_has_a_sentence_and_no_sentence_is_left_over():
    given = codes_of("fails_as") | codes_of("unknown_as") | codes_of("grey_as") | codes_of_limits()
    given |= set(REASONS_OF_JUDGEMENT) | {code for rule in FAMILIES for code in rule.unknown_codes}
    given |= {UNEXPLAINED, TAKEN_BACK, *adverse_codes()}
    assert given == set(REASONS)


def test_a_fail_has_a_code_of_its_own():
    # Rules of both families may ask the same, and then they say the same.
    for family in (RULES, USER_RULES):
        assert len({rule.fails_as for rule in family.values()}) == len(family)
    assert not codes_of("fails_as") & (codes_of("unknown_as") | codes_of("grey_as"))


def test_sentences_differ_and_are_sentences():
    sentences = [reason.sentence for reason in REASONS.values()]
    assert len(set(sentences)) == len(sentences)
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in sentences)


def test_no_sentence_tells_a_customer_to_borrow_elsewhere():
    for reason in REASONS.values():
        assert not any(word in reason.sentence for word in ("other provider", "another provider", "others and repaid"))


# Failures that say nothing of the applicant, or that a person has to look at first.
NEVER = {
    "lists_outdated",
    "feed_still_reading",
    "feed_login_required",
    "feed_stale",
    "credit_alert",
    "statements_inconsistent",
    "accounts_inconsistent",
}


def test_a_person_may_give_every_reason_about_the_applicant_and_none_that_says_why_a_person_was_asked():
    codes = set(adverse_codes())
    assert codes_of("fails_as") - codes == NEVER
    others = codes - codes_of("fails_as")
    assert others < set(REASONS)
    for code in others:
        assert code == "amount_unaffordable" or REASONS[code].sentence.startswith("We could not verify"), code
    assert not codes & (codes_of("grey_as") | set(REASONS_OF_JUDGEMENT) - {"amount_unaffordable"} | {UNEXPLAINED})


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (Result.FAIL, "Your credit score is too low. What lowered it: Few accounts."),
        (Result.UNKNOWN, None),
        (None, None),
    ],
)
def test_a_person_gives_a_low_score_as_a_reason_only_with_what_lowered_it(said, told):
    low = REASONS["credit_score_low"].because_of(["Few accounts"])
    why = {Result.FAIL: low, Result.UNKNOWN: REASONS[UNEXPLAINED]}
    outcomes = [Outcome(rule="CreditScore", result=said, reason=why[said])] if said else []
    if told:
        (given,) = reasons_given(Verdict.REJECTED, ["credit_score_low"], outcomes)
        assert given.sentence == told
        return
    with pytest.raises(ValueError, match="the score has no key factors, so credit_score_low is no reason"):
        reasons_given(Verdict.REJECTED, ["income_low", "credit_score_low"], outcomes)
