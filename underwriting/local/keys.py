"""Keys of the embedded set-up, made on first use: the token issuer's key pair, and the sandbox partner's secret."""

import base64
import json
import os
import secrets
import time
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from pydantic import HttpUrl, SecretStr

from underwriting.domain.creditor import Bureau, Contact, Creditor
from underwriting.local.errors import NoKeys
from underwriting.settings import Partner, Settings

# The tenant whose results go to the sandbox's receiver.
SANDBOX_TENANT = "sandbox"
# The name of its bureau.
SANDBOX_BUREAU = Bureau(name="Sandbox Credit Bureau", address="2 Oak Street, Springfield", telephone="+1 800 555 0100")
# Standard Webhooks requires 24 to 64 bytes.
SECRET_BYTES = 32


def token_keys(folder: Path) -> Path:
    """The file with the issuer's public keys (JWKS); the pair is made where it is missing."""
    private, public = folder / "token-issuer.json", folder / "jwks.json"
    if not private.exists():
        key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
        _write(private, json.dumps(key.as_dict(private=True)))
    if not public.exists():
        key = ECKey.import_key(json.loads(private.read_text("utf-8")))
        _write(public, json.dumps(KeySet([key]).as_dict(private=False)))
    return public


def issue_token(settings: Settings, tenant: str, subject: str, scopes: str, lifetime: float = 3600.0) -> str:
    """A bearer token for `tenant`, signed by the embedded issuer, good for `lifetime` seconds.

    `scopes` is the space-separated list of OAuth 2. In production an identity provider does this. NoKeys where
    `underwriting up` has made none: keys that the API does not know would sign nothing that it takes.
    """
    private = keys_folder(settings) / "token-issuer.json"
    if not private.exists():
        raise NoKeys(private.parent)
    key = ECKey.import_key(json.loads(private.read_text("utf-8")))
    now = int(time.time())
    claims = {
        "iss": settings.token_issuer,
        "aud": settings.token_audience,
        "sub": subject,
        "tenant": tenant,
        "scope": scopes,
        "iat": now,
        "exp": now + int(lifetime),
    }
    return jwt.encode({"alg": "ES256", "kid": key.kid}, claims, key)


def sandbox_partner(settings: Settings) -> Partner:
    """Where the sandbox receives results, and the secret it verifies them with."""
    file = keys_folder(settings) / "sandbox-partner.secret"
    if not file.exists():
        _write(file, "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode())
    secret = SecretStr(file.read_text("ascii"))
    return Partner(results_url=HttpUrl(f"{settings.sandbox_url}/results/{SANDBOX_TENANT}"), signing_secret=secret)


def sandbox_creditor() -> Creditor:
    """The invented lender of the sandbox."""
    agency = Contact(name="Federal Trade Commission, Equal Credit Opportunity", address="Washington, DC 20580")
    return Creditor(
        name="Sandbox Lending, Inc.", address="1 Main Street, Springfield", telephone="+1 555 0100", agency=agency
    )


def keys_folder(settings: Settings) -> Path:
    """The folder of the keys, readable by their owner only."""
    return settings.state_dir.absolute() / "keys"


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner reads, completely or not at all; of two writers at once, the first one's file
    stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
