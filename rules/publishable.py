"""What a rulebook needs to be published besides being readable: it makes sense, screens, and fits to the others."""

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path as File

from rules.books import AnyBook, Draft, in_force, load_draft, read_draft
from rules.core.experiments import Experiment, moved
from rules.core.problems import RulebookError, subject
from rules.core.rule import Plausible, Rule
from rules.core.rule_syntax import reader_of
from rules.core.wording import did_you_mean
from rules.core.yaml_source import Path
from rules.eligibility.applicability import AppliesTo
from rules.eligibility.book import EligibilityBook
from rules.eligibility.catalogue import USER_RULES
from rules.limits.tiers import CURRENCY, TIERS
from rules.prescreening.book import shipped_rulebooks
from rules.prescreening.catalogue import RULES
from underwriting.domain.application import Product
from underwriting.domain.decision import RulebookRef
from underwriting.domain.money import Money

# The bank of docs/berka.md: its customers are pseudonyms, which no list has.
_WITHOUT_LISTS = ("berka",)
_READERS = {"stages": reader_of(RULES), "rules": reader_of(USER_RULES)}
_SHARES: Path = ("applies_to", "experiment", "shares")


@dataclass(frozen=True)
class Requirements:
    """What the lender requires of every rulebook: rules that none may lack, and the segments that there are."""

    rules: Collection[str]
    segments: Collection[str]

    @classmethod
    def by_tenants(cls, rules: Mapping[str, Iterable[str]], segments: Collection[str]) -> "Requirements":
        """What all tenants require together, since every book decides for each of them.

        RulebookError where a tenant requires a rule that does not exist.
        """
        known = {**RULES, **USER_RULES}
        strange = [
            f"the setting UNDERWRITING_REQUIRED_RULES of {tenant}: no rule is called {name}; "
            + did_you_mean(name, known, "docs/rules.md lists them")
            for tenant, names in rules.items()
            for name in names
            if name not in known
        ]
        if strange:
            raise RulebookError(strange)
        return cls(tuple(dict.fromkeys(name for names in rules.values() for name in names)), segments)


def read_drafts(files: Iterable[File]) -> tuple[list[Draft], list[str]]:
    """The books in files, and everything that is wrong in those that cannot be read, file by file.

    Of a book that cannot be read, that includes the numbers that make no sense in its other rules.
    """
    drafts: list[Draft] = []
    problems: list[str] = []
    for file in files:
        try:
            drafts.append(load_draft(file))
        except RulebookError as error:
            problems += [*error.problems, *_senseless(file)]
    return drafts, problems


def _senseless(file: File) -> Iterator[str]:
    """The numbers that make no sense in a file's rules, as far as these can be read."""
    try:
        document = read_draft(file)
    except RulebookError:
        return
    for place, node in _written_rules(document.value):
        try:
            rule = _READERS[str(place[0])](node)
        except ValueError:
            continue
        if isinstance(rule, Rule):
            for name, message in _implausible(rule):
                inside = (*place, rule.name, name)
                yield f"{file}:{document.line(inside)}: {subject(inside)}{message}"


def _written_rules(written: object, place: Path = ()) -> Iterator[tuple[Path, object]]:
    """What is written as a rule in `stages` or `rules`, each with its place."""
    match (place, written):
        case ((), dict()) | (("stages", int()), dict()):
            for key, value in written.items():
                if place or key in _READERS:
                    yield from _written_rules(value, (*place, key))
        case (("stages",) | ("rules",) | ("stages", int(), _), list()):
            for index, value in enumerate(written):
                inside = (*place, index)
                if place == ("stages",):
                    yield from _written_rules(value, inside)
                else:
                    yield inside, value


def check_all(*checks: Callable[[], None]) -> None:
    """Make all checks; RulebookError with what any of them finds wrong."""
    problems: list[str] = []
    for one in checks:
        try:
            one()
        except RulebookError as error:
            problems += error.problems
    if problems:
        raise RulebookError(dict.fromkeys(problems))


def check(
    drafts: Sequence[Draft],
    others: Iterable[AnyBook],
    required: Requirements,
    today: date,
    unread: Sequence[str] = (),
) -> None:
    """RulebookError with everything that speaks against publishing the drafts beside the `others`.

    `others` has the versions that are published and not withdrawn; those that are drafts, too, count once. `unread` is
    what is wrong in files that cannot be read. While there is any, the drafts are not compared with other books, since
    the books in these files may change that.
    """
    problems = [*unread, *(problem for draft in drafts for problem in _alone(draft, required))]
    if not unread:
        refs = {draft.book.ref for draft in drafts}
        together = [*drafts, *(Draft(book) for book in others if book.ref not in refs)]
        problems += _disagreements(together, refs, today)
        problems += _unguarded(together, {draft.book.ref: draft for draft in drafts}, required, today)
    if problems:
        raise RulebookError(dict.fromkeys(problems))


