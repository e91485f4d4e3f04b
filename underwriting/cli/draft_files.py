"""Draft rulebooks, read from the files that a command names."""

from collections.abc import Iterable
from pathlib import Path

from rules.books import load_rulebook
from rules.core.problems import RulebookError
from rules.eligibility.book import EligibilityBook
from rules.prescreening.book import Rulebook
from underwriting.cli.errors import refuse, refusing


def review_draft(file: Path) -> Rulebook:
    """The draft that is to decide on an application."""
    with refusing(RulebookError):
        draft = load_rulebook(file)
    if not isinstance(draft, Rulebook):
        refuse(f"{file} is a book of eligibility, which decides on users; an application needs a book with stages")
    return draft


def eligibility_drafts(files: Iterable[Path]) -> dict[str, EligibilityBook]:
    """The drafts that are to decide on a user, by name."""
    drafts: dict[str, EligibilityBook] = {}
    for file in files:
        with refusing(RulebookError):
            draft = load_rulebook(file)
        if not isinstance(draft, EligibilityBook):
            refuse(f"{file} is a book with stages, which decides on applications; a user needs a book with rules")
        if draft.name in drafts:
            refuse(f"{file} is a second draft named {draft.name}; give one of them another name")
        drafts[draft.name] = draft
    return drafts
