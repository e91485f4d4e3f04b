"""YAML whose every value remembers its line, so that an error can name its place.

A plain subset: one document of mappings with text keys, lists and scalars. Anchors and tags are refused, a key that
appears twice is an error.
"""

import re
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

# Keys and list positions from the top of the document.
Path = tuple[str | int, ...]

# The longest of ours has 15,000. Reading takes a second at the most, whatever is in it.
MAX_CHARACTERS = 100_000
# What JSON writes as it is and YAML takes for something else or not at all: a book with it could not be read back.
_STRANGE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_PLAIN_TAGS = {"str", "int", "float", "bool", "null", "timestamp", "seq", "map"}

# What YAML's reader says, and what it means to the person who writes the text.
_HINTS = {
    "mapping values are not allowed": "a second colon, or too much indentation; write one `key: value` a line",
    "expected ',' or '}'": "a { is not closed, or a comma is missing; close it with }",
    "expected ',' or ']'": "a [ is not closed, or a comma is missing; close it with ]",
    "expected <block end>": "a line is indented otherwise than the others of its list or mapping; align it with them",
    "could not find expected ':'": "a colon is missing after the key; write `key: value`",
    "cannot start any token": "a tab or a special character at the start; indent with spaces, put texts in quotes",
    "found undefined alias": "a text that begins with *; put it in quotes",
    "found another document": "a second document after ---; keep one",
}


class YamlProblem(ValueError):
    """What is wrong with the text, and in which line, counted from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class Unread:
    """Stands for a value that could not be read; `problems` of the document say why."""


UNREAD = Unread()


@dataclass
class YamlNode:
    """A document's value, the line of each of its parts, and what is wrong with the parts in `unread`."""

    value: object = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[YamlProblem] = field(default_factory=list)
    unread: set[Path] = field(default_factory=set)

    def not_read(self, path: Path, line: int, message: str) -> Unread:
        """Note why a part cannot be read; the others still are."""
        self.problems.append(YamlProblem(line, message))
        self.unread.add(path)
        return UNREAD

    def is_unread(self, path: Path) -> bool:
        """Whether the part at `path`, or one around it, could not be read."""
        return any(path[:length] in self.unread for length in range(len(path) + 1))

    def line(self, path: Path) -> int:
        """The line of the part at `path`, or of the closest part around it that is in the text."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_yaml(text: str) -> YamlNode:
    """Read one document; YamlProblem where it is broken. Parts that are outside the subset are left unread."""
    if len(text) > MAX_CHARACTERS:
        raise YamlProblem(1, f"more than {MAX_CHARACTERS:,} characters; split it")
    reader = YAML(typ="safe", pure=True)
    try:
        root = reader.compose(text)
        placed = YamlNode()
        placed.value = _plain(reader, root, (), placed) if root else None
    except MarkedYAMLError as broken:
        mark = broken.problem_mark or broken.context_mark
        raise YamlProblem(mark.line + 1 if mark else 1, _broken(str(broken.problem or broken.context))) from None
    except YAMLError as broken:
        raise YamlProblem(1, f"not YAML: {str(broken).splitlines()[0]}") from None
    except RecursionError:
        raise YamlProblem(1, "nested too deeply") from None
    return placed


def _broken(problem: str) -> str:
    """What YAML's reader says, with what to do about it."""
    hint = next((hint for words, hint in _HINTS.items() if words in problem), None)
    return f"not YAML: {hint}" if hint else f"not YAML: {problem}"


def _plain(reader: YAML, node: Node, path: Path, placed: YamlNode) -> object:
    line = node.start_mark.line + 1
    placed.lines.setdefault(path, line)
    # What is anchored is not followed: a few anchors within each other make a text of any length.
    if node.anchor:
        return placed.not_read(path, line, "anchors are not used here; write the value out")
    if str(node.tag).removeprefix("tag:yaml.org,2002:") not in _PLAIN_TAGS:
        return placed.not_read(path, line, f"the tag {node.tag} is not used here; leave it out")
    match node:
        case MappingNode():
            return _mapping(reader, node, path, placed)
        case SequenceNode():
            return [_plain(reader, item, (*path, place), placed) for place, item in enumerate(node.value)]
        case _:
            return _scalar(reader, node, path, placed)


def _mapping(reader: YAML, node: MappingNode, path: Path, placed: YamlNode) -> dict[str, object]:
    values: dict[str, object] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        known = len(placed.problems)
        key = _plain(reader, key_node, (*path, line), placed) if isinstance(key_node, ScalarNode) else None
        if not isinstance(key, str):
            if len(placed.problems) == known:
                placed.problems.append(YamlProblem(line, _no_key(key_node, values)))
            continue
        if key in values:
            first = placed.lines[(*path, key)]
            placed.not_read((*path, key), line, f"{key} appears twice, first in line {first}; keep one")
            continue
        placed.lines[(*path, key)] = line
        values[key] = _plain(reader, value_node, (*path, key), placed)
    return values


def _no_key(key: Node, before: dict[str, object]) -> str:
    """Why a key is wrong; in braces, the decimals after a comma are read as one: `{max_ratio: 0,43}`."""
    *_, last = (None, *before.values())
    if isinstance(last, int) and isinstance(key, ScalarNode) and key.value.isdigit():
        return f"{last},{key.value} has a comma; write {last}.{key.value}"
    return "a key has to be text; put it in quotes"


def _scalar(reader: YAML, node: Node, path: Path, placed: YamlNode) -> object:
    line = node.start_mark.line + 1
    if strange := _STRANGE.search(node.value):
        message = f"the character U+{ord(strange[0]):04X} is not allowed in a text here; leave it out"
        return placed.not_read(path, line, message)
    try:
        return reader.constructor.construct_object(node)
    except (ValueError, LookupError):
        # A date such as 2026-13-45, a number of ten thousand digits; `!!int ""` and `!!bool maybe`.
        return placed.not_read(path, line, f"{node.value[:40]} is not a possible date or number")
