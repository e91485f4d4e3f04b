"""A sandbox on a real socket, each test's own."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from underwriting.playground.sandbox.app import create_app
from underwriting.playground.sandbox.serving import served
from underwriting.settings import Partner, Settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of the sandbox; its data folder is the test's `tmp_path`, its one tenant `acme` with `SECRET`."""
    partner = Partner(results_url="http://localhost/results/acme", signing_secret=SECRET)
    app = create_app(Settings(partners={"acme": partner}, source_timeout=0.1), tmp_path)
    with served(app) as url, httpx.Client(base_url=url, verify=False) as client:
        yield client
