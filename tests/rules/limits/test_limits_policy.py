"""Limit policies: what they read, what they refuse and with which words."""

import json
from contextlib import suppress
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from support.examples import steady
from support.limit_policies import SHIPPED, TEXT, changed

from rules.core.problems import RulebookError
from rules.limits.decision_table import AMOUNTS
from rules.limits.policy import load_policy, parse_policy, policy_schema, shipped_policies
from rules.limits.tiers import TIERS


def test_the_shipped_policies():
    policies = shipped_policies()
    assert list(policies) == ["cfi-cautious", "cfi"]
    policy = policies["cfi"]
    assert (str(policy.ref), policy.product, policy.currency, policy.valid_from) == (
        "cfi v4",
        "float",
        "USD",
        date(2026, 1, 1),
    )
    assert [row.tier for row in policy.table] == list(AMOUNTS[1:])
    assert policy.step.first_limit == max(tier.amount for tier in TIERS if tier.enabled)
    assert policies["cfi-cautious"].table[-1].tier == 10_000


def test_every_number_of_the_default_policy_names_its_source():
    lines = TEXT.splitlines()
    for number, written in enumerate(lines):
        if any(letter.isdigit() for letter in written) and not written.lstrip().startswith(
            ("#", "version", "valid_from")
        ):
            above = [each.strip() for each in lines[:number]]
            while not above[-1].startswith("#"):
                assert above[-1], f"no source above line {number + 1}: {written}"
                above.pop()


@pytest.mark.parametrize("name", ["cfi.yaml", "cfi-cautious.yaml"])
def test_the_canonical_text_reads_back_to_the_same_policy(name):
    policy = load_policy(SHIPPED / name)
    again = parse_policy(policy.text)
    assert again == policy
    assert (again.ref, again.text) == (policy.ref, policy.text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("on_time: 0.30", "on_time: 0.3"),
        ("on_time: 0.30", 'on_time: "0.300"'),
        ("share: 1}", "share: 1.0}"),
        ("times: 2,", "times: 2.0,"),
        ("max_pay_periods: 1.5", "max_pay_periods: 1.50"),
        ("min_available: 0}", "min_available: 0, min_repaid: 0}"),
        ("# Ours.\n", "# Ours, and a comment.\n\n"),
    ],
)
def test_the_digest_is_of_the_meaning(old, new):
    assert parse_policy(changed(old, new)).ref == parse_policy(TEXT).ref


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("min_float_rank: 1", "min_float_rank: 0"),
        ("min_repaid: 10000", "min_repaid: 9999"),
        ("free_share: 0.5", "free_share: 0.4999"),
        ("max_count: 2", "max_count: 1"),
        ("cool_down_days: 14", "cool_down_days: 15"),
        (", not_listed]", "]"),
        ("slack: 25", "slack: 26"),
        ("version: 4", "version: 5"),
    ],
)
def test_another_meaning_has_another_digest(old, new):
    assert parse_policy(changed(old, new)).ref.digest != parse_policy(TEXT).ref.digest


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
DOCUMENT = json.loads(parse_policy(TEXT).text)
PLACES = [(key,) for key in DOCUMENT] + [
    (key, inner) for key in ("affordability", "gates", "step", "guard") for inner in DOCUMENT[key]
]


@steady(100)
@given(st.sampled_from(PLACES), JSON)
def test_a_strange_value_is_refused_or_read_and_nothing_else(place, value):
    document = json.loads(json.dumps(DOCUMENT))
    part = document
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    with suppress(RulebookError):
        policy = parse_policy(json.dumps(document), "policy.yaml")
        assert parse_policy(policy.text) == policy


@steady(60)
@given(
    st.integers(0, len(TEXT)), st.integers(0, 30), st.text(max_size=6) | st.sampled_from(["{", "]", "&a", "!!x", "-"])
)
def test_a_damaged_policy_is_refused_or_read_and_nothing_else(place, length, piece):
    text = TEXT[:place] + piece + TEXT[place + length :]
    with suppress(RulebookError):
        policy = parse_policy(text, "policy.yaml")
        assert parse_policy(policy.text) == policy


def test_the_schema_accepts_the_shipped_policies_and_refuses_what_the_reader_refuses():
    schema = policy_schema()
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert validator.is_valid(DOCUMENT)
    plain = YAML(typ="safe").load(TEXT.replace("2026-01-01", '"2026-01-01"'))
    assert validator.is_valid(plain)
    for wrong in (
        {"table": []},
        {"table": [{"tier": 2_000}]},
        {"gates": {}},
        {"step": {**plain["step"], "cool_down_days": 0}},
        {"guard": {**plain["guard"], "share_raised": {"ceiling": 2, "times": 1, "slack": 0}}},
        {"unknown": 1},
    ):
        assert not validator.is_valid({**plain, **wrong}), wrong


def test_shares_are_decimals_from_the_text_on():
    policy = parse_policy(changed("free_share: 0.5", "free_share: 0.3333"))
    assert policy.affordability.free_share == Decimal("0.3333")
    assert '"free_share":"0.3333"' in policy.text
