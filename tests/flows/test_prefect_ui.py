"""What a person sees of a review in the Prefect UI, looked at in a real browser."""

import re
from pathlib import Path

from playwright.async_api import Page, expect
from prefect.client.schemas.objects import State
from support.journeys import Journey
from support.limit_histories import END, written

from flows.recalculate_limits import recalculate_limits
from underwriting.runtime import Runtime

# Pixels of the page's right column.
ASIDE = 250


async def test_the_run_shows_its_verdict_and_the_table_of_outcomes(
    journey: Journey, page: Page, tmp_path: Path
) -> None:
    review = await journey.review("low-score")
    await page.goto(f"{journey.runtime.config.prefect_url}/runs/flow-run/{review.state.state_details.flow_run_id}")
    await expect(page.get_by_text(f"review-{review.record.id}").first).to_be_visible()
    await expect(page.get_by_text("Rejected").first).to_be_visible()
    await page.get_by_text("Artifacts", exact=True).first.click()
    await expect(page.get_by_text(re.compile(rf"✗ Rejected: .* by {review.record.rulebook}")).first).to_be_visible()
    await page.get_by_role("link", name="markdown").first.click()
    await expect(page.get_by_text("credit_score_low", exact=True).last).to_be_visible()
    ends = await page.locator("table").evaluate_all("tables => tables.map(each => each.getBoundingClientRect().right)")
    assert len(ends) == 2
    assert max(ends) <= 1_400 - ASIDE, "the columns fit"
    picture = await page.screenshot(path=tmp_path / "run.png")
    assert len(picture) > 20_000, "a page with something on it"


async def test_a_limit_run_shows_its_pictures(runtime: Runtime, page: Page, tmp_path: Path) -> None:
    history = written(tmp_path / "history", users=60, personas=0.0)
    state: State[None] = await recalculate_limits(END, history=str(history), return_state=True)
    await page.goto(f"{runtime.config.prefect_url}/runs/flow-run/{state.state_details.flow_run_id}")
    await page.get_by_text("Artifacts", exact=True).first.click()
    await page.get_by_role("link", name="markdown").first.click()
    pictures = page.locator("img[src^='data:image/png']")
    await expect(pictures).to_have_count(4)
    sizes = [await pictures.nth(number).evaluate("image => image.naturalWidth") for number in range(4)]
    assert sizes == [800] * 4
    ends = await page.locator("table").evaluate_all("tables => tables.map(each => each.getBoundingClientRect().right)")
    assert max(ends) <= 1_400 - ASIDE, "the columns fit"
    await page.screenshot(path=tmp_path / "limits.png", full_page=True)
