"""Publishing of rulebooks and limit policies: what makes no sense is refused before anything is stored."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from rules.books import AnyBook, Draft
from rules.core.edition import Edition
from rules.core.experiments import Experiment
from rules.eligibility.book import parse_eligibility_book
from rules.prescreening.book import parse_rulebook
from rules.publishable import Required, check, keep_arms
from underwriting.domain.decision import RulebookRef
from underwriting.settings import Settings
from underwriting.store import rulebooks
from underwriting.store.models import RulebookKind
from underwriting.store.rulebooks import Published
from underwriting.store.session import Work

PARSERS: Mapping[RulebookKind, Callable[[str, str], AnyBook]] = {
    RulebookKind.REVIEW: parse_rulebook,
    RulebookKind.ELIGIBILITY: parse_eligibility_book,
}


def required_by(config: Settings) -> Required:
    """What the settings require of every rulebook; RulebookError where they name a rule that does not exist."""
    return Required.by_tenants(config.required_rules, config.segments)


def check_beside(versions: Sequence[Published], drafts: Sequence[Draft], config: Settings) -> None:
    """RulebookError if a draft makes no sense, alone or beside the published versions."""
    check(drafts, deciding(versions), required_by(config), datetime.now(UTC).date())
    by_time = sorted(versions, key=lambda version: (version.published_at, version.version))
    keep_arms(filter(None, map(_experiment_of, by_time)), _unpublished(versions, drafts))


async def publish(
    work: Work, drafts: Sequence[Draft], policies: Sequence[Edition], by: str, config: Settings
) -> dict[RulebookRef, bool]:
    """Publish books and limit policies; whether each is new, by its version.

    RulebookError if one makes no sense, VersionTaken if another content has its version.
    """
    versions = await rulebooks.listing(work)
    # A version that is published already was checked then, and the others may have changed since.
    check_beside(versions, _unpublished(versions, drafts), config)
    return {
        book.ref: await rulebooks.publish(
            work, book.ref, book.product, book.text, by, RulebookKind(book.kind), book.valid_from, book.valid_until
        )
        for book in (*(draft.book for draft in drafts), *policies)
    }


def deciding(versions: Iterable[Published]) -> list[AnyBook]:
    """The books among published versions that may decide, today or later.

    Of each name these are the newest that has begun and those that begin later; the text of an older one may be of an
    earlier release, and is not read.
    """
    today = datetime.now(UTC).date()
    found: list[AnyBook] = []
    begun: set[str] = set()
    for version in sorted(versions, key=lambda version: version.version, reverse=True):
        if version.kind not in PARSERS or version.name in begun:
            continue
        book = PARSERS[version.kind](version.text, str(version.ref))
        found.append(book)
        if book.valid_from <= today:
            begun.add(version.name)
    return found


def _unpublished(versions: Iterable[Published], drafts: Iterable[Draft]) -> list[Draft]:
    refs = {version.ref for version in versions}
    return [draft for draft in drafts if draft.book.ref not in refs]


def _experiment_of(version: Published) -> Experiment | None:
    """The experiment of a published version; the rest of its text may be of an earlier release."""
    # A limit policy applies to everybody.
    experiment = (json.loads(version.text).get("applies_to") or {}).get("experiment")
    return Experiment.model_validate(experiment) if experiment else None
