"""The canonical text of a book or policy as the YAML that people write: its head first, and a rule on each line."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from rules.core.edition import Edition
from rules.core.problems import RulebookError

# The first keys, in this order, and the last ones; the others lie between them.
_FIRST = ("name", "version", "product", "currency", "valid_from", "valid_until", "priority", "on_unknown")
_LAST = ("stages", "rules", "table")
# Levels below these keys of which every item has a line of its own.
_LEVELS = {"stages": 3, "rules": 1, "table": 1}
_WIDTH = 112
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*|[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_NO_TEXT = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def as_yaml(text: str, read: Callable[[str], Edition]) -> str:
    """The YAML of a canonical text, which `read` reads back to the same version.

    Exact decimals are texts in the canonical form. They are written as numbers, unless another text looks like one.
    """
    document = json.loads(text)
    order = [*_FIRST, *(key for key in document if key not in (*_FIRST, *_LAST)), *_LAST]
    ordered = {key: _without_nulls(document[key]) for key in order if document.get(key) is not None}
    given = {key: value for key, value in ordered.items() if value != {}}
    written = "".join(f"{line}\n" for line in _mapping(given, 0, numbers=True))
    if _reads_as(text, read, written):
        return written
    return "".join(f"{line}\n" for line in _mapping(given, 0, numbers=False))


def _reads_as(text: str, read: Callable[[str], Edition], written: str) -> bool:
    try:
        return read(written).text == text
    except RulebookError:
        return False


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return value


def _mapping(mapping: dict[str, Any], levels: int, *, numbers: bool) -> Iterator[str]:
    for key, value in mapping.items():
        name = _scalar(key, numbers=False)
        below = _LEVELS.get(key, 0) or levels - 1
        inline = _inline(value, numbers=numbers)
        short = len(inline) < _WIDTH or (isinstance(value, list) and all(isinstance(each, int) for each in value))
        if value and isinstance(value, dict) and not (below <= 0 and short):
            lines = _mapping(value, below, numbers=numbers)
        elif value and isinstance(value, list) and not (below <= 0 and short):
            lines = _sequence(value, below, numbers=numbers)
        else:
            yield f"{name}: {inline}"
            continue
        yield f"{name}:"
        yield from (f"  {line}" for line in lines)


def _sequence(items: list[Any], levels: int, *, numbers: bool) -> Iterator[str]:
    for item in items:
        lines = [_inline(item, numbers=numbers)]
        if isinstance(item, dict) and (levels > 1 or len(item) == 1 or len(lines[0]) >= _WIDTH):
            lines = list(_mapping(item, levels - 1, numbers=numbers))
        yield f"- {lines[0]}"
        yield from (f"  {line}" for line in lines[1:])


def _inline(value: Any, *, numbers: bool) -> str:
    if isinstance(value, dict):
        pairs = (f"{_scalar(key, numbers=False)}: {_inline(each, numbers=numbers)}" for key, each in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(each, numbers=numbers) for each in value) + "]"
    return _scalar(value, numbers=numbers)


def _scalar(value: Any, *, numbers: bool) -> str:
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _NO_TEXT
        if plain or (numbers and _NUMBER.fullmatch(value)):
            return value
    # JSON is YAML.
    return json.dumps(value, ensure_ascii=False)
