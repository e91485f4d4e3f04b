"""The reasons that a person may give for a rejection: what a customer can be told and can dispute.

They are the reasons with which rules fail, and those of `policies/persons_reasons.yaml` beside them. That something
could not be obtained is why a person was asked, and no reason in itself.
"""

import difflib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import AfterValidator, Field
from ruamel.yaml import YAML

from rules.catalogue import RULES
from rules.eligibility.catalogue import USER_RULES
from rules.reasons import reason
from underwriting.domain.decision import MAX_PRINCIPAL_REASONS, Reason, Verdict


@cache
def adverse_codes() -> tuple[str, ...]:
    """The codes, each once: of the rules in the order of the catalogues, then the others."""
    failing = (rule.fails_as for rule in (*RULES.values(), *USER_RULES.values()))
    more = YAML(typ="safe").load(files(__package__).joinpath("policies", "persons_reasons.yaml").read_text("utf-8"))
    return tuple(dict.fromkeys((*failing, *more)))


def _known(code: str) -> str:
    if code not in adverse_codes():
        close = difflib.get_close_matches(code, adverse_codes(), n=1)
        hint = f"did you mean {close[0]}?" if close else "`underwriting rulebooks reasons` lists them"
        raise ValueError(f"{code} is no reason that a person may give; {hint}")
    return code


AdverseCode = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(adverse_codes())})]
AdverseCodes = Annotated[
    tuple[AdverseCode, ...],
    Field(
        max_length=MAX_PRINCIPAL_REASONS,
        description="Of a rejection: its principal reasons, the weightiest first, as the customer will be told",
        examples=[["income_low"]],
    ),
]


def reasons_given(verdict: Verdict, codes: Iterable[str]) -> tuple[Reason, ...]:
    """The reasons of a person's word; ValueError where a rejection has none, or an approval has some."""
    given = tuple(dict.fromkeys(codes))
    if verdict is Verdict.REJECTED and not given:
        raise ValueError("a rejection needs its reasons: choose one to four, which the customer will be told")
    if verdict is not Verdict.REJECTED and given:
        raise ValueError("only a rejection has reasons: leave them out")
    return tuple(map(reason, given))
