"""Whose tokens count: those of an issuer's published keys, also after it changed them."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from pytest_httpserver import HTTPServer

from underwriting.api import keys


def published(*issuers):
    return KeySet(list(issuers)).as_dict(private=False)


@pytest.fixture
async def behind(serving, config, httpserver: HTTPServer):
    """A client of an API that asks for its issuer's keys by address."""
    config = config.model_copy(update={"jwks_file": None, "jwks_url": httpserver.url_for("/jwks")})
    async with serving(config) as client:
        yield client


async def status(client, token):
    answer = await client.get("/v1/applications", headers={"Authorization": f"Bearer {token}"})
    return answer.status_code


async def test_keys_come_from_the_issuers_address_and_are_kept(behind, httpserver, issuer, token):
    httpserver.expect_request("/jwks").respond_with_json(published(issuer), content_type="application/jwk-set+json")
    assert [await status(behind, token()) for _ in range(5)] == [200] * 5
    assert len(httpserver.log) == 1


async def test_a_new_key_is_found_at_once_and_a_forged_one_asks_no_more(behind, httpserver, issuer, token, monkeypatch):
    newer = ECKey.generate_key("P-256", auto_kid=True)
    httpserver.expect_oneshot_request("/jwks").respond_with_json(published(issuer))
    httpserver.expect_request("/jwks").respond_with_json(published(issuer, newer))
    assert await status(behind, token()) == 200
    monkeypatch.setattr(keys, "REFRESH_SECONDS", 0.0)
    assert await status(behind, token(key=newer, kid=newer.kid)) == 200
    monkeypatch.setattr(keys, "REFRESH_SECONDS", 30.0)
    forger = ECKey.generate_key("P-256", auto_kid=True)
    assert [await status(behind, token(key=forger)) for _ in range(5)] == [401] * 5
    assert len(httpserver.log) == 2


async def test_without_keys_nobody_is_let_in_and_nobody_called_a_forger(behind, httpserver, token, issuer):
    httpserver.expect_oneshot_request("/jwks").respond_with_data("down", status=503)
    assert await status(behind, token()) == 503
    httpserver.expect_oneshot_request("/jwks").respond_with_data('{"keys": 7}', content_type="application/json")
    assert await status(behind, token()) == 503
    httpserver.expect_request("/jwks").respond_with_json(published(issuer))
    assert await status(behind, token()) == 200


