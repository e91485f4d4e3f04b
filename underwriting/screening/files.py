"""Reads list files strictly: an incomplete or misread list must not be accepted."""

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import NamedTuple, NoReturn

# DOS end-of-file mark, with which OFAC closes its files.
_END_MARK = "\x1a"


class ListFileError(Exception):
    """A file that violates its layout: the file, the line, and the problem."""

    def __init__(self, path: Path, line: int | None, why: str) -> None:
        super().__init__(f"{path}: {why}" if line is None else f"{path}:{line}: {why}")


class Line(NamedTuple):
    """One record and where it starts: its fields without the blanks around them, and as they are written."""

    number: int
    fields: list[str]
    written: list[str]


def read_text(path: Path) -> tuple[bytes, str]:
    """A file's bytes and its text; ListFileError where it is missing, empty, cut off or not UTF-8."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ListFileError(path, None, f"cannot be read: {error.strerror}") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ListFileError(
            path, line, f"byte {content[error.start]:#04x} is not UTF-8; save the file as UTF-8"
        ) from None
    text = text.rstrip(_END_MARK)
    if not text.strip():
        raise ListFileError(path, 1, "the file is empty")
    if not text.endswith(("\n", "\r")):
        raise ListFileError(
            path, text.count("\n") + 1, "the last line has no end: the file was cut off, or a newline is missing"
        )
    return content, text


def read_lines(path: Path, text: str, columns: int) -> Iterator[Line]:
    """The records of a CSV text, each of `columns` fields without the blanks around them; empty lines are skipped."""
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    while True:
        number = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ListFileError(path, number, f"not a CSV record: {error}") from error
        if len(fields) != columns and fields:
            raise ListFileError(path, number, f"{len(fields)} fields instead of {columns}")
        if fields:
            yield Line(number, [field.strip() for field in fields], fields)


def refuse(path: Path, line: Line, why: str) -> NoReturn:
    """Refuse the file because of a record."""
    raise ListFileError(path, line.number, why)
