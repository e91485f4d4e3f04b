"""Fixtures of the store's own tests."""

from collections.abc import Iterator

import pytest
from support.databases import postgres_database


@pytest.fixture
def postgres_database_url(postgres_url: str) -> Iterator[str]:
    """A fresh, migrated PostgreSQL database, for what SQLite has no like of."""
    with postgres_database(postgres_url) as url:
        yield url
