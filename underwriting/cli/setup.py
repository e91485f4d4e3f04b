"""The content of a new store of the embedded set-up."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rules.books import Draft, shipped_books
from rules.core.problems import RulebookError
from rules.limits.policy import UnknownPolicy, shipped_policies, shipped_policy
from rules.limits.tiers import CURRENCY, TIERS
from rules.prescreening.book import shipped_rulebooks
from underwriting.cli.person import SET_UP
from underwriting.lender import open_store
from underwriting.limit_runs.adoption import limits_in
from underwriting.local.environment import history_folder
from underwriting.playground.generator.layout import CURRENT_LIMITS
from underwriting.playground.generator.sandbox_history import ensure_history
from underwriting.playground.sandbox.lists import sandbox_lists
from underwriting.publishing import publish, required_by
from underwriting.screening.screener import store_list
from underwriting.settings import DATABASE, PREFIX, Settings, SettingsRefused, refused
from underwriting.store import rulebooks
from underwriting.store.limits.profiles import adopt
from underwriting.store.migrate import migrate as migrate_store
from underwriting.store.models import RulebookKind


def check_named(config: Settings) -> None:
    """SettingsRefused, with all settings that name what is not here; before anything starts."""
    wrong: list[str] = []
    with _naming("limit_policy", wrong, UnknownPolicy):
        shipped_policy(config.limit_policy)
    with _naming("required_rules", wrong, RulebookError):
        required_by(config)
    history = config.limits_history
    for name, path in (
        ("jwks_file", config.jwks_file),
        ("flags", Path(config.flags) if config.flags and "://" not in config.flags else None),
        ("limits_history", Path(history) if history and history != DATABASE and "://" not in history else None),
    ):
        if path is not None and not path.exists():
            wrong.append(f"{PREFIX}{name.upper()}: there is no {path} here")
    # Whether the store has it is known once that runs.
    if wrong and config.rulebook not in (shipped := shipped_rulebooks()):
        wrong.append(
            f"{PREFIX}RULEBOOK: {config.rulebook} has to be a rulebook that you published; those that come with the "
            f"system are {', '.join(sorted(shipped))}"
        )
    if wrong:
        raise refused(wrong)


@contextmanager
def _naming(setting: str, wrong: list[str], *errors: type[Exception]) -> Iterator[None]:
    """Add an error about what a setting names to what is wrong."""
    try:
        yield
    except errors as error:
        why = str(error)
        variable = f"{PREFIX}{setting.upper()}"
        wrong.append(why if variable in why else f"{variable}: {why}")


async def prepare_sandbox(config: Settings) -> None:
    """Prepare the store, and write the history of the sandbox's users where the settings name no other.

    Users who are new get the limits that the history ends with, as a lender takes over its own limits before the first
    run. With the default limit of first contact, that run would lower so many that the guard would hold it.
    """
    await prepare(config)
    if Path(config.limits_history) == (folder := history_folder(config)):
        now = datetime.now(UTC)
        await asyncio.to_thread(ensure_history, folder, shipped_policy(config.limit_policy).business_day.last(now))
        limits = limits_in(folder / f"{CURRENT_LIMITS}.parquet", CURRENCY, TIERS, now)
        async with open_store(config) as store, store.begin() as work:
            await adopt(work, config.limits_tenant, limits, CURRENCY, TIERS, SET_UP)


async def prepare(config: Settings) -> None:
    """Migrate the store of the embedded set-up; publish shipped rulebooks and policies, and the sandbox's list."""
    await migrate_store(config.database_url)
    async with open_store(config) as store:
        async with store.begin() as work:
            await publish(work, list(map(Draft, shipped_books())), tuple(shipped_policies().values()), SET_UP, config)
            names = {each.ref.name for each in await rulebooks.listing(work) if each.kind is RulebookKind.REVIEW}
        if config.rulebook not in names:
            raise SettingsRefused(
                f"{PREFIX}RULEBOOK: no rulebook of applications is called {config.rulebook}; write one of "
                f"{', '.join(sorted(names))}"
            )
        for screening_list in sandbox_lists():
            await store_list(store, screening_list, SET_UP)
