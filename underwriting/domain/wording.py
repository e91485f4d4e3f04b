"""Pydantic's errors on what a partner sent, in the partner's words: which member, what is wrong with it, what to write.

The value is not repeated, since it may be personal. What to write comes from the JSON schema of the member: its kind,
bounds, choices and first example. Where a pattern decides, the description of the member says what the pattern asks.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any, Self

from pydantic import BaseModel, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails

Schema = Mapping[str, Any]
Place = tuple[int | str, ...]
Problem = tuple[Place, str]

_IMPOSSIBLE = "is not possible here"
# By the type of an error, or by the part of it before the first underscore.
_WRONG = {
    "greater": "is too low",
    "less": "is too high",
    "string_too_short": "is too short",
    "string_too_long": "is too long",
    "too_short": "is too short",
    "too_long": "is too long",
    "timezone": "has no time zone",
    "date": "is no day",
    "datetime": "is no moment",
    "int": "is no whole number",
    "float": "is no number",
    "bool": "is neither true nor false",
}
# What JSON has, and as which kinds of a schema it may be meant: in a query all is text. A boolean is an int, too.
_KINDS: tuple[tuple[str, type | tuple[type, ...], set[str]], ...] = (
    ("true or false", bool, {"boolean"}),
    ("a number", (int, float), {"integer", "number", "boolean"}),
    ("text", str, {"string", "integer", "number", "boolean"}),
    ("a list", list, {"array"}),
    ("an object", dict, {"object"}),
)
_MOMENTS = {
    "date": "a day such as 2026-06-30",
    "date-time": "a moment with its time zone, such as 2026-06-30T14:05:00Z",
}
# Choices beyond so many are not listed; an example stands for them.
_LISTED = 10
# A bound beyond it only keeps to a column's type, and helps nobody.
_NO_BOUND = 2**31 - 1


class WrongWithin(ValueError):
    """What a check of a whole object finds wrong with some of its members."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{'.'.join(map(str, place))}: {sentence}" for place, sentence in self.problems))


