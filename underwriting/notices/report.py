"""What a notice says of a bureau's report: 15 U.S.C. 1681m(a), with the score as 1681g(f)(1) describes it."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from underwriting.domain.creditor import Bureau
from underwriting.notices.errors import NoticeImpossible

# 15 U.S.C. 1681g(f)(1)(C) and (9): four key factors, and inquiries besides if they were one.
KEY_FACTORS = 4
INQUIRIES = "Number of recent inquiries on your report"


class _Factor(BaseModel):
    rank: int
    text: str


class _Answer(BaseModel):
    """The part of the stored report that notices need; older reports have less."""

    bureau: str | None = None
    reported_on: date | None = None
    score: int | None = None
    score_model: str | None = None
    score_min: int | None = None
    score_max: int | None = None
    exclusion_code: str | None = None
    key_factors: tuple[_Factor, ...] = ()
    inquiries_factor: bool | None = None


class Score(BaseModel):
    """The score, its range and date, and what lowered it."""

    model_config = ConfigDict(frozen=True)

    points: int
    lowest: int
    highest: int
    of: date | None
    model: str | None
    key_factors: tuple[str, ...]


class Report(BaseModel):
    """The bureau whose report was used, and its score, if it had one."""

    model_config = ConfigDict(frozen=True)

    bureau: Bureau
    score: Score | None = Field(default=None)

    @classmethod
    def of(cls, payload: bytes, bureaus: Mapping[str, Bureau]) -> Self:
        """From the report in the ledger; NoticeImpossible if the settings have no address of the bureau."""
        answer = _Answer.model_validate(json.loads(payload))
        # A report that names no bureau is from the only one.
        name = answer.bureau or (next(iter(bureaus)) if len(bureaus) == 1 else "")
        if name not in bureaus:
            raise NoticeImpossible(
                f"there is no address of the bureau {name or 'of the report'}, which the notice has to state; "
                "add it to UNDERWRITING_BUREAUS"
            )
        return cls(bureau=bureaus[name], score=_score(answer))


def _score(answer: _Answer) -> Score | None:
    """The score, if it was used. A value outside the model's range is an exclusion code, not a score."""
    points, lowest, highest = answer.score, answer.score_min, answer.score_max
    if points is None or lowest is None or highest is None or answer.exclusion_code is not None:
        return None
    if not lowest <= points <= highest:
        return None
    factors = [factor.text for factor in sorted(answer.key_factors, key=lambda it: it.rank)][:KEY_FACTORS]
    if answer.inquiries_factor and not any("inquir" in factor.lower() for factor in factors):
        factors.append(INQUIRIES)
    return Score(
        points=points,
        lowest=lowest,
        highest=highest,
        of=answer.reported_on,
        model=answer.score_model,
        key_factors=tuple(factors),
    )
