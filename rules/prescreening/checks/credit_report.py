"""What the credit bureau states."""

from functools import cache
from importlib.resources import files
from typing import Annotated, ClassVar, cast

import pandas as pd
from pydantic import Field
from ruamel.yaml import YAML

from rules.core.columns import Column, Truth, first_known, is_one_of, looked_up, wherever_known
from rules.core.rule import AlwaysRefer, Count, Facts, Part, Ratio, Rule, derived

# Why the bureau's file cannot be used, by `credit_alert` and by `credit_file`.
ALERTS = {
    "deceased": "credit_file_deceased",
    "fraud_alert": "credit_file_fraud_alert",
    "active_duty": "credit_file_active_duty",
    "security_freeze": "credit_file_frozen",
    "disputed": "credit_file_disputed",
}
FILES = {
    "not_asked": "bureau_consent_missing",
    "no_hit": "credit_file_not_found",
    "frozen": "credit_file_frozen",
    "locked": "credit_file_locked",
}
CONCERNS = tuple(ALERTS.values())
# Reason codes of exclusion codes, by the beginning of the score model's name.
EXCLUSIONS: dict[str, dict[str, str]] = YAML(typ="safe").load(
    files("rules").joinpath("policies", "score_exclusions.yaml").read_text("utf-8")
)["models"]
# A model that we do not know may mean it by any of these.
DEATHS = {code: why for codes in EXCLUSIONS.values() for code, why in codes.items() if why == ALERTS["deceased"]}
WITHOUT_FILE = (*dict.fromkeys((*CONCERNS, *FILES.values())),)


@cache
def exclusion_reason(code: str, model: str | None) -> str:
    """Why the bureau gave this exclusion code instead of a score, as a reason code."""
    known = [codes for name, codes in EXCLUSIONS.items() if (model or "").lower().startswith(name)] or [DEATHS]
    return next((codes[code] for codes in known if code in codes), "credit_score_excluded")


@derived
def excluded(facts: Facts) -> Column:
    """Why there is no score, as a reason code; NA where the bureau gave no exclusion code."""
    return wherever_known(facts.credit_score_exclusion, facts.credit_score_model, exclusion_reason)


@derived
def concern(facts: Facts) -> Column:
    """What a person has to look at first, as a reason code: an alert, or that the holder of the file has died."""
    died = looked_up(excluded(facts), {ALERTS["deceased"]: ALERTS["deceased"]})
    return first_known(died, looked_up(facts.credit_alert, ALERTS))


@derived
def without_file(facts: Facts) -> Column:
    """Why the file cannot be used, as a reason code; NA where it may be read, or where the bureau gave no answer."""
    return first_known(concern(facts), looked_up(facts.credit_file, FILES))


class FileRule(Rule):
    """A claim about the bureau's file. Without one, the customer reads why; an alert always refers."""

    unknown_codes: ClassVar[tuple[str, ...]] = WITHOUT_FILE
    concerns: ClassVar[tuple[str, ...]] = CONCERNS

    def unknown_code(self, facts: Facts) -> Column:
        """What keeps the file from being read."""
        return without_file(facts)


class NoCreditAlert(FileRule):
    """The bureau's file has no alert, dispute or report of death; otherwise a person decides."""

    fails_as: ClassVar[str] = "credit_alert"
    unknown_as: ClassVar[str] = "credit_file_unknown"

    on_fail: AlwaysRefer = "refer"

    def claim(self, facts: Facts) -> Truth:
        """There is no alert."""
        return is_one_of(facts.credit_alert, ("none",))


class CreditScore(FileRule):
    """The bureau scores the applicant high enough."""

    factors_in: ClassVar[tuple[str, ...]] = tuple(f"credit_score_factor_{rank}" for rank in range(1, 5))
    fails_as: ClassVar[str] = "credit_score_low"
    unknown_as: ClassVar[str] = "credit_score_missing"
    unknown_codes: ClassVar[tuple[str, ...]] = (
        *WITHOUT_FILE,
        "credit_file_thin",
        "credit_score_excluded",
    )
    # Nobody knows why there is no score.
    concerns: ClassVar[tuple[str, ...]] = (*CONCERNS, "credit_score_excluded")

    min_score: Annotated[int, Field(ge=0, le=1000)]

    def claim(self, facts: Facts) -> Truth:
        """The score reaches the minimum; a thin file has none."""
        return facts.credit_score >= self.min_score

    def unknown_code(self, facts: Facts) -> Column:
        """What keeps the file from being read, or from being scored."""
        thin = looked_up(facts.credit_file, {"thin": "credit_file_thin"})
        return first_known(without_file(facts), excluded(facts), thin)


