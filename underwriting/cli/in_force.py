"""What decides now, in words: every rulebook in force, for whom, since when, and who caused it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import groupby

from rules.books import AnyBook, in_force
from rules.core.experiments import Experiment
from rules.eligibility.book import EligibilityBook
from rules.limits.policy import shipped_policy
from rules.prescreening.book import Rulebook
from underwriting.publishing import deciding, today
from underwriting.settings import Settings
from underwriting.store import rulebooks
from underwriting.store.models import RulebookKind
from underwriting.store.rulebooks import Published
from underwriting.store.session import Work


@dataclass(frozen=True)
class InForce:
    """A version in force: for whom, in words, since when, and who caused that."""

    version: Published
    priority: int
    whom: str
    since: datetime
    by: str


async def in_force_now(work: Work, config: Settings) -> list[InForce]:
    """Every rulebook in force today (UTC), and the limit policy: for whom, since when, and by whom."""
    versions = await rulebooks.listing(work)
    by_name = {name: list(group) for name, group in groupby(versions, key=lambda version: version.name)}
    found = []
    books = {book.ref: book for book in in_force(deciding(versions), today())}
    for book in books.values():
        version = next(each for each in by_name[book.name] if each.ref == book.ref)
        since, by = _since(version, by_name[book.name])
        whom = _users(book) if isinstance(book, EligibilityBook) else _applicants(book, books.values(), config)
        found.append(InForce(version, book.priority, whom, since, by))
    policy = shipped_policy(config.limit_policy)
    # What is not published comes with the program.
    for version in versions:
        if version.ref == policy.ref:
            found.append(InForce(version, 0, "all users with a limit", *_since(version, [version])))
    return sorted(
        found,
        key=lambda each: (_KINDS.index(each.version.kind), each.version.product, each.priority, each.version.name),
    )


_KINDS = tuple(RulebookKind)


def _since(version: Published, versions: Iterable[Published]) -> tuple[datetime, str]:
    """When a version in force began to decide, and who caused it: by a publication, or by withdrawing a newer one."""
    causes = [(version.published_at, version.published_by)]
    if version.valid_from is not None:
        causes.append((datetime.combine(version.valid_from, time(), UTC), version.published_by))
    if version.reinstated_at is not None and version.reinstated_by is not None:
        causes.append((version.reinstated_at, version.reinstated_by))
    for each in versions:
        if each.version > version.version and each.withdrawn_at is not None and each.withdrawn_by is not None:
            causes.append((each.withdrawn_at, each.withdrawn_by))
    return max(causes)


def _applicants(book: Rulebook, others: Iterable[AnyBook], config: Settings) -> str:
    """Which applications a book of the pre-screening decides (`RulebookCache.book_for`)."""
    default = next((each for each in others if each.name == config.rulebook), None)
    if book is default:
        trials = (each for each in others if isinstance(each, Rulebook) and each.experiment and each is not book)
        return "all other applicants" if any(map(book.lends_like, trials)) else "all applicants"
    if default is not None and isinstance(default, Rulebook) and book.experiment and default.lends_like(book):
        return _arm(book.experiment, "applicants")
    return f"no applicants: UNDERWRITING_RULEBOOK names {config.rulebook}"


def _users(book: EligibilityBook) -> str:
    whom = book.applies_to
    parts = [f"segment {' or '.join(whom.segments)}"] if whom.segments else []
    parts += [f"flag {whom.flag}"] if whom.flag else []
    parts += [_arm(whom.experiment, "users")] if whom.experiment else []
    return (", ".join(parts) or "all users") + ("; has to pass" if book.superseding else "")


def _arm(experiment: Experiment, whom: str) -> str:
    return f"{float(experiment.shares[experiment.arm]) * 100:g}% of {whom}: arm {experiment.arm} of {experiment.name}"
