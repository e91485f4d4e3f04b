"""A real browser, to look at pages as a person does."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, async_playwright, expect

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# Nothing but the page itself: no first-run tour, no updates, no calls home.
QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
PATIENCE = 60_000


@asynccontextmanager
async def blank_page() -> AsyncIterator[Page]:
    """An empty page of a headless Chromium; without one on this machine the test is skipped, and says so."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine, and it could not be installed: the page is not looked at")
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        try:
            page = await browser.new_page(viewport={"width": 1400, "height": 1000})
            page.set_default_timeout(PATIENCE)
            yield page
        finally:
            await browser.close()
