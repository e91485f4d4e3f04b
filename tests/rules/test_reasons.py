"""Every fail and every unknown has a code with a sentence of its own."""

from support.limit_facts import user

from rules.adverse import adverse_codes
from rules.catalogue import RULES
from rules.eligibility import USER_RULES
from rules.eligibility.aggregate import REASONS_OF_JUDGEMENT
from rules.limits.decide import decide_limits
from rules.limits.policy import shipped_policies
from rules.reasons import REASONS

# Both families; a rule that stands in both counts once.
FAMILIES = {*RULES.values(), *USER_RULES.values()}


def codes_of(name):
    return {code for rule in FAMILIES if (code := getattr(rule, name))}


def codes_of_limits():
    return set(decide_limits(shipped_policies()["cfi"], user()).reason_codes)


def test_every_code_has_a_sentence_and_no_sentence_is_left_over():
    given = codes_of("fails_as") | codes_of("unknown_as") | codes_of("grey_as") | codes_of_limits()
    given |= set(REASONS_OF_JUDGEMENT) | {code for rule in FAMILIES for code in rule.because}
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


def test_a_person_may_give_every_reason_with_which_a_rule_fails_and_none_that_says_why_a_person_was_asked():
    codes = set(adverse_codes())
    assert codes_of("fails_as") < codes < set(REASONS)
    assert not codes & {
        "credit_score_missing",
        "credit_report_unavailable",
        "statements_unavailable",
        "segment_unknown",
    }
    assert not codes & codes_of("grey_as")