UNUSABLE = [
    {"kty": "EC", "crv": "brainpoolP256r1", "x": "AA", "y": "AA", "kid": "odd"},
    {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
    {"kty": "RSA", "n": 7, "e": "AQAB"},
    {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
    {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
    {"kty": ["EC"]},
    {"kty": "oct", "k": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"},
    {},
    7,
]


@pytest.mark.parametrize("odd", UNUSABLE, ids=str)
async def test_a_key_that_we_cannot_use_is_ignored_and_the_others_count(behind, httpserver, token, odd):
    good = RSAKey.generate_key(2048, auto_kid=True)
    httpserver.expect_request("/jwks").respond_with_json({"keys": [odd, good.as_dict(private=False)]})
    signed = jwt.encode({"alg": "RS256", "kid": good.kid}, claims_of(token()), good)
    assert await status(behind, signed) == 200


async def test_a_set_without_a_usable_key_withdraws_the_keys_before_it(behind, httpserver, issuer, token, monkeypatch):
    httpserver.expect_oneshot_request("/jwks").respond_with_json(published(issuer))
    httpserver.expect_request("/jwks").respond_with_json({"keys": UNUSABLE})
    assert await status(behind, token()) == 200
    monkeypatch.setattr(keys, "REFRESH_SECONDS", 0.0)
    assert await status(behind, token(key=ECKey.generate_key("P-256", auto_kid=True))) == 401
    monkeypatch.setattr(keys, "REFRESH_SECONDS", 30.0)
    assert await status(behind, token(sub="another")) == 401


@pytest.mark.parametrize("algorithm", ["EdDSA", "Ed25519"])
async def test_an_ed25519_key_signs_under_either_name(behind, httpserver, token, algorithm):
    key = OKPKey.generate_key("Ed25519", auto_kid=True)
    httpserver.expect_request("/jwks").respond_with_json(published(key))
    signed = jwt.encode({"alg": algorithm, "kid": key.kid}, claims_of(token()), key, algorithms=[algorithm])
    assert await status(behind, signed) == 200


def claims_of(signed):
    body = signed.split(".")[1]
    return json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))


@pytest.mark.parametrize(
    ("claim", "seconds", "answer"),
    [
        ("iat", 2, 200), ("iat", 30, 200), ("iat", 32, 401),
        ("nbf", 30, 200), ("nbf", 32, 401),
        ("exp", 1, 200), ("exp", -28, 200), ("exp", -30, 401), ("exp", -32, 401),
    ],
)  # fmt: skip
async def test_clocks_may_differ_by_thirty_seconds(api, token, claim, seconds, answer):
    now = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    with time_machine.travel(now, tick=False):
        assert await status(api, token(**{claim: int(now.timestamp()) + seconds})) == answer


async def test_a_token_that_was_verified_ends_when_it_expires(api, token):
    now = datetime.now(UTC)
    api.headers["Authorization"] = f"Bearer {token(exp=int(now.timestamp()) - 20)}"
    assert (await api.get("/v1/applications")).status_code == 200
    with time_machine.travel(now + timedelta(seconds=11)):
        assert (await api.get("/v1/applications")).status_code == 401


def signed_by(key, claims, **header):
    return jwt.encode({"alg": "ES256", **header}, claims, key, algorithms=["ES256", "RS256", "EdDSA"])


async def test_a_token_that_names_no_key_is_verified_by_any_that_fits(behind, httpserver, token):
    rsa, ec, ed = RSAKey.generate_key(2048), ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519")
    sealing = ECKey.generate_key("P-256", {"use": "enc"})
    others = [OKPKey.generate_key("X25519"), ECKey.generate_key("P-384"), ECKey.generate_key("P-256"), sealing]
    httpserver.expect_request("/jwks").respond_with_json(published(*others, rsa, ec, ed))
    for algorithm, key in {"RS256": rsa, "ES256": ec, "EdDSA": ed}.items():
        assert await status(behind, signed_by(key, claims_of(token()), alg=algorithm)) == 200
    for key in (ECKey.generate_key("P-256"), ECKey.import_key(sealing.as_dict(private=True) | {"use": "sig"})):
        assert await status(behind, signed_by(key, claims_of(token()))) == 401


async def test_a_token_that_names_a_key_is_verified_by_keys_of_that_name_alone(behind, httpserver, token):
    named, twin = ECKey.generate_key("P-256", {"kid": "a"}), ECKey.generate_key("P-256", {"kid": "a"})
    other = ECKey.generate_key("P-256", {"kid": "b"})
    rsa = RSAKey.generate_key(2048, {"kid": "a"})
    httpserver.expect_request("/jwks").respond_with_json(published(rsa, named, twin, other))
    assert await status(behind, signed_by(rsa, claims_of(token()), alg="RS256", kid="a")) == 200
    assert [await status(behind, signed_by(key, claims_of(token()), kid="a")) for key in (named, twin, other)] == [
        200, 200, 401,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "answer"),
    [
        ({"tier": "gold"}, 200),
        ({"x5c": ["A" * 6000]}, 200),
        ({"tier": "gold", "crit": ["tier"]}, 401),
    ],
)
async def test_a_header_that_we_do_not_know_is_ignored_unless_it_is_critical(api, issuer, token, header, answer):
    protected = b64(json.dumps({"alg": "ES256", "kid": issuer.kid, **header}).encode())
    signing_input = f"{protected}.{token().split('.')[1]}"
    signature = JWSRegistry.algorithms["ES256"].sign(signing_input.encode(), issuer)
    assert await status(api, f"{signing_input}.{b64(signature)}") == answer


async def test_an_impossible_expiry_is_no_fault_of_ours(api, token):
    assert await status(api, token(exp=10**400)) == 401


def b64(content):
    return urlsafe_b64encode(content).decode().rstrip("=")


@pytest.mark.parametrize("both", [True, False])
def test_one_source_of_keys_has_to_be_named(config, both):
    changes = {"jwks_url": "https://issuer.example/jwks"} if both else {"jwks_file": None}
    with pytest.raises(ValueError, match="UNDERWRITING_JWKS_URL"):
        keys.PublicKeys(config.model_copy(update=changes))


def test_a_file_that_is_no_key_set_is_named(config, tmp_path):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps([1]))
    with pytest.raises(ValueError, match=r"keys\.json: not a JSON Web Key Set"):
        keys.PublicKeys(config.model_copy(update={"jwks_file": file}))


def test_a_file_without_a_usable_key_is_named(config, tmp_path):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": UNUSABLE}))
    with pytest.raises(ValueError, match=r"keys\.json has no key that we can use"):
        keys.PublicKeys(config.model_copy(update={"jwks_file": file}))
