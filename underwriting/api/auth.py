"""Who calls: a bearer token (JWT) of one tenant, with scopes."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from joserfc import jwt
from joserfc.errors import JoseError

from underwriting.api.errors import ApiError
from underwriting.api.keys import KeysUnavailable, PublicKeys
from underwriting.api.quota import Quota

# Only asymmetric signatures: the API holds public keys and cannot be talked into anything else.
ALGORITHMS = ["ES256", "RS256", "Ed25519"]
APPLY = "applications:write"
READ = "applications:read"
DECIDE = "referrals:decide"


@dataclass(frozen=True)
class Caller:
    """A verified token: the tenant whose data it may touch, who holds it, and what it may do."""

    tenant: str
    subject: str
    scopes: frozenset[str]


class Verifier:
    """Verifies tokens against the issuer's public keys."""

    def __init__(self, keys: PublicKeys, issuer: str, audience: str) -> None:
        self._keys = keys
        self._claims = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
            tenant={"essential": True},
        )

    async def caller(self, token: str) -> Caller:
        """The caller of a valid token; ApiError 401 for a forged, expired or foreign one.

        503 where the issuer's keys cannot be had, since then nobody knows.
        """
        try:
            decoded = await self._decoded(token)
            self._claims.validate(decoded.claims)
            return _caller(decoded.claims)
        except (JoseError, ValueError, TypeError) as error:
            raise unauthorized("The bearer token is not valid, or no longer.") from error
        except KeysUnavailable as error:
            raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "KEYS_UNAVAILABLE", str(error)) from error

    async def _decoded(self, token: str) -> jwt.Token:
        """The token's claims, by a key at hand or, where none fits its key id, by one that is published since."""
        keys = await self._keys.current()
        try:
            return jwt.decode(token, keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            renewed = await self._keys.renewed()
            if renewed is keys:
                raise
            return jwt.decode(token, renewed, algorithms=ALGORITHMS)


def _caller(claims: dict[str, Any]) -> Caller:
    tenant, subject, scope = claims["tenant"], claims["sub"], claims.get("scope", "")
    if not (isinstance(tenant, str) and isinstance(subject, str) and isinstance(scope, str) and tenant and subject):
        raise TypeError("tenant, sub and scope must be strings")
    return Caller(tenant, subject, frozenset(scope.split()))


def unauthorized(message: str) -> ApiError:
    """401, with the challenge that HTTP asks for."""
    return ApiError(HTTPStatus.UNAUTHORIZED, "INVALID_TOKEN", message, headers={"WWW-Authenticate": "Bearer"})


_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", description="A JWT of your tenant's issuer.")


async def authorize(
    request: Request,
    scopes: SecurityScopes,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller:
    """The caller, if its token has every scope the route asks for; ApiError 401, 403 or 429."""
    if credentials is None:
        raise unauthorized("Send your token in the header Authorization: Bearer <token>.")
    verifier: Verifier = request.app.state.verifier
    caller = await verifier.caller(credentials.credentials)
    if missing := _missing(scopes.scopes, caller):
        raise ApiError(HTTPStatus.FORBIDDEN, "MISSING_SCOPE", f"The token lacks the scope {', '.join(missing)}.")
    calls: Quota = request.app.state.quota
    await calls.take(caller.tenant)
    return caller


def _missing(wanted: Sequence[str], caller: Caller) -> list[str]:
    return [scope for scope in wanted if scope not in caller.scopes]


Applicant = Annotated[Caller, Security(authorize, scopes=[APPLY])]
Reader = Annotated[Caller, Security(authorize, scopes=[READ])]
Reviewer = Annotated[Caller, Security(authorize, scopes=[DECIDE])]
