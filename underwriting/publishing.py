"""Publishing of rulebooks and limit policies: what makes no sense is refused before anything is stored."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from rules.books import AnyBook, Draft
from rules.core.edition import Edition
from rules.core.experiments import Experiment
from rules.core.problems import RulebookError
from rules.eligibility.book import parse_eligibility_book
from rules.prescreening.book import parse_rulebook
from rules.publishable import Requirements, check, check_all, conflicts, keep_arms, keep_versions
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


@dataclass(frozen=True)
class Withdrawal:
    """The versions that decide nothing any more, and the one that decides now; None if none does."""

    withdrawn: Sequence[RulebookRef]
    in_force: Published | None


def required_by(config: Settings) -> Requirements:
    """What the settings require of every rulebook; RulebookError where they name a rule that does not exist."""
    return Requirements.by_tenants(config.required_rules, config.segments)


def check_beside(
    versions: Sequence[Published], drafts: Sequence[Draft], config: Settings, unread: Sequence[str] = ()
) -> None:
    """RulebookError if a draft makes no sense, alone or beside the published versions.

    `unread` is what is wrong in files that cannot be read; see `rules.publishable.check`.
    """
    by_time = sorted(versions, key=lambda version: (version.published_at, version.version))
    experiments = filter(None, map(_experiment_of, by_time))
    check_all(
        lambda: check(drafts, deciding(versions), required_by(config), today(), unread),
        lambda: keep_versions((version.ref for version in versions), drafts),
        lambda: keep_arms(experiments, _unpublished(versions, drafts)),
    )


async def publish(
    work: Work, drafts: Sequence[Draft], policies: Sequence[Edition], by: str, config: Settings
) -> dict[RulebookRef, tuple[bool, RulebookRef | None]]:
    """Publish books and limit policies; by version, whether it is new and which version of its name is in force then.

    RulebookError if one makes no sense, VersionTaken if another content has its version.
    """
    versions = await rulebooks.listing(work)
    # A version that is published already was checked then, and the others may have changed since.
    check_beside(versions, _unpublished(versions, drafts), config)
    new = {
        book.ref: await rulebooks.publish(
            work, book.ref, book.product, book.text, by, RulebookKind(book.kind), book.valid_from, book.valid_until
        )
        for book in (*(draft.book for draft in drafts), *policies)
    }
    after = await rulebooks.listing(work)
    now = {ref: current(version for version in after if version.name == ref.name) for ref in new}
    return {ref: (new[ref], found.ref if found else None) for ref, found in now.items()}


async def withdraw(
    work: Work, name: str, version: int | None, by: str, note: str, config: Settings, *, leave_none: bool = False
) -> Withdrawal:
    """Let a version decide nothing any more, by default the one in force; the one before it decides then.

    UnknownRulebook if there is no such version. RulebookError if users would be decided on without a rule that no book
    may lack, or by different shares of one experiment, or, unless `leave_none`, by no book at all; nothing is stored
    then.
    """
    versions = await _versions(work, name)
    deciding_now = current(versions)
    if version is None:
        if deciding_now is None:
            raise RulebookError([f"no version of {name} is in force"])
        version = deciding_now.version
    before = await _conflicts(work, config)
    changed = await rulebooks.withdraw(work, name, version, by, note)
    await _refuse_new_conflicts(work, before, config)
    gone = await rulebooks.get(work, name, version)
    if not leave_none and gone.ref == (deciding_now and deciding_now.ref) and not await _decides(work, gone, config):
        raise RulebookError(
            [f"without {gone.ref} no rulebook decides; publish the next version first, or add --leave-none"]
        )
    withdrawn = [gone.ref] if changed else []
    return Withdrawal(withdrawn, current(await _versions(work, name)))


async def _decides(work: Work, gone: Published, config: Settings) -> bool:
    """Whether there is still a book for what this one was for. Another book than the settings' decides on nobody."""
    if gone.kind is RulebookKind.REVIEW:
        return gone.name != config.rulebook or current(await _versions(work, gone.name)) is not None
    return bool((await rulebooks.current_set(work, gone.kind, gone.product, today())).books)


async def reinstate(work: Work, name: str, version: int, by: str, note: str, config: Settings) -> Withdrawal:
    """Put an earlier version in force again; newer ones that decide are withdrawn.

    UnknownRulebook if there is no such version. RulebookError if it has ended, and as in `withdraw`.
    """
    versions = await _versions(work, name)
    wanted = await rulebooks.get(work, name, version)
    if wanted.valid_until is not None and wanted.valid_until < today():
        raise RulebookError([f"{wanted.ref} ended on {wanted.valid_until}; publish its content as a new version"])
    before = await _conflicts(work, config)
    newer = [each for each in versions if each.version > version and _begun(each) and each.withdrawn_at is None]
    for each in newer:
        await rulebooks.withdraw(work, name, each.version, by, note)
    await rulebooks.reinstate(work, name, version, by, note)
    await _refuse_new_conflicts(work, before, config)
    return Withdrawal([each.ref for each in newer], current(await _versions(work, name)))


async def _versions(work: Work, name: str) -> list[Published]:
    versions = [version for version in await rulebooks.listing(work) if version.name == name]
    if not versions:
        raise RulebookError([f"no rulebook is called {name}; `underwriting rulebooks list` shows all"])
    if versions[0].kind is RulebookKind.LIMITS:
        message = f"{name} is a limit policy, which comes with the program: UNDERWRITING_LIMIT_POLICY names another one"
        raise RulebookError([message])
    return versions


async def _conflicts(work: Work, config: Settings) -> set[str]:
    return conflicts(deciding(await rulebooks.listing(work)), required_by(config), today())


async def _refuse_new_conflicts(work: Work, before: set[str], config: Settings) -> None:
    if new := await _conflicts(work, config) - before:
        raise RulebookError([*sorted(new), "so nothing is changed; publish a better version instead"])


def _begun(version: Published) -> bool:
    return version.valid_from is None or version.valid_from <= today()


def current(versions: Iterable[Published]) -> Published | None:
    """The version in force today of those of one name; None if there is none."""
    begun = [version for version in versions if version.withdrawn_at is None and _begun(version)]
    newest = max(begun, key=lambda version: version.version, default=None)
    return newest if newest and (newest.valid_until is None or newest.valid_until >= today()) else None


def today() -> date:
    """The day, UTC, on which a rulebook is in force."""
    return datetime.now(UTC).date()


def deciding(versions: Iterable[Published]) -> list[AnyBook]:
    """The books among published versions that may decide, today or later.

    Of each name these are the newest that has begun and those that begin later; the text of an older one may be of an
    earlier release, and is not read.
    """
    found: list[AnyBook] = []
    begun: set[str] = set()
    for version in sorted(versions, key=lambda version: version.version, reverse=True):
        if version.kind not in PARSERS or version.name in begun or version.withdrawn_at is not None:
            continue
        book = PARSERS[version.kind](version.text, str(version.ref))
        found.append(book)
        if _begun(version):
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
