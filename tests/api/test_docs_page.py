"""The API's own page as a person sees it: in a real browser, from a real server, and nothing from the internet."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, Request, Route, expect

from underwriting.api.app import create_app
from underwriting.settings import Settings

DESCRIPTION = create_app(Settings()).openapi()
SUMMARIES = [operation["summary"] for path in DESCRIPTION["paths"].values() for operation in path.values()]


@pytest.fixture
async def elsewhere(page: Page, address: str) -> list[str]:
    """Whatever the page asks of anybody but the API, and is refused."""
    asked: list[str] = []

    def abroad(url: str) -> bool:
        return urlsplit(url).scheme in {"http", "https"} and not url.startswith(address)

    async def refuse(route: Route, request: Request) -> None:
        asked.append(request.url)
        await route.abort()

    await page.route(abroad, refuse)
    return asked


async def test_every_operation_is_on_the_page_and_opens(
    page: Page, address: str, elsewhere: list[str], tmp_path: Path
) -> None:
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
    await page.goto(f"{address}/docs")
    await expect(page.locator(".opblock")).to_have_count(len(SUMMARIES))
    assert sorted(await page.locator(".opblock-summary-description").all_inner_texts()) == sorted(SUMMARIES)
    await expect(page.get_by_role("heading", name="Underwriting")).to_be_visible()
    await page.screenshot(path=tmp_path / "docs.png", full_page=True)
    await page.get_by_text("What may this user take now?", exact=True).click()
    await expect(page.get_by_text("A fresh evaluation", exact=True)).to_be_visible()
    await page.screenshot(path=tmp_path / "operation.png", full_page=True)
    assert (elsewhere, troubles) == ([], [])
