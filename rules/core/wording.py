"""Pydantic's errors in the words of the person who writes a book: what is wrong with the value, and what to write."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "string": "text",
    "boolean": "true or false",
    "object": "properties",
}
# By the type of an error, or by the part of it before the first underscore; the limits are those of the error.
_SENTENCES = {
    "greater_than_equal": "{found} is too low; write {ge:g} or more",
    "greater_than": "{found} is too low; write more than {gt:g}",
    "less_than_equal": "{found} is too high; write {le:g} or less",
    "less_than": "{found} is too high; write less than {lt:g}",
    "decimal_max_places": "{found} is too exact; write at most {decimal_places} decimal places",
    "too_long": "too long; {max_length} is the most",
    "string_too_long": "too long; {max_length} characters are the most",
    "string_too_short": "empty; write a text",
    "dict": "write properties, {{name: value}}, not {found}",
    "model": "write properties, {{name: value}}, not {found}",
    "date": "{found} is not a day; write one such as 2026-06-30",
    "datetime": "{found} is not a moment; write one such as 2026-06-30T14:05:00",
    "time": "{found} is not a time of day; write one such as 23:59:59",
    "missing": "missing; it has to be there",
    # A check of our own, which words its message for people.
    "value_error": "{error}",
    "bool": "write true or false, not {found}",
}
_SHOWN = 60
# Bounds beyond it only keep the arithmetic within its types, and help nobody.
_NO_BOUND = 2**31 - 1
_GROUPED = re.compile(r"[0-9]{1,3}([.,' _][0-9]{3})+")
_DECIMAL_COMMA = re.compile(r"(-?[0-9]+),([0-9]+)")
_PERCENT = re.compile(r"(-?[0-9]+(?:[.,][0-9]+)?) ?%")


def did_you_mean(name: object, known: Iterable[str], otherwise: str) -> str:
    """The known name that comes closest, as a question; `otherwise` where none does."""
    near = get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else otherwise


def wording(error: ErrorDetails, schema: Mapping[str, Any] | None) -> str:
    """The sentence for an error of pydantic; `schema` is the JSON schema of the place, None where it is not known."""
    value, kind = error["input"], error["type"]
    family = kind.partition("_")[0]
    if sentence := _SENTENCES.get(kind) or _SENTENCES.get(family):
        return sentence.format(found=shown(value), **error.get("ctx", {}))
    if family in {"int", "float", "decimal", "finite"}:
        return _number(value, whole=family == "int", schema=schema or {})
    if family in {"enum", "literal"}:
        return _choice(shown(value), re.findall(r"[\w.-]+", str(error["ctx"]["expected"]).replace(" or ", " ")))
    if family in {"tuple", "list", "set", "frozen"}:
        return "empty; list at least one" if value is None else f"write a list: {_listed(value)}"
    if kind == "string_type":
        return f'write text: "{shown(value)}"' if isinstance(value, int | float | date) else "write text"
    described = wanted(schema or {})
    if schema and kind == "string_pattern_mismatch":
        # The description says what the pattern asks, or, of a field that has an example, what the field is for.
        described = (
            f"one such as {schema['examples'][0]}" if "examples" in schema else schema.get("description", described)
        )
    return f"{shown(value) or 'an empty text'} is not possible here; write {described}"


def shown(value: object) -> str:
    """A value as YAML has it, and shortened."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case float() if not math.isfinite(value):
            return f".{value}"
        case dict() | list() | tuple():
            text = json.dumps(value, default=str, ensure_ascii=False)
        case _:
            text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def wanted(schema: Mapping[str, Any]) -> str:
    """A property's JSON schema in words: "a whole number, at least 0, at most 6"."""
    # A number with exact decimals may be a text, too; what may be left out may be nothing.
    schema = {**next((each for each in schema.get("anyOf", ()) if each.get("type") != "null"), {}), **schema}
    words = [_KINDS.get(str(schema.get("type")), "a value")]
    if schema.get("format") == "date":
        words = ["a day such as 2026-06-30"]
    elif schema.get("type") == "string" and "examples" in schema:
        words = [f"text such as {schema['examples'][0]}"]
    if "enum" in schema:
        words = [f"one of {', '.join(map(str, schema['enum']))}"]
    bounds = (("minimum", "at least"), ("exclusiveMinimum", "more than"), ("maximum", "at most"))
    words += [f"{name} {schema[key]:g}" for key, name in bounds if key in schema and abs(schema[key]) < _NO_BOUND]
    return ", ".join(words) + (f" ({schema['description']})" if "description" in schema else "")


def _number(value: object, *, whole: bool, schema: Mapping[str, Any]) -> str:
    kind = {"type": "integer" if whole else "number"}
    what = wanted({key: each for key, each in schema.items() if key != "description"} | kind)
    if value is None:
        return f"empty; write {what}"
    if isinstance(value, float) and math.isfinite(value):
        below, above = math.floor(value), math.ceil(value)
        return f"{value} is not a whole number; write {below}" + (f" or {above}" if below != above else "")
    text = _as_number(value.strip(), whole=whole) if isinstance(value, str) else None
    if text is None:
        return f"{shown(value)} is not a number; write {what}"
    return f"write {text} without quotes" if text == value else f"{shown(value)}: write {text}"


def _as_number(text: str, *, whole: bool) -> str | None:
    """The number that a text means, as YAML writes it; None where it means none."""
    if percent := _PERCENT.fullmatch(text):
        return None if whole else f"{float(percent[1].replace(',', '.')) / 100:g}"
    if (whole or text.count(",") > 1) and _GROUPED.fullmatch(text):
        return re.sub("[^0-9]", "", text)
    text = _DECIMAL_COMMA.sub(r"\1.\2", text) if _DECIMAL_COMMA.fullmatch(text) else text
    return text if re.fullmatch(r"-?[0-9]+" if whole else r"-?[0-9]+(\.[0-9]+)?", text) else None


def _choice(found: str, choices: list[str]) -> str:
    *most, last = choices
    write = f"write {', '.join(most)} or {last}" if most else f"write {last}"
    return f"{found} is not possible here; {did_you_mean(found, choices, write)}"


def _listed(value: object) -> str:
    return f"[{shown(value)}]" if not isinstance(value, dict) else "[first, second]"
