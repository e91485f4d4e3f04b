"""Ids of other services: text, or a whole number that is read as text."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from underwriting.domain.plausible import PlainText

# JSON readers may round larger numbers (RFC 7493).
_LARGEST = 2**53 - 1
_Whole = Annotated[int, Field(strict=True, ge=0, le=_LARGEST)]


def _as_text(value: object) -> object:
    # bool is a subclass of int, but not an id.
    return str(value) if type(value) is int and 0 <= value <= _LARGEST else value


def or_whole(text: Any) -> BeforeValidator:
    """Lets a field of the type `text` take a whole number too: 4711 is the id "4711"."""
    return BeforeValidator(_as_text, json_schema_input_type=text | _Whole)


_Text = Annotated[PlainText, Field(max_length=64)]
# An id in a document of a source.
SourceId = Annotated[_Text, or_whole(_Text)]
