"""Who calls: a bearer token (JWT) of one tenant, with scopes."""

import time
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any

from cachetools import TTLCache
from fastapi import Request, Security
from fastapi.security import HTTPBearer
from joserfc import jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry, extract_compact

from underwriting.api.errors import ApiError, check_query
from underwriting.api.keys import KeysUnavailable, PublicKeys
from underwriting.api.quota import Quota
from underwriting.domain.plausible import is_plain
from underwriting.process.logs import also_about

# Asymmetric signatures only, since the API has public keys. EdDSA is the older name
# (RFC 8037) of what RFC 9864 calls Ed25519, and what most issuers still write.
ALGORITHMS = ["ES256", "RS256", "Ed25519", "EdDSA"]
# Members of a header that we do not know are ignored, unless `crit` lists them (RFC 7515, 4). Some issuers put their
# certificates there, hence the length in bytes.
_HEADERS = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
_HEADERS.max_header_length = 16_384
# Seconds that our clock and the issuer's may differ: for `iat`, `nbf` and `exp` alike (RFC 7519, 4.1).
LEEWAY = 30
APPLY = "applications:write"
BACKDATE = "applications:backdate"
READ = "applications:read"
DECIDE = "referrals:decide"
SEND_EVENTS = "events:write"
CHECK = "eligibility:check"
READ_EVALUATIONS = "eligibility:read"
READ_PROFILES = "profiles:read"
WRITE_PROFILES = "profiles:write"
READ_NOTICES = "notices:read"
WRITE_NOTICES = "notices:write"
READ_MATCHES = "list_matches:read"
WRITE_MATCHES = "list_matches:write"


# A verified token is accepted for so many seconds without verifying it again, but not beyond its `exp` and the leeway.
# A key that the issuer withdraws may be accepted that much longer, on top of `jwks_ttl`.
VERIFIED_SECONDS = 30.0
VERIFIED_TOKENS = 10_000


@dataclass(frozen=True)
class Caller:
    """A verified token: the tenant whose data it may access, its subject, and what it may do."""

    tenant: str
    subject: str
    scopes: frozenset[str]


class Verifier:
    """Verifies tokens against the issuer's public keys."""

    def __init__(self, keys: PublicKeys, issuer: str, audience: str) -> None:
        self._keys = keys
        self._claims = jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
            tenant={"essential": True},
        )
        # By digest, because a token is a secret.
        self._verified: TTLCache[bytes, tuple[Caller, float]] = TTLCache(VERIFIED_TOKENS, VERIFIED_SECONDS)

    async def caller(self, token: str) -> Caller:
        """The caller of a valid token; ApiError 401 for a forged, expired or foreign one.

        503 if the issuer's keys are not available.
        """
        digest = sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is not None and time.time() < known[1]:
            return known[0]
        try:
            decoded = await self._decoded(token)
            self._claims.validate(decoded.claims)
            caller = _caller(decoded.claims)
            self._verified[digest] = caller, float(decoded.claims["exp"]) + LEEWAY
            return caller
        except (JoseError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise unauthorized("The bearer token is not valid, or no longer.") from error
        except KeysUnavailable as error:
            raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "KEYS_UNAVAILABLE", str(error)) from error

    async def _decoded(self, token: str) -> jwt.Token:
        """The token's claims, by a cached key or, if none fits, by a newly published one."""
        keys = await self._keys.current()
        try:
            return _verified(token, keys)
        except (JoseError, ValueError):
            renewed = await self._keys.renewed()
            if renewed is keys:
                raise
            return _verified(token, renewed)


def _verified(token: str, keys: KeySet) -> jwt.Token:
    """The token's claims, by the first key that verifies it: of those with its `kid`, or of all where it names none.

    Several keys may have one `kid` (RFC 7517, 4.5), and a token need not name any (RFC 7515, 4.1.4).
    """
    header = extract_compact(token.encode(), registry=_HEADERS).headers()
    for key in keys:
        if "kid" not in header or key.kid == header["kid"]:
            try:
                return jwt.decode(token, key, registry=_HEADERS)
            except (JoseError, ValueError):
                # Another key's token, or a key of another kind, use or algorithm.
                continue
    raise BadSignatureError("no key of the issuer verifies the token")


