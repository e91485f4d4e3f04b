"""Reason codes and the sentences that customers read."""

from importlib.resources import files

from ruamel.yaml import YAML

from underwriting.domain.decision import Reason

REASONS: dict[str, Reason] = {
    code: Reason(code=code, sentence=sentence)
    for code, sentence in YAML(typ="safe").load(files("rules").joinpath("reasons.yaml").read_text("utf-8")).items()
}


def reason(code: str) -> Reason:
    """The reason of a code; KeyError where reasons.yaml has none."""
    return REASONS[code]
