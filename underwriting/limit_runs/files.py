"""Files of limit runs, which only their owner reads: mode 0600, in folders of mode 0700.

With the setting `limits_sealed`, files with rows of users are sealed under the keys of the store. A sealed file has the
name of the plain one and `.sealed`. It is a line with the program's name, a line with its folder and name, and the
sealed content, which opens under that folder and name only.
"""

import os
import tempfile
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from underwriting.settings import settings
from underwriting.store.crypto import SealedCell, sealed_under
from underwriting.store.errors import Undecipherable
from underwriting.store.keyfile import keyring

SEALED = ".sealed"
HEAD = b"underwriting sealed file\n"


def make_folder(folder: Path) -> Path:
    """The folder; where it is new, nobody but its owner enters it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def write(file: Path, content: bytes, *, sealed: bool = False) -> None:
    """Write a file in one step. It replaces an earlier one, sealed or not."""
    place, other = file, file.with_name(file.name + SEALED)
    if sealed:
        content, place, other = _sealed(content, _label(file)), other, place
    _write(place, content)
    other.unlink(missing_ok=True)


def keep(finished: Path, place: Path, *, sealed: bool) -> None:
    """Move a finished file to its place, and delete that of an earlier calculation."""
    if finished.exists():
        write(place, finished.read_bytes(), sealed=sealed)
    else:
        place.unlink(missing_ok=True)
        place.with_name(place.name + SEALED).unlink(missing_ok=True)


def read(file: Path) -> bytes:
    """The content of a file, sealed or not; Undecipherable if it was sealed elsewhere or under a missing key."""
    place = file.with_name(file.name + SEALED)
    if not place.exists():
        return file.read_bytes()
    label, secret = _parts(place)
    if label != _label(file):
        raise Undecipherable(f"{place} was sealed as {label}; put it back there")
    return _opened(place, label, secret)


def unsealed(place: Path) -> bytes:
    """The content of a sealed file, wherever it is now; Undecipherable where it is none."""
    return _opened(place, *_parts(place))


def write_table(file: Path, table: pa.Table, *, sealed: bool) -> None:
    """Write a table as Parquet."""
    out = pa.BufferOutputStream()
    pq.write_table(table, out)
    write(file, out.getvalue().to_pybytes(), sealed=sealed)


def read_table(file: Path, columns: list[str] | None = None) -> pa.Table:
    """The table in a Parquet file, sealed or not."""
    return pq.read_table(pa.BufferReader(read(file)), columns=columns)


def is_sealed(file: Path) -> bool:
    """Whether the file of this plain name is sealed."""
    return file.with_name(file.name + SEALED).exists()


def find(folder: Path, pattern: str) -> list[Path]:
    """The files with such a name, by their plain names, in order."""
    found = chain(folder.glob(pattern), folder.glob(pattern + SEALED))
    return sorted({file.with_name(file.name.removesuffix(SEALED)) for file in found})


def reseal(folder: Path) -> int:
    """Seal every file below the folder that is sealed under an older key anew; how many."""
    current, count = keyring(settings()).current, 0
    for place in sorted(folder.rglob(f"*{SEALED}")):
        label, secret = _parts(place)
        if sealed_under(secret) != current:
            _write(place, _sealed(_opened(place, label, secret), label))
            count += 1
    return count


def _write(place: Path, content: bytes) -> None:
    # Only its owner reads what `mkstemp` makes.
    handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}-")
    with os.fdopen(handle, "wb") as out:
        out.write(content)
    Path(temporary).replace(place)


def _label(file: Path) -> str:
    return f"{file.absolute().parent.name}/{file.name}"


def _sealed(content: bytes, label: str) -> bytes:
    return HEAD + label.encode() + b"\n" + keyring(settings()).seal(content, _cell(label))


def _parts(place: Path) -> tuple[str, bytes]:
    """Folder and name under which a file was sealed, and the sealed content."""
    content = place.read_bytes()
    label, _, secret = content.removeprefix(HEAD).partition(b"\n")
    if not content.startswith(HEAD) or not secret:
        raise Undecipherable(f"{place} is no sealed file; those have names that end in {SEALED}")
    return label.decode(errors="replace"), secret


def _opened(place: Path, label: str, secret: bytes) -> bytes:
    try:
        return keyring(settings()).open(secret, _cell(label))
    except Undecipherable:
        raise Undecipherable(
            f"{place} does not open: it was changed, or the key {sealed_under(secret)!r} is missing or another one"
        ) from None


def _cell(label: str) -> SealedCell:
    return SealedCell("files", "content", (label,))
