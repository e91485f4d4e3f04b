"""The reasons that a person may give for a rejection: what a customer can be told and can dispute.

They are the reasons with which rules fail and those of `policies/persons_reasons.yaml`, without those that are not
about the applicant. Missing information, or a need to look, explains why a person had to decide; it is no reason for a
rejection.
"""

import difflib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import AfterValidator, Field
from ruamel.yaml import YAML

from rules.core.reasons import reason
from rules.eligibility.catalogue import USER_RULES
from rules.prescreening.catalogue import RULES
from underwriting.domain.decision import MAX_PRINCIPAL_REASONS, Outcome, Reason, Verdict, as_found

_LISTED = "`underwriting rulebooks reasons` lists them"
_RULES = (*RULES.values(), *USER_RULES.values())
_OF_SCORES = frozenset(rule.fails_as for rule in _RULES if rule.factors_in)


@cache
def adverse_codes() -> tuple[str, ...]:
    """The codes, each once: of the rules in the order of the catalogues, then the others."""
    ours = YAML(typ="safe").load(files("rules").joinpath("policies", "persons_reasons.yaml").read_text("utf-8"))
    failing = (rule.fails_as for rule in _RULES if rule.model_fields["on_fail"].default != "refer")
    return tuple(code for code in dict.fromkeys((*failing, *ours["also"])) if code not in ours["never"])


def _known(code: str) -> str:
    if code not in adverse_codes():
        close = difflib.get_close_matches(code, adverse_codes(), n=1)
        hint = f"did you mean {close[0]}?" if close else _LISTED
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


def reasons_given(
    verdict: Verdict, codes: Iterable[str], outcomes: Iterable[Outcome] | None = None
) -> tuple[Reason, ...]:
    """The reasons of a person's decision; ValueError where a rejection has none, or an approval has some.

    With the `outcomes` of the referral, a low score gets its key factors. ValueError where it has none, since a low
    score alone is no specific reason.
    """
    given = tuple(dict.fromkeys(codes))
    if verdict is Verdict.REJECTED and not given:
        raise ValueError(f"a rejection needs its reasons: choose one to four that the customer will be told; {_LISTED}")
    if verdict is not Verdict.REJECTED and given:
        raise ValueError("only a rejection has reasons: leave them out")
    if outcomes is None:
        return tuple(map(reason, given))
    found = as_found(map(reason, given), outcomes)
    if bare := [each.code for each in found if each.code in _OF_SCORES and not each.key_factors]:
        raise ValueError(f"the score has no key factors, so {', '.join(bare)} is no reason: choose another")
    return found
