"""What a replay finds, printed in words or as JSON."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import typer

from rules.core.differences import Difference, named
from underwriting.cli.output import print_json, print_lines


class What(StrEnum):
    """What a finding is about. The three drifts are named by what changed: a book, the code, the answers of sources."""

    SAME = "same"
    RULE_DRIFT = "rule drift"
    CODE_DRIFT = "code drift"
    DATA_DRIFT = "data drift"
    IN_FORCE_NOW = "in force now"
    TROUBLE = "trouble"
    DRAFT = "draft"


DRIFTS = {What.RULE_DRIFT, What.CODE_DRIFT, What.DATA_DRIFT}


@dataclass(frozen=True)
class Finding:
    """One sentence, and the places where two answers differ; None where nothing was compared."""

    what: What
    sentence: str
    differences: tuple[Difference, ...] | None = None


def drifted(findings: Iterable[Finding]) -> bool:
    """Whether the result is not what it was."""
    return any(finding.what in DRIFTS for finding in findings)


def print_findings(findings: Iterable[Finding], subject_id: str, *, as_json: bool) -> None:
    """Print them in their order."""
    if as_json:
        print_json({"id": subject_id, "findings": list(findings)})
        return
    for finding in findings:
        if finding.differences is None:
            typer.echo(finding.sentence)
        else:
            print_lines(finding.sentence, named(finding.differences) or ["none"])
