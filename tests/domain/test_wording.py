"""Whatever pydantic may find wrong with what a partner sent is said in other words than its own."""

import re
from typing import Annotated, Any, get_args

import pytest
from pydantic import AwareDatetime, BaseModel, Field, ValidationError
from pydantic_core.core_schema import ErrorType

from underwriting.domain.wording import WrongWithin, no_such_member, problems, problems_of


class Sent(BaseModel, extra="forbid"):
    code: Annotated[str, Field(pattern="^[a-z]+$", description="Small letters", examples=["abc"])]
    months: Annotated[int, Field(ge=1, le=120)] = 12
    at: AwareDatetime | None = None
    below: "Below | None" = None


class Below(BaseModel, extra="forbid"):
    name: Annotated[str, Field(min_length=3, max_length=9)]


def told(**sent: Any) -> dict[str, str]:
    try:
        Sent.model_validate({"code": "abc", **sent})
    except ValidationError as error:
        return {".".join(map(str, place)): sentence for place, sentence in problems_of(error, Sent)}
    return {}


@pytest.mark.parametrize(
    ("sent", "place", "sentence"),
    [
        ({"code": "A1"}, "code", "is not possible here; write text such as abc (small letters)"),
        ({"code": 5}, "code", 'is a number; write text such as "abc" (small letters)'),
        ({"months": 0}, "months", "is too low; write a whole number from 1 to 120"),
        ({"months": 121}, "months", "is too high; write a whole number from 1 to 120"),
        ({"months": 1.5}, "months", "is no whole number; write a whole number from 1 to 120"),
        ({"months": "many"}, "months", "is no whole number; write a whole number from 1 to 120"),
        ({"months": [1]}, "months", "is a list; write a whole number from 1 to 120"),
        (
            {"at": "2026-03-02T09:30:00"},
            "at",
            "has no time zone; write a moment with its time zone, such as 2026-06-30T14:05:00Z",
        ),
        ({"below": {"name": "x"}}, "below.name", "is too short; write text of 3 to 9 characters"),
        ({"below": {}}, "below.name", "is missing; write text of 3 to 9 characters"),
        ({"below": [1]}, "below", "is a list; write an object with name"),
        ({"monts": 1}, "monts", "there is no such member; did you mean months? there are at, below, code and months"),
        ({"more": 1}, "more", "there is no such member; there are at, below, code and months"),
        ({"below": {"name": "abc", "more": 1}}, "below.more", "there is no such member; there is only name"),
    ],
)
def test_a_problem_says_where_what_is_wrong_and_what_to_write(sent, place, sentence):
    assert told(**sent) == {place: sentence}


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "x", "", b"x", [], [1], {}, {"a": 1}])
@pytest.mark.parametrize("place", [("code",), ("months",), ("at",), ("below",), ("below", "name"), ("unknown", 0)])
def test_no_kind_of_error_is_in_the_words_of_pydantic(place, value):
    for kind in get_args(ErrorType):
        error = {"type": kind, "loc": place, "msg": "Input should be", "input": value}
        if kind in {"json_invalid", "value_error"}:
            continue
        ((_, sentence),) = problems([error], Sent.model_json_schema())
        assert not re.search(r"Input|should|valid|pattern|[{}<>]|None|True|False", sentence), kind


def test_what_a_check_of_the_whole_finds_has_the_place_of_the_member():
    error: Any = {"type": "value_error", "loc": ("body",), "input": {}, "ctx": {"error": WrongWithin([(("a",), "no")])}}
    assert list(problems([error], {})) == [(("body", "a"), "no")]


def test_of_what_has_no_members_none_is_named():
    assert no_such_member([]) == "there is no such member; leave it out, there is none"
