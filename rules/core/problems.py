"""Errors in a rulebook, worded for the person who writes it: where, what is wrong, what to do."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from rules.core.wording import did_you_mean, wanted, wording
from rules.core.yaml_source import Path, YamlNode

# Lines of a message; whoever mends so many sees the others next.
MOST_PROBLEMS = 50


class RulebookError(ValueError):
    """What is wrong with a rulebook or a policy, a line each: file, line, rule, property, what to do."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        more = len(self.problems) - MOST_PROBLEMS
        shown = [*self.problems[:MOST_PROBLEMS], *([f"and {more:,} more"] if more > 0 else [])]
        super().__init__("\n".join(shown))


def wrong(message: str) -> PydanticCustomError:
    """An error with a message of our own, for a validator to raise."""
    return PydanticCustomError("rulebook", "{message}", {"message": message})


def wrong_at(problems: Iterable[tuple[Path, str]]) -> ValidationError:
    """Such errors, at places below the value that is validated."""
    return ValidationError.from_exception_data(
        "rulebook", [InitErrorDetails(type=wrong(message), loc=place, input=None) for place, message in problems]
    )


def reworded(error: ValidationError, model: type[BaseModel], within: Path = ()) -> ValidationError:
    """Pydantic's errors on `model` in our words, at places below `within`."""
    found = error.errors()
    return ValidationError.from_exception_data(
        model.__name__,
        [
            InitErrorDetails(
                type=wrong(_wording(each, model, "property" if within else "key")),
                loc=(*within, *each["loc"]),
                input=each["input"],
            )
            for each in found
            # Pydantic does not count wrong items, so a list of them would also be reported as too short.
            if each["type"] != "too_short" or not any(_lies_below(other["loc"], each["loc"]) for other in found)
        ],
    )


def _lies_below(place: Path, other: Path) -> bool:
    return len(place) > len(other) and place[: len(other)] == other


def rulebook_error(error: ValidationError | None, document: YamlNode, origin: str) -> RulebookError:
    """The errors, and what could not be read of the document, in the order of their lines, each with its place."""
    errors = [each for each in error.errors() if not document.is_unread(each["loc"])] if error else []
    unread = [(problem.line, problem.message) for problem in document.problems]
    wrong_parts = sorted((document.line(each["loc"]), subject(each["loc"]) + each["msg"]) for each in errors)
    found = sorted([*unread, *wrong_parts], key=lambda problem: problem[0])
    return RulebookError(f"{origin}:{line}: {message}" for line, message in dict.fromkeys(found))


def subject(place: Path) -> str:
    """What a place is: `stages`, stage, check, position, rule, property; or `rules`, position, rule, property."""
    match place:
        case ("stages", _, _, _, rule, name, *_) | ("rules", _, rule, name, *_):
            return f"rule {rule}: property {name}: "
        case ("stages", _, _, _, rule) | ("rules", _, rule):
            return f"rule {rule}: "
        case ("stages", _, check, *_):
            return f"check {check}: "
        case (("stages" | "rules") as list_, *_):
            return f"{list_}: "
        case _:
            return "".join(f"row {part + 1}: " if isinstance(part, int) else f"{part}: " for part in place)


def _wording(error: ErrorDetails, model: type[BaseModel], kind: str) -> str:
    match error["type"]:
        case "rulebook":
            return error["msg"]
        case "value_error":
            return error["msg"].removeprefix("Value error, ")
        case "too_short":
            return "empty; list at least one"
        case "missing":
            *around, name = error["loc"]
            return f"missing; give {wanted(_resolved(_properties(model, around)[str(name)], _schema_of(model)))}"
        case "extra_forbidden":
            *around, name = error["loc"]
            known = _properties(model, around)
            names = f"there are {', '.join(known)}" if len(known) > 1 else f"there is only {next(iter(known))}"
            return f"no such {kind}; {did_you_mean(name, known, names)}"
        case _:
            return wording(error, _schema_at(model, error["loc"]))


def _schema_at(model: type[BaseModel], place: Path) -> dict[str, Any] | None:
    """The JSON schema of a property, or of an item of its list; None where it cannot be found."""
    *around, name = place
    try:
        if isinstance(name, int):
            *around, name = around
            found: dict[str, Any] = _properties(model, around)[str(name)]["items"]
            return found
        found = _properties(model, around)[str(name)]
    except (KeyError, ValueError):
        return None
    return found


@cache
def _schema_of(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _properties(model: type[BaseModel], around: list[str | int]) -> dict[str, Any]:
    """The JSON schemas of a model's properties, or of those of the part at `around`."""
    schema = part = _schema_of(model)
    for name in around:
        part = part["items"] if isinstance(name, int) else part["properties"][name]
        part = _resolved(part, schema)
    properties: dict[str, Any] = part["properties"]
    return properties


def _resolved(part: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The part itself, or the definition that it refers to; one that may be left out is one of several."""
    reference = next((each["$ref"] for each in (part, *part.get("anyOf", ())) if "$ref" in each), None)
    found: dict[str, Any] = schema["$defs"][reference.rpartition("/")[2]] if reference else part
    return {key: text for key, text in found.items() if key != "description"} if reference else found
