"""Personal data at rest: AES-256-GCM, each value bound to its table, column and row.

A sealed value is: format (1 byte), length of the key id (1 byte), key id, nonce (12 bytes), ciphertext and tag. A
value moved to another row, column or table does not open. Nonces are random, so a key is good for 2**32 values
(NIST SP 800-38D, 8.3); rotate long before. To rotate, add a key, make it current, and reseal
(`underwriting.store.rotation`); the old key must stay until that is done.
"""

import json
import os
from collections.abc import Mapping
from typing import NamedTuple, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from underwriting.store.errors import Undecipherable

FORMAT = 1
NONCE_BYTES = 12
KEY_BYTES = 32


class SealedCell(NamedTuple):
    """The table, column and row of a sealed value; `row` is its primary key."""

    table: str
    column: str
    row: tuple[str | int, ...]


class Keyring:
    """The keys by id; new values are sealed under the current one, old ones open under theirs."""

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        if current not in keys:
            raise ValueError(f"the current encryption key {current!r} is not among the keys {sorted(keys)}")
        for key_id, key in keys.items():
            if len(key) != KEY_BYTES:
                raise ValueError(f"encryption key {key_id!r} has {len(key)} bytes; AES-256 needs {KEY_BYTES}")
            if not 0 < len(key_id.encode()) < 256:  # noqa: PLR2004 - its length is one byte
                raise ValueError("an encryption key's id has 1 to 255 bytes")
        self.current = current
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}

    @classmethod
    def generate(cls) -> Self:
        """A ring of one fresh key, for as long as the process lives."""
        return cls({"k1": AESGCM.generate_key(KEY_BYTES * 8)}, "k1")

    def seal(self, plain: bytes, cell: SealedCell) -> bytes:
        """Encrypt `plain` for exactly this cell."""
        nonce = os.urandom(NONCE_BYTES)
        secret = self._ciphers[self.current].encrypt(nonce, plain, _bound(cell, self.current))
        return header(self.current) + nonce + secret

    def open(self, sealed: bytes, cell: SealedCell) -> bytes:
        """Decrypt what was sealed for this cell; Undecipherable for another cell or a missing key."""
        key_id = sealed_under(sealed)
        if key_id not in self._ciphers:
            raise Undecipherable(
                f"{cell.table}.{cell.column} is sealed under key {key_id!r}, which is not among the encryption keys"
            )
        start = len(header(key_id))
        nonce, secret = sealed[start : start + NONCE_BYTES], sealed[start + NONCE_BYTES :]
        try:
            return self._ciphers[key_id].decrypt(nonce, secret, _bound(cell, key_id))
        except (InvalidTag, ValueError):
            where = f"{cell.table}.{cell.column} of row {cell.row}"
            raise Undecipherable(f"{where} was changed or moved, or key {key_id!r} is another one now") from None

    def note(self, sealed: bytes, cell: SealedCell) -> str:
        """A person's note, or in its place a sentence that says why it does not open."""
        try:
            return self.open(sealed, cell).decode()
        except Undecipherable as error:
            return f"(this note does not open: {error})"


def header(key_id: str) -> bytes:
    """What every value sealed under this key begins with."""
    encoded = key_id.encode()
    return bytes((FORMAT, len(encoded))) + encoded


def sealed_under(sealed: bytes) -> str:
    """The id of the key that a value was sealed under."""
    if len(sealed) < 2 or sealed[0] != FORMAT:  # noqa: PLR2004 - the two bytes before the key id
        raise Undecipherable("these are not sealed bytes")
    return sealed[2 : 2 + sealed[1]].decode(errors="replace")


def _bound(cell: SealedCell, key_id: str) -> bytes:
    return json.dumps([*cell, key_id]).encode()
