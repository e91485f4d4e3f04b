"""The days and shares of timing.yaml."""

from decimal import Decimal
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML


class Timing(BaseModel):
    """The content of timing.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    booked_ahead_days: int = Field(ge=0)
    hold_days: int = Field(ge=0)
    settled_days: int = Field(ge=0)
    settled_share: Decimal = Field(ge=0)
    any_amount: frozenset[str]


@cache
def timing() -> Timing:
    """The values of the package; a mistake in the file is an error at the first use."""
    return Timing.model_validate(YAML(typ="safe").load(files(__package__).joinpath("timing.yaml").read_text("utf-8")))
