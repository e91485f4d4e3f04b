"""Feature flags in GrowthBook's format, from a file or an address, evaluated by GrowthBook's own engine.

The document is what GrowthBook's `/api/features/<client key>` answers: `{"features": {name: {defaultValue, rules}}}`,
with `savedGroups` where rules use them. A flag is evaluated by the user's `id` and, where it is known, `segment`. A
flag that depends on an unknown attribute is unknown: the engine would treat the attribute as having no value.
"""

import asyncio
import json
import logging
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from growthbook import Feature, GrowthBook
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from underwriting.integrations.errors import SourceError
from underwriting.integrations.http import HttpService
from underwriting.settings import Settings

MAX_BYTES = 5_000_000
# The engine's result sources where it cannot evaluate a flag.
_UNEVALUATED = {"unknownFeature", "cyclicPrerequisite"}
# Raised by the engine for a rule that is not of its format.
_BROKEN = (TypeError, AttributeError, KeyError, ValueError, IndexError, RecursionError)
_NOBODY = {"id": "nobody", "segment": "nowhere"}

log = logging.getLogger(__name__)


class FlagsError(ValueError):
    """The flags are not what GrowthBook writes, or their file cannot be read."""


class _Flag(BaseModel):
    model_config = ConfigDict(extra="ignore")

    defaultValue: JsonValue = None  # noqa: N815  # GrowthBook's spelling.
    rules: tuple[dict[str, JsonValue], ...] = ()


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore")

    features: dict[str, _Flag]
    savedGroups: dict[str, JsonValue] = {}  # noqa: N815


class _Attributes(dict[str, Any]):
    """The known attributes of a user; records the others that the engine looked for."""

    def __init__(self, known: dict[str, Any]) -> None:
        super().__init__(known)
        self.missed: set[object] = set()

    def __contains__(self, name: object) -> bool:
        found = super().__contains__(name)
        if not found:
            self.missed.add(name)
        return found

    def get(self, name: str, default: Any = None) -> Any:
        if name not in self:
            return default
        return self[name]


class _ParsedFlags:
    """The flags of one document, as the engine reads them."""

    def __init__(self, document: _Document) -> None:
        self._features = {
            name: Feature(flag.defaultValue, [dict(rule) for rule in flag.rules])
            for name, flag in document.features.items()
        }
        self._groups: dict[str, Any] = dict(document.savedGroups)

    def known(self, name: str, attributes: dict[str, Any]) -> bool | None:
        """Whether the flag is on for a user with these attributes.

        None if the engine cannot evaluate it, or looked for an unknown attribute before it had a result.
        """
        if name not in self._features:
            return None
        seen = _Attributes(attributes)
        engine = GrowthBook(attributes=seen, features=self._features, saved_groups=self._groups)
        result = engine.eval_feature(name)
        return None if seen.missed or result.source in _UNEVALUATED else bool(result.on)


class Flags:
    """Flags that are at most `ttl` seconds old; an empty `source` knows none.

    A file that is missing or broken is an error at once. Where an address does not answer, or not in GrowthBook's
    format, the last known flags stay; before any are known, every flag is unknown. A book with an unknown flag counts
    as unknown.
    """

    def __init__(self, source: str, ttl: float, timeout: float) -> None:
        self._source = source
        self._ttl = ttl
        self._timeout = timeout
        self._flags: _ParsedFlags | None = None
        self._due = 0.0

    @classmethod
    def of(cls, config: Settings) -> Self:
        """The flags that the settings name."""
        return cls(config.flags, config.flags_ttl, config.source_timeout)

    async def known(self, names: Iterable[str], user_id: str, segment: str | None = None) -> dict[str, bool]:
        """Which of `names` are on and which are off for the user; a name that is left out is unknown.

        FlagsError where the file is missing or broken.
        """
        if self._source and (self._flags is None or time.monotonic() >= self._due):
            # Set before the request, so that concurrent calls use the former flags and send none of their own.
            self._due = time.monotonic() + self._ttl
            self._flags = await self._fetched() if _is_address(self._source) else await asyncio.to_thread(self._file)
        attributes = {"id": user_id} | ({"segment": segment} if segment is not None else {})
        found = {name: _evaluated(self._flags, name, attributes) for name in names} if self._flags else {}
        return {name: on for name, on in found.items() if on is not None}

    def _file(self) -> _ParsedFlags:
        try:
            return _parsed(Path(self._source).read_bytes(), self._source)
        except OSError as error:
            raise FlagsError(f"{self._source}: {error.strerror}; UNDERWRITING_FLAGS names the file") from None

    async def _fetched(self) -> _ParsedFlags | None:
        try:
            async with HttpService(self._timeout, MAX_BYTES) as service:
                body = await service.fetch("flags", service.request("GET", self._source))
            if body is None:
                raise FlagsError("flags: answered 404; UNDERWRITING_FLAGS names the address")
            return _parsed(body, "flags")
        except (SourceError, FlagsError) as error:
            known = "the last flags are used" if self._flags else "no flag is known, so every book with one is unknown"
            log.warning("%s; %s", error, known)
            return self._flags


def _evaluated(flags: _ParsedFlags, name: str, attributes: dict[str, Any]) -> bool | None:
    """Whether the flag is on; None also where a rule breaks for this user alone."""
    try:
        return flags.known(name, attributes)
    except _BROKEN as error:
        log.warning("the flag %s cannot be evaluated, and so is unknown: %s", name, type(error).__name__)
        return None


def _is_address(source: str) -> bool:
    return source.startswith(("http://", "https://"))


def _parsed(body: bytes, origin: str) -> _ParsedFlags:
    """The flags of a document. Each is evaluated once for an invented user, so that broken rules are found here."""
    try:
        document = json.loads(body)
    except ValueError as error:
        raise FlagsError(f"{origin}: not JSON: {error}") from None
    except RecursionError:
        raise FlagsError(f"{origin}: nested too deeply") from None
    if isinstance(document, dict) and "encryptedFeatures" in document:
        raise FlagsError(f"{origin}: the features are encrypted; use a connection without encryption")
    try:
        checked = _Document.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise FlagsError(f"{origin}: {where}: {first['msg']}; see GrowthBook's features format") from None
    for name, flag in checked.features.items():
        try:
            _ParsedFlags(_Document(features={name: flag}, savedGroups=checked.savedGroups)).known(name, _NOBODY)
        except _BROKEN as error:
            raise FlagsError(f"{origin}: features.{name}: the engine cannot evaluate it: {error}") from None
    return _ParsedFlags(checked)
