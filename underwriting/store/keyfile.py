"""The embedded default's encryption key: a file in the state directory, made on first use."""

import base64
import binascii
import json
import os
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from underwriting.settings import Settings
from underwriting.store.crypto import KEY_BYTES, Keyring

FILE_NAME = "encryption-keys.json"


class KeysUnusable(ValueError):
    """The encryption keys of the settings or of the key file cannot be used; the message says which is wrong."""


def keyring(settings: Settings) -> Keyring:
    """The keys of the settings, or those of the key file; KeysUnusable says which setting or file is wrong."""
    if settings.encryption_keys:
        encoded = {key_id: secret.get_secret_value() for key_id, secret in settings.encryption_keys.items()}
        return _decoded(encoded, settings.encryption_key_id, "UNDERWRITING_ENCRYPTION_KEYS")
    path = settings.state_dir / FILE_NAME
    if not path.exists():
        _create(path)
    try:
        content = json.loads(path.read_text("utf-8"))
        keys, current = dict(content["keys"]), str(content["current"])
    except (ValueError, TypeError, KeyError):
        raise KeysUnusable(f"{path} is not a key file; restore it from its backup") from None
    return _decoded(keys, current, str(path))


def _decoded(encoded: dict[str, str], current: str, origin: str) -> Keyring:
    try:
        return Keyring({key_id: _bytes_of(key_id, key) for key_id, key in encoded.items()}, current)
    except ValueError as error:
        raise KeysUnusable(f"{origin}: {error}") from None


def _bytes_of(key_id: str, key: str) -> bytes:
    try:
        return base64.b64decode(key, validate=True)
    except binascii.Error:
        raise ValueError(f"the key {key_id} is no base64; `openssl rand -base64 {KEY_BYTES}` prints one") from None


def _create(path: Path) -> None:
    """Write a key file that only its owner reads. If several processes write one at once, the first file stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    key = base64.b64encode(AESGCM.generate_key(KEY_BYTES * 8)).decode()
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"current": "k1", "keys": {"k1": key}}, file)
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        pass
    finally:
        Path(temporary).unlink()
