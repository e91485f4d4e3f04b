"""Kinds of customers and users, read from YAML."""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, TypeVar

from pydantic import TypeAdapter
from ruamel.yaml import YAML

K = TypeVar("K")


def read_kinds(package: str, file: str, kind: type[K], usual: Mapping[str, object] | None = None) -> tuple[K, ...]:
    """The kinds of a file. `usual` has what a kind has unless the file says otherwise.

    A kind's `plan` names lists of the file's bookings; a booking with several days is one booking on each.
    """
    data = YAML(typ="safe").load(files(package).joinpath(file).read_text("utf-8"))
    kinds = [{**(usual or {}), **each} for each in data["kinds"]]
    for one in kinds:
        if "plan" in one:
            one["plan"] = list(_bookings(data["bookings"], one["plan"]))
    return TypeAdapter(tuple[kind, ...]).validate_python(kinds)  # type: ignore[valid-type]


def _bookings(bookings: Mapping[str, list[dict[str, Any]]], plan: list[str]) -> Iterator[dict[str, Any]]:
    for name in plan:
        for booking in bookings[name]:
            days = booking["day"]
            yield from ({**booking, "day": day} for day in (days if isinstance(days, list) else [days]))
