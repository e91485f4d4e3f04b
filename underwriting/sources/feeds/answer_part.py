"""What the models of the providers' formats have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from underwriting.domain.ids import or_whole
from underwriting.domain.plausible import PlainText

_IdText = Annotated[PlainText, Field(min_length=1, max_length=128)]
Id = Annotated[_IdText, or_whole(_IdText)]
Text = Annotated[PlainText, Field(max_length=2_000)]


class Part(BaseModel):
    """A part of an answer: strict types; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False, hide_input_in_errors=True)