def keep_versions(published: Iterable[RulebookRef], drafts: Iterable[Draft]) -> None:
    """RulebookError where a draft differs from a published book of its name and version, withdrawn or not."""
    digests = {str(ref): ref.digest for ref in published}
    problems = [
        draft.problem(("version",), f"{ref} is published with another content; raise the version number")
        for draft in drafts
        if digests.get(str(ref := draft.book.ref), ref.digest) != ref.digest
    ]
    if problems:
        raise RulebookError(problems)


def keep_arms(published: Iterable[Experiment], drafts: Iterable[Draft]) -> None:
    """RulebookError where a new version of an experiment would move users who are in an arm already.

    `published` has the experiments as they were published, the oldest first, also those that ended: one that begins
    again has its users back in their arms.
    """
    before = {experiment.name: experiment for experiment in published}
    problems = []
    for draft in drafts:
        now = draft.book.experiment
        if now and now.name in before and (share := moved(before[now.name], now)):
            message = (
                f"{draft.book.ref} would move {share:.2%} of all users out of their arms of {now.name}; only raise "
                "shares, or give the experiment another name"
            )
            problems.append(draft.problem(_SHARES, message))
    if problems:
        raise RulebookError(problems)


def conflicts(books: Sequence[AnyBook], required: Requirements, today: date) -> set[str]:
    """What is wrong with books that decide together: different shares of an experiment, a rule that none may lack."""
    drafts = {book.ref: Draft(book) for book in books}
    unguarded = (
        f"{ref} would decide without {rule}, which no rulebook may lack"
        for ref, rule in _without_guard(books, required, today)
    )
    return {*_disagreements(list(drafts.values()), drafts, today), *unguarded}


def _alone(draft: Draft, required: Requirements) -> Iterator[str]:
    """What is wrong with a book, whatever the others are."""
    book = draft.book
    for place, rule in placed_rules(book):
        for name, message in _implausible(rule):
            yield draft.problem((*place, rule.name, name), message)
    if isinstance(book, EligibilityBook):
        for index, message in _no_tiers(book):
            yield draft.problem(("offers", index), message)
        for index, segment in enumerate(book.applies_to.segments or ()):
            if segment not in required.segments:
                yield draft.problem(("applies_to", "segments", index), no_segment(segment, required.segments))
    elif not (book.name in _WITHOUT_LISTS and book.ref == shipped_rulebooks()[book.name].ref):
        own = {rule.name for rule in book.rules}
        for name in required.rules:
            if name in RULES and name not in own:
                where = f"add {_example(name)} to the check {RULES[name].check}"
                yield draft.problem(("stages",), f"{name} is missing, and no rulebook may lack it; {where}")


def placed_rules(book: AnyBook) -> Iterator[tuple[Path, Rule]]:
    """Every rule of a book, with its place."""
    if isinstance(book, EligibilityBook):
        yield from ((("rules", index), rule) for index, rule in enumerate(book.rules))
        return
    for number, stage in enumerate(book.stages):
        for check_, rules in stage.items():
            yield from ((("stages", number, check_, index), rule) for index, rule in enumerate(rules))


def _implausible(rule: Rule) -> Iterator[tuple[str, str]]:
    """The properties of a rule whose numbers make no sense, each with what to write instead."""
    for name, field in type(rule).model_fields.items():
        bounds = [each for each in field.metadata if isinstance(each, Plausible)]
        if not bounds:
            continue
        value, plausible = getattr(rule, name), bounds[-1]
        if plausible.least is not None and value < plausible.least:
            yield name, f"{value} makes no sense, since nothing would pass; write {plausible.least:g} or more"
        if plausible.most is not None and value > plausible.most:
            percent = value / 100
            hint = f"write {percent:g} for {value:g}%" if isinstance(value, float) and percent <= plausible.most else ""
            yield name, f"{value:g} makes no sense; {hint or f'write {plausible.most:g} or less'}"


def _no_tiers(book: EligibilityBook) -> Iterator[tuple[int, str]]:
    """Offers of floats that nobody can get, since no tier has the amount."""
    amounts = [tier.amount for tier in TIERS]
    if book.product is not Product.FLOAT or book.currency != CURRENCY:
        return
    for index, offer in enumerate(book.offers):
        if offer not in amounts:
            cents = offer * 100
            hint = f"write {cents} for {Money(minor=cents, currency=CURRENCY)}" if cents in amounts else "write a tier"
            tiers = ", ".join(map(str, amounts))
            yield index, f"{offer} is {Money(minor=offer, currency=CURRENCY)}, no tier of a float; {hint} ({tiers})"


