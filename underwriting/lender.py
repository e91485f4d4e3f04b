"""The store of this lender: opened by the settings, with the lender's keys and days."""

from contextlib import AbstractAsyncContextManager

from rules.limits.policy import shipped_policy
from underwriting.settings import Settings
from underwriting.store.keyfile import keyring
from underwriting.store.session import Store


def open_store(config: Settings) -> AbstractAsyncContextManager[Store]:
    """The store, which counts days in the time zone of the limit policy's business day, as limit runs do."""
    return Store.open(config.database_url, keyring(config), shipped_policy(config.limit_policy).business_day.day_of)
