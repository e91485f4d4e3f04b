"""Every fail and every unknown has a code with a sentence of its own."""

from rules.catalogue import RULES
from rules.reasons import REASONS


def codes_of(name):
    return {code for rule in RULES.values() if (code := getattr(rule, name))}


def test_every_code_of_a_rule_has_a_sentence_and_no_sentence_is_left_over():
    assert codes_of("fails_as") | codes_of("unknown_as") | codes_of("grey_as") == set(REASONS)


def test_a_fail_has_a_code_of_its_own():
    assert len(codes_of("fails_as")) == len(RULES)
    assert not codes_of("fails_as") & (codes_of("unknown_as") | codes_of("grey_as"))


def test_sentences_differ_and_are_sentences():
    sentences = [reason.sentence for reason in REASONS.values()]
    assert len(set(sentences)) == len(sentences)
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in sentences)
