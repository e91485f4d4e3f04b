"""Who calls: a bearer token (JWT) of one tenant, with scopes."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from underwriting.api.errors import ApiError

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

    def __init__(self, keys: KeySet, issuer: str, audience: str) -> None:
        self._keys = keys
        self._claims = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
            tenant={"essential": True},
        )

    def caller(self, token: str) -> Caller:
        """The caller of a valid token; ApiError 401 for a forged, expired or foreign one."""
        try:
            decoded = jwt.decode(token, self._keys, algorithms=ALGORITHMS)
            self._claims.validate(decoded.claims)
            return _caller(decoded.claims)
        except (JoseError, ValueError, TypeError) as error:
            raise unauthorized("The bearer token is not valid, or no longer.") from error


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
    """The caller, if its token has every scope the route asks for; ApiError 401 or 403."""
    if credentials is None:
        raise unauthorized("Send your token in the header Authorization: Bearer <token>.")
    verifier: Verifier = request.app.state.verifier
    caller = verifier.caller(credentials.credentials)
    if missing := _missing(scopes.scopes, caller):
        raise ApiError(HTTPStatus.FORBIDDEN, "MISSING_SCOPE", f"The token lacks the scope {', '.join(missing)}.")
    return caller


def _missing(wanted: Sequence[str], caller: Caller) -> list[str]:
    return [scope for scope in wanted if scope not in caller.scopes]


Applicant = Annotated[Caller, Security(authorize, scopes=[APPLY])]
Reader = Annotated[Caller, Security(authorize, scopes=[READ])]
Reviewer = Annotated[Caller, Security(authorize, scopes=[DECIDE])]
