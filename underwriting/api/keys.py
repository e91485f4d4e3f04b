"""The token issuer's public keys: from a file, or from the issuer's JWKS address, which is cached and refreshed."""

import asyncio
import json
import logging
import time
from collections.abc import Iterator

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, KeySet, OKPKey, RSAKey

from underwriting.integrations.errors import SourceError
from underwriting.integrations.http import HttpService
from underwriting.settings import Settings

log = logging.getLogger(__name__)

# An issuer publishes a new key before it signs with it. A token with an unknown key refreshes the set, but at most once
# in so many seconds, so that forged tokens cannot cause many requests to the issuer.
REFRESH_SECONDS = 30.0
MAX_BYTES = 1_000_000
ISSUER = "token issuer"
# The kinds of keys that verify the signatures we accept.
KINDS = (ECKey, OKPKey, RSAKey)


class KeysUnavailable(Exception):
    """The issuer's keys are not available, so no token can be verified."""


class PublicKeys:
    """The issuer's keys. `current` returns the cached set; `renewed` fetches it again."""

    def __init__(self, config: Settings) -> None:
        if (config.jwks_file is None) == (not config.jwks_url):
            raise ValueError(
                "set one of UNDERWRITING_JWKS_FILE, the file with the token issuer's public keys, and"
                " UNDERWRITING_JWKS_URL, the address where the issuer publishes them"
            )
        self._url, self._timeout, self._ttl = config.jwks_url, config.source_timeout, config.jwks_ttl
        file = config.jwks_file
        try:
            self._keys: KeySet | None = _parsed(file.read_bytes(), str(file)) if file else None
        except OSError as error:
            raise ValueError(f"UNDERWRITING_JWKS_FILE: {file}: {error.strerror}") from None
        if file and not self._keys:
            raise ValueError(f"{file} has no key that we can use; ask your token issuer for an EC, OKP or RSA key")
        self._fetched_at = -float("inf")
        self._lock = asyncio.Lock()

    async def current(self) -> KeySet:
        """The keys, at most `jwks_ttl` seconds old while the issuer answers; KeysUnavailable before it ever did."""
        if self._keys is None or (self._url and self._age > self._ttl):
            return await self._refresh()
        return self._keys

    async def renewed(self) -> KeySet:
        """The keys as the issuer has them now, if they were not fetched within the last `REFRESH_SECONDS` seconds."""
        return await self._refresh() if self._url and self._age > REFRESH_SECONDS else await self.current()

    @property
    def _age(self) -> float:
        return time.monotonic() - self._fetched_at

    async def _refresh(self) -> KeySet:
        seen = self._fetched_at
        async with self._lock:
            # A caller who waited for another's request uses its answer.
            if self._keys is None or seen == self._fetched_at:
                self._keys = await _fetched(self._url, self._timeout, known=self._keys)
                self._fetched_at = time.monotonic()
            return self._keys


async def _fetched(url: str, wait: float, known: KeySet | None) -> KeySet:
    """The set at `url`; the known one if the issuer is away or its answer is malformed."""
    try:
        async with HttpService(wait, MAX_BYTES) as wire:
            body = await wire.fetch(ISSUER, wire.request("GET", url))
        return _parsed(body or b"", ISSUER)
    except (SourceError, ValueError) as error:
        if known is None:
            raise KeysUnavailable(f"no token can be verified now: {error}") from None
        return known


def _parsed(text: bytes, origin: str) -> KeySet:
    """The keys of a set that we can use; the others are ignored, as RFC 7517 (section 5) asks. There may be none."""
    try:
        published = json.loads(text)["keys"]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{origin}: not a JSON Web Key Set: {error}") from None
    if not isinstance(published, list):
        raise ValueError(f"{origin}: not a JSON Web Key Set: keys is not a list")
    return KeySet(list(_usable(published, origin)))


def _usable(published: list[object], origin: str) -> Iterator[ECKey | OKPKey | RSAKey]:
    for place, data in enumerate(published):
        try:
            key = JWKRegistry.import_key(data)  # type: ignore[arg-type]  # It may be anything, hence the errors.
        except (ValueError, TypeError, KeyError, JoseError) as error:
            log.warning(
                "%s: keys.%d is ignored, it is no key that we can use (%s)", origin, place, type(error).__name__
            )
            continue
        if isinstance(key, KINDS):
            yield key
        else:
            log.warning("%s: keys.%d is ignored, a key of the type %s signs no token", origin, place, key.key_type)
