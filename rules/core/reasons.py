"""Reason codes and the sentences that customers read."""

from collections.abc import Iterable
from importlib.resources import files

from ruamel.yaml import YAML

from underwriting.domain.decision import MAX_PRINCIPAL_REASONS, Reason

REASONS: dict[str, Reason] = {
    code: Reason(code=code, sentence=sentence)
    for code, sentence in YAML(typ="safe").load(files("rules").joinpath("reasons.yaml").read_text("utf-8")).items()
}


def reason(code: str) -> Reason:
    """The reason of a code; KeyError where reasons.yaml has none."""
    return REASONS[code]


def principal(codes: Iterable[str]) -> tuple[str, ...]:
    """The principal reasons among codes that are in the order of their weight: the first four, each once."""
    return tuple(dict.fromkeys(codes))[:MAX_PRINCIPAL_REASONS]
