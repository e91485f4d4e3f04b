"""Adjusts the score of a match of names by birth date, document and country. Unknown details change nothing."""

from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from underwriting.screening.entries import BirthDate, Entry, Subject, document_number

# An agreement closes this part of the gap between the score and 1: most for a document number; much for the exact day
# of birth, shared by one person in twenty thousand; less for a day within a stated span; little for a country.
_SAME_DOCUMENT = 0.9
_SAME_DAY = 0.6
_WITHIN_SPAN = 0.2
_SAME_COUNTRY = 0.1
# Every year of difference between birth dates, after the first, costs this part of the score, up to a bound: lists have
# errors.
_PER_YEAR = 0.05
_YEARS_APART = 0.3
# Another country is weak evidence, since people move, and none if the exact day of birth agrees.
_OTHER_COUNTRY = 0.03
_YEAR = timedelta(days=365.25)


class Finding(StrEnum):
    """What was found on document, birth date and country."""

    SAME_DOCUMENT = "same document"
    SAME_DAY = "born on the same day"
    WITHIN_SPAN = "born within the listed span"
    SLIP = "birth dates differ by a slip"
    APART = "birth dates lie apart"
    SAME_COUNTRY = "same country"
    OTHER_COUNTRY = "other country"


# A country, or a birth date somewhere in a span, is shared by millions.
_CONFIRMING = frozenset({Finding.SAME_DOCUMENT, Finding.SAME_DAY})


class Weighed(NamedTuple):
    """A score after the evidence, and what the evidence was."""

    score: float
    findings: tuple[Finding, ...]

    @property
    def confirmed(self) -> bool:
        """Whether a rare detail confirms that it is the same person, which a name alone cannot."""
        return not _CONFIRMING.isdisjoint(self.findings)


def weigh(name_score: float, subject: Subject, entry: Entry) -> Weighed:
    """The score of a match of names, adjusted by the other known details."""
    score, findings = name_score, []
    if subject.document and document_number(subject.document) in entry.documents:
        score = _adjusted(score, _SAME_DOCUMENT)
        findings.append(Finding.SAME_DOCUMENT)
    if subject.birth_date and entry.birth_dates:
        # Of alternative dates, the best one counts.
        factor, finding = max(_birth(subject.birth_date, listed) for listed in entry.birth_dates)
        score = _adjusted(score, factor)
        findings.append(finding)
    if subject.country and subject.country in entry.countries:
        score = _adjusted(score, _SAME_COUNTRY)
        findings.append(Finding.SAME_COUNTRY)
    elif subject.country and entry.countries and Finding.SAME_DAY not in findings:
        score = _adjusted(score, -_OTHER_COUNTRY)
        findings.append(Finding.OTHER_COUNTRY)
    return Weighed(score, tuple(findings))


def _adjusted(score: float, factor: float) -> float:
    return score + (1 - score) * factor if factor > 0 else score * (1 + factor)


def _birth(born: date, listed: BirthDate) -> tuple[float, Finding]:
    if listed.earliest <= born <= listed.latest:
        return (_SAME_DAY, Finding.SAME_DAY) if _is_a_birthday(listed) else (_WITHIN_SPAN, Finding.WITHIN_SPAN)
    if listed.exact and _is_slip(born, listed.earliest):
        return 0.0, Finding.SLIP
    years = max(listed.earliest - born, born - listed.latest) / _YEAR
    return -min(_YEARS_APART, _PER_YEAR * max(0.0, years - 1)), Finding.APART


def _is_a_birthday(listed: BirthDate) -> bool:
    """Whether the day itself is known. Offices write 1 January if they know only the year."""
    return listed.exact and (listed.earliest.day, listed.earliest.month) != (1, 1)


def _is_slip(born: date, listed: date) -> bool:
    """Day and month exchanged, or one of day, month and year other than listed, the year by one at most."""
    if (born.day, born.month, born.year) == (listed.month, listed.day, listed.year):
        return True
    same = [born.day == listed.day, born.month == listed.month, born.year == listed.year]
    return sum(same) == len(same) - 1 and abs(born.year - listed.year) <= 1