def no_segment(segment: str, known: Collection[str]) -> str:
    """The sentence for a segment that the user service does not have, with those that it has."""
    if not known:
        return f'no segments are known; list those of the user service in UNDERWRITING_SEGMENTS, as ["{segment}"]'
    there_are = f"there are {', '.join(sorted(known))} (UNDERWRITING_SEGMENTS)"
    near = did_you_mean(segment, known, "")
    return f"no segment is called {segment}; {f'{near} T{there_are[1:]}' if near else there_are}"


def _disagreements(together: Sequence[Draft], new: Container[RulebookRef], today: date) -> Iterator[str]:
    """Different shares of one experiment in two books that decide on the same day: one user would be in two arms."""
    by_ref = {draft.book.ref: draft for draft in together}
    books = [draft.book for draft in together]
    for day in _days_of_change(books, today):
        of = sorted((book for book in in_force(books, day) if book.experiment), key=_experiment_name)
        for name, group in groupby(of, key=_experiment_name):
            # What is published already is compared with, not told.
            first, *rest = sorted(group, key=lambda book: (book.ref in new, book.name))
            for book in rest:
                if book.ref in new and _shares(book) != _shares(first):
                    message = (
                        f"{book.ref} and {first.ref} give the arms of the experiment {name} different shares, so that "
                        f"a user could be in two arms; write {_written(first)} in both, or publish them together"
                    )
                    yield by_ref[book.ref].problem(_SHARES, message)


def _experiment_name(book: AnyBook) -> str:
    return book.experiment.name if book.experiment else ""


def _shares(book: AnyBook) -> Mapping[str, object]:
    return book.experiment.shares if book.experiment else {}


def _written(book: AnyBook) -> str:
    return "{" + ", ".join(f"{arm}: {share}" for arm, share in _shares(book).items()) + "}"


def _unguarded(
    together: Sequence[Draft], drafts: Mapping[RulebookRef, Draft], required: Requirements, today: date
) -> Iterator[str]:
    """Drafts by which users would be decided on without a rule that no book may lack; one problem a draft and rule."""
    books = [draft.book for draft in together if isinstance(draft.book, EligibilityBook)]
    told: set[tuple[RulebookRef, str]] = set()
    for day in _days_of_change(books, today):
        current = in_force(books, day)
        for book, rule in _without_rule(current, required.rules):
            guards = (each for each in books if each.superseding and each.product is book.product)
            for blamed in (book, *guards):
                if blamed.ref in drafts and (blamed.ref, rule) not in told:
                    told.add((blamed.ref, rule))
                    yield drafts[blamed.ref].problem(("rules",), _unguarded_message(blamed, book, rule, day))


def _unguarded_message(blamed: EligibilityBook, book: EligibilityBook, rule: str, day: date) -> str:
    if rule in {own.name for own in blamed.rules}:
        return (
            f"{book.ref} would decide from {day} on without {rule}, which no rulebook may lack; "
            "let this book apply to everybody, without an end"
        )
    message = f"{rule} is missing, and no user may be decided on without it; add {_example(rule)}"
    if blamed is book:
        return f"{message}, here or in a superseding book for everybody"
    return f"{message}, since {book.ref} does not have it either"


def _without_guard(books: Iterable[AnyBook], required: Requirements, today: date) -> set[tuple[str, str]]:
    """Books of eligibility that decide, today or later, without a rule that none may lack; each with the rule."""
    regular = [book for book in books if isinstance(book, EligibilityBook)]
    return {
        (str(book.ref), rule)
        for day in _days_of_change(regular, today)
        for book, rule in _without_rule(in_force(regular, day), required.rules)
    }


def _without_rule(current: Sequence[EligibilityBook], rules: Collection[str]) -> Iterator[tuple[EligibilityBook, str]]:
    """Regular books that neither have a required rule nor a superseding book for everybody that has it."""
    for book in current:
        if book.superseding:
            continue
        guards = [
            each
            for each in current
            if each.superseding and each.product is book.product and each.applies_to == AppliesTo()
        ]
        present = {rule.name for each in (book, *guards) for rule in each.rules}
        yield from ((book, name) for name in rules if name in USER_RULES and name not in present)


def _days_of_change(books: Sequence[AnyBook], today: date) -> list[date]:
    """Today, and every later day on which a book begins or has ended."""
    days = {book.valid_from for book in books}
    days |= {book.valid_until + timedelta(days=1) for book in books if book.valid_until and book.valid_until < date.max}
    return sorted({today, *(day for day in days if day > today)})


def _example(rule: str) -> str:
    """The rule as a shipped book writes it."""
    return _EXAMPLES.get(rule, rule)


_EXAMPLES = {"NotListed": "`NotListed: {min_match_score: 0.92, grey_match_score: 0.75}`"}
