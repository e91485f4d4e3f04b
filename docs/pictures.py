"""The pictures of README and docs: `make pictures` starts everything, decides, and photographs the Prefect UI."""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Page, async_playwright

from underwriting.cli.client import Client, consent_now
from underwriting.cli.setup import prepare_sandbox
from underwriting.cli.tokens import SCOPES
from underwriting.domain.application import ApplicationRequest
from underwriting.local import SANDBOX_TENANT, Services, embedded, free_port, issue_token
from underwriting.process.signals import ending_on_signals
from underwriting.settings import Settings

HERE = Path(__file__).parent
SIZE = {"width": 1400, "height": 1000}
SECONDS = 120.0
LIMITS = "/deployments/name/recalculate-limits/recalculate-limits"


async def main() -> None:
    """Write images/review.png, of a rejected application, and images/limits.png, of a limit run."""
    if (chromium := shutil.which("chromium") or shutil.which("google-chrome")) is None:
        sys.exit("Chromium is not here; `make browser` installs it")
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder, ending_on_signals():
        ports = {f"{name}_port": free_port() for name in ("prefect", "sandbox", "api")}
        config = Settings.model_validate({"state_dir": folder, **ports})
        async with (
            embedded(config, prefect_file=HERE.parent / "prefect.yaml", prepare=prepare_sandbox) as services,
            async_playwright() as playwright,
            httpx.AsyncClient(base_url=f"{services.settings.prefect_url}/api", timeout=30) as prefect,
        ):
            browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            page = await browser.new_page(viewport=SIZE)
            application = await asyncio.to_thread(reviewed, services)
            review = await page_of(prefect, {"name": {"any_": [f"review-{application}"]}})
            await photograph(page, services, review, "review.png")
            run = (await prefect.post(f"/deployments/{await deployment(prefect)}/create_flow_run", json={})).json()
            await photograph(page, services, await page_of(prefect, {"id": {"any_": [run["id"]]}}), "limits.png")
            await browser.close()


def reviewed(services: Services) -> str:
    """The id of an application that was rejected."""
    token = issue_token(services.settings, SANDBOX_TENANT, "pictures", SCOPES)
    request = ApplicationRequest(
        customer_id="low-score", amount="2500.00", currency="USD", bureau_consent=consent_now()
    )
    with Client(services.settings.api_url, token) as client:
        return client.decided(client.apply(request), SECONDS).id


async def deployment(prefect: httpx.AsyncClient) -> str:
    """The deployment of limit runs."""
    return str((await prefect.get(LIMITS)).raise_for_status().json()["id"])


async def page_of(prefect: httpx.AsyncClient, runs: dict[str, Any]) -> str:
    """The Markdown artifact of a run, once there is one."""
    wanted = {"flow_runs": runs, "artifacts": {"type": {"any_": ["markdown"]}}}
    async with asyncio.timeout(SECONDS):
        while True:
            found = (await prefect.post("/artifacts/filter", json=wanted)).raise_for_status().json()
            if found:
                return str(found[0]["id"])
            await asyncio.sleep(0.5)


async def photograph(page: Page, services: Services, artifact: str, name: str) -> None:
    """Write the picture of an artifact's page."""
    await page.goto(f"{services.settings.prefect_url}/artifacts/artifact/{artifact}")
    await page.locator("table").first.wait_for()
    # Fonts, and pictures in the page.
    await page.wait_for_timeout(2_000)
    await page.screenshot(path=HERE / "images" / name)


if __name__ == "__main__":
    asyncio.run(main())