class Utilisation(FileRule):
    """The applicant does not draw too much of the revolving limits."""

    fails_as: ClassVar[str] = "utilisation_high"
    unknown_as: ClassVar[str] = "utilisation_unknown"

    max_ratio: Annotated[Part, Field(description="Drawn share of the limits")]

    def claim(self, facts: Facts) -> Truth:
        """The drawn share stays within the maximum."""
        return facts.revolving_utilisation <= self.max_ratio


class Delinquencies(FileRule):
    """The bureau reports few delinquencies of the last 24 months."""

    fails_as: ClassVar[str] = "delinquent_obligations"
    unknown_as: ClassVar[str] = "credit_report_unavailable"

    max_24m: Count

    def claim(self, facts: Facts) -> Truth:
        """Delinquencies stay within the maximum."""
        return facts.delinquencies_24m <= self.max_24m


class NoInsolvency(FileRule):
    """The bureau reports no insolvency."""

    fails_as: ClassVar[str] = "insolvency"
    unknown_as: ClassVar[str] = "credit_report_unavailable"

    def claim(self, facts: Facts) -> Truth:
        """There is none."""
        return facts.insolvencies == 0


class Inquiries(FileRule):
    """The applicant asked few lenders for credit in the last 6 months."""

    fails_as: ClassVar[str] = "inquiries_many"
    unknown_as: ClassVar[str] = "credit_report_unavailable"

    max_6m: Count

    def claim(self, facts: Facts) -> Truth:
        """Inquiries stay within the maximum."""
        return facts.inquiries_6m <= self.max_6m


class ReportedRepaymentCapacity(FileRule):
    """The cash that comes in also covers the debts that the bureau reports, the new instalments included."""

    fails_as: ClassVar[str] = "reported_repayment_capacity_low"
    unknown_as: ClassVar[str] = "liabilities_unknown"

    min_dscr: Annotated[Ratio, Field(description="Cash before debt service over debt service")]

    def claim(self, facts: Facts) -> Truth:
        """Coverage reaches the minimum."""
        return facts.reported_debt_service_coverage >= self.min_dscr


class ReportedDebtToIncome(FileRule):
    """The debts that the bureau reports, the new instalments included, take no more than a part of the income."""

    fails_as: ClassVar[str] = "reported_obligations_excessive"
    unknown_as: ClassVar[str] = "liabilities_unknown"

    max_ratio: Annotated[Part, Field(description="Debt service over income")]

    def claim(self, facts: Facts) -> Truth:
        """The ratio stays within the maximum."""
        return facts.reported_debt_to_income <= self.max_ratio


class MilitaryLending(Rule):
    """A covered borrower under the Military Lending Act pays no more than the highest rate that it allows."""

    fails_as: ClassVar[str] = "military_rate_high"
    unknown_as: ClassVar[str] = "military_status_unknown"
    grey_as: ClassVar[str | None] = "military_status_old"
    unknown_codes: ClassVar[tuple[str, ...]] = (*CONCERNS, "bureau_consent_missing")
    concerns: ClassVar[tuple[str, ...]] = CONCERNS

    max_mapr: Annotated[Part, Field(description="Military annual percentage rate; 0.36 is 36%")]
    max_age_days: Annotated[Count, Field(description="Days for which the stated status may be relied on")]

    def claim(self, facts: Facts) -> Truth:
        """The rate stays within the maximum, or the applicant is no covered borrower. An old status does not fail."""
        fits = (facts.mapr <= self.max_mapr) | ~facts.covered_borrower
        return fits | (self._old(facts) & cast("Truth", pd.NA))

    def grey(self, facts: Facts) -> Truth:
        """The rate is higher, and the status was stated too long ago."""
        return ~(facts.mapr <= self.max_mapr) & self._old(facts)

    def unknown_code(self, facts: Facts) -> Column:
        """The bureau states the status, and may not be asked, or its file carries an alert."""
        return first_known(concern(facts), looked_up(facts.credit_file, {"not_asked": "bureau_consent_missing"}))

    def _old(self, facts: Facts) -> Truth:
        return facts.covered_borrower_age_days > self.max_age_days