class AllAtOnce(BaseModel):
    """A request of which everything that is wrong is found at once, also what only several members together show."""

    @classmethod
    def misfits(cls, given: Mapping[str, Any]) -> Iterable[Problem]:
        """What does not fit together of members that are right by themselves.

        `given` has these alone, as they were sent or by default; those that are wrong or missing are not in it.
        """
        return ()

    @model_validator(mode="wrap")
    @classmethod
    def _everything(cls, sent: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            made = read(sent)
        except ValidationError as error:
            wrong = {each["loc"][0] for each in error.errors(include_url=False, include_context=False) if each["loc"]}
            if not isinstance(sent, Mapping):
                raise
            defaults = {
                name: field.get_default(call_default_factory=True)
                for name, field in cls.model_fields.items()
                if not field.is_required()
            }
            given = {name: value for name, value in {**defaults, **sent}.items() if name not in wrong}
            if not (found := list(cls.misfits(given))):
                raise
            raise WrongWithin([*problems_of(error, cls), *found]) from None
        if found := list(cls.misfits({name: getattr(made, name) for name in cls.model_fields})):
            raise WrongWithin(found)
        return made


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """What is wrong with a value that should have been a `model`."""
    return list(problems(error.errors(include_url=False), _schema_of(model)))


def problems(errors: Sequence[ErrorDetails], schema: Schema, text: str = "") -> Iterator[Problem]:
    """Each place with its sentence; `schema` is that of the whole value, with the definitions that it refers to.

    `text` is what was to be read as JSON.
    """
    for error in errors:
        place, kind = error["loc"], error["type"]
        cause = error.get("ctx", {}).get("error")
        if kind == "json_invalid":
            where = _line_and_column(text, int(place[-1]))
            write = wanted(schema, place[:-1], in_json=True)
            yield place[:-1], f"is no JSON at {where}; write {write}"
        elif isinstance(error["input"], bytes):
            yield place, "is not sent as JSON; add the header Content-Type: application/json"
        elif isinstance(cause, WrongWithin):
            yield from (((*place, *within), sentence) for within, sentence in cause.problems)
        elif kind == "value_error":
            # A check of our own, which words its message for people.
            yield place, str(cause)
        elif kind == "extra_forbidden":
            yield place, no_such_member(_at(schema, place[:-1]).get("properties", {}), str(place[-1]))
        else:
            write = wanted(schema, place, in_json=not isinstance(error["input"], str))
            yield place, f"{_wrong(error, _at(schema, place))}; write {write}"


def wanted(schema: Schema, place: Place, *, in_json: bool = False) -> str:
    """What to write at a place: "a whole number from 1 to 200"; an example of a text is in quotes where it is JSON."""
    return _wanted(schema, _at(schema, place), in_json=in_json)


def no_such_member(known: Iterable[str], name: str = "") -> str:
    """The sentence about a member that is not one of those known here, with the one whose name comes closest."""
    names = sorted(known)
    there = f"there {'are' if len(names) > 1 else 'is only'} {_and(names)}" if names else "leave it out, there is none"
    near = get_close_matches(name, names, n=1)
    return f"there is no such member; {f'did you mean {near[0]}? ' if near else ''}{there}"


def _line_and_column(text: str, at: int) -> str:
    before = text[:at]
    return f"line {before.count(chr(10)) + 1}, column {at - before.rfind(chr(10))}"


def _wrong(error: ErrorDetails, schema: Schema) -> str:
    kind, value = error["type"], error["input"]
    if kind == "missing":
        return "is missing"
    if value == "":
        return "is empty"
    for name, kinds, wanted_kinds in _KINDS:
        if isinstance(value, kinds) and schema.get("type") not in wanted_kinds:
            return f"is {name}"
    if value in ([], {}):
        return "is empty"
    return "is null" if value is None else _WRONG.get(kind) or _WRONG.get(kind.partition("_")[0], _IMPOSSIBLE)


def _wanted(root: Schema, schema: Schema, *, in_json: bool) -> str:
    if 0 < len(choices := _choices(schema)) <= _LISTED:
        return _and(choices, "or")
    if choices:
        return f"one of those that the description lists, such as {choices[0]}"
    kind = schema.get("type")
    if kind == "string":
        return _MOMENTS.get(schema.get("format", "")) or _text(schema, in_json=in_json)
    if kind == "array":
        return _list(root, schema)
    if kind == "object":
        return _object(schema)
    words = {"integer": f"a whole number{_range(schema)}", "number": f"a number{_range(schema)}"}
    return words.get(str(kind), "true or false")


def _and(names: Sequence[str], word: str = "and") -> str:
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last


def _object(schema: Schema) -> str:
    if examples := schema.get("examples"):
        return f"an object such as {json.dumps(examples[0])}"
    return "an object" + (f" with {_and(schema['required'])}" if schema.get("required") else "")


def _text(schema: Schema, *, in_json: bool) -> str:
    low, high = schema.get("minLength"), schema.get("maxLength")
    words = ["text"]
    if high is not None:
        words.append(f"of {low} to {high} characters" if low else f"of at most {high} characters")
    if examples := schema.get("examples"):
        words.append(f"such as {json.dumps(examples[0]) if in_json else examples[0]}")
    if "pattern" in schema and (asked := schema.get("description", "")):
        words.append(f"({asked[0].lower()}{asked[1:]})")
    return " ".join(words)


def _range(schema: Schema) -> str:
    low, high = (schema.get(name) for name in ("minimum", "maximum"))
    if high is None or high >= _NO_BOUND:
        return "" if low is None else f", {low:g} or more"
    return f", {high:g} or less" if low is None else f" from {low:g} to {high:g}"


def _list(root: Schema, schema: Schema) -> str:
    most = f" of at most {schema['maxItems']}" if "maxItems" in schema else ""
    choices = _choices(_resolved(root, schema.get("items", {})))
    example = choices if 0 < len(choices) <= _LISTED else next(iter(schema.get("examples", ())), None)
    return f"a list{most}" + (f", such as {json.dumps(example)}" if example else "")


def _choices(schema: Schema) -> list[str]:
    return [str(each) for each in schema.get("enum", [schema["const"]] if "const" in schema else [])]


def _at(root: Schema, place: Place) -> Schema:
    """The schema of a place; empty where it cannot be found."""
    schema = _resolved(root, root)
    for part in place:
        schema = _resolved(root, _below(schema, part))
    return schema


def _below(schema: Schema, part: int | str) -> Schema:
    if isinstance(part, int):
        found = schema.get("items", {})
    else:
        # Of an object whose members have names of the sender's own.
        found = schema.get("properties", {}).get(part, schema.get("additionalProperties"))
    return found if isinstance(found, Mapping) else {}


def _resolved(root: Schema, schema: Schema) -> Schema:
    """Without references, and of several alternatives the first one that is a value."""
    for alternative in schema.get("anyOf", ()):
        if alternative.get("type") != "null":
            return {**_resolved(root, alternative), **{key: schema[key] for key in schema if key != "anyOf"}}
    if reference := schema.get("$ref"):
        found: Any = root
        for part in str(reference).removeprefix("#/").split("/"):
            found = found[part]
        return {**_resolved(root, found), **{key: schema[key] for key in schema if key != "$ref"}}
    return schema


@cache
def _schema_of(model: type[BaseModel]) -> Schema:
    return model.model_json_schema()
