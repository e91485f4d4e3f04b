"""Whom a book of eligibility applies to: segments of users, a feature flag, an arm of an experiment."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from rules.core.experiments import Experiment


class AppliesTo(BaseModel):
    """Whom a book applies to: users who meet every condition that is given; all users, if none is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    segments: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] | None,
        Field(min_length=1, description="Segments of the user service, any of which will do"),
    ] = None
    flag: Annotated[
        str | None, Field(min_length=1, max_length=100, description="A feature flag that has to be on for the user")
    ] = None
    experiment: Experiment | None = None