def _caller(claims: dict[str, Any]) -> Caller:
    tenant, subject, scope = claims["tenant"], claims["sub"], claims.get("scope", "")
    if not (isinstance(tenant, str) and isinstance(subject, str) and isinstance(scope, str) and tenant and subject):
        raise TypeError("tenant, sub and scope must be strings")
    # A stored row has its tenant and its author as text, which cannot have such characters.
    if not (is_plain(tenant) and is_plain(subject)):
        raise ValueError("tenant and sub must not have control characters")
    return Caller(tenant, subject, frozenset(scope.split()))


def unauthorized(message: str) -> ApiError:
    """401, with the challenge that HTTP asks for."""
    return ApiError(HTTPStatus.UNAUTHORIZED, "INVALID_TOKEN", message, headers={"WWW-Authenticate": "Bearer"})


class Bearer(HTTPBearer):
    """The caller of a request, if its token has every scope that the route asks for; ApiError 401, 403 or 429.

    Then ApiError 422 where the query has unknown members. One dependency, because resolving three of them took longer
    than the query of the store.
    """

    def __init__(self, *scopes: str) -> None:
        super().__init__(
            scheme_name="HTTPBearer", auto_error=False, bearerFormat="JWT", description="A JWT of your tenant's issuer."
        )
        self._scopes = scopes

    async def __call__(self, request: Request) -> Caller:  # type: ignore[override]
        """Verify the token, look at its scopes, count the call, and look at the query."""
        credentials = await super().__call__(request)
        if credentials is None:
            raise unauthorized("Send your token in the header Authorization: Bearer <token>.")
        verifier: Verifier = request.app.state.verifier
        caller = await verifier.caller(credentials.credentials)
        also_about(tenant=caller.tenant)
        require(caller, *self._scopes)
        calls: Quota = request.app.state.quota
        await calls.take(caller.tenant)
        check_query(request)
        return caller


def require(caller: Caller, *scopes: str) -> None:
    """ApiError 403 where the token lacks one of these scopes."""
    if missing := [scope for scope in scopes if scope not in caller.scopes]:
        raise ApiError(HTTPStatus.FORBIDDEN, "MISSING_SCOPE", f"The token lacks the scope {', '.join(missing)}.")


Applicant = Annotated[Caller, Security(Bearer(APPLY), scopes=[APPLY])]
Reader = Annotated[Caller, Security(Bearer(READ), scopes=[READ])]
Reviewer = Annotated[Caller, Security(Bearer(DECIDE), scopes=[DECIDE])]
EventSender = Annotated[Caller, Security(Bearer(SEND_EVENTS), scopes=[SEND_EVENTS])]
EligibilityChecker = Annotated[Caller, Security(Bearer(CHECK), scopes=[CHECK])]
EvaluationReader = Annotated[Caller, Security(Bearer(READ_EVALUATIONS), scopes=[READ_EVALUATIONS])]
ProfileReader = Annotated[Caller, Security(Bearer(READ_PROFILES), scopes=[READ_PROFILES])]
ProfileWriter = Annotated[Caller, Security(Bearer(WRITE_PROFILES), scopes=[WRITE_PROFILES])]
NoticeReader = Annotated[Caller, Security(Bearer(READ_NOTICES), scopes=[READ_NOTICES])]
NoticeWriter = Annotated[Caller, Security(Bearer(WRITE_NOTICES), scopes=[WRITE_NOTICES])]
MatchReader = Annotated[Caller, Security(Bearer(READ_MATCHES), scopes=[READ_MATCHES])]
MatchWriter = Annotated[Caller, Security(Bearer(WRITE_MATCHES), scopes=[WRITE_MATCHES])]
