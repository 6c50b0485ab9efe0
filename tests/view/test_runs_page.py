"""The page of runs in a browser."""

import re
import shutil
from pathlib import Path
from typing import Any

STATIC = Path(__file__).parents[2] / "aarlab" / "view" / "static"


def names(page: Any) -> list[str]:
    return [text.split("\n")[0] for text in page.locator("table.runs tbody th").all_inner_texts()]


def test_program_never_turns_text_into_markup() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval\(|new Function|setHTML"
    )
    found = [path.name for path in STATIC.glob("*.js") if forbidden.search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_program_modules_are_short() -> None:
    long = [path.name for path in STATIC.glob("*.js") if len(path.read_text(encoding="utf-8").splitlines()) > 300]
    assert long == []


def test_runs_are_filtered_sorted_and_chosen_by_key(page: Any) -> None:
    page.wait_for_selector("table.runs")
    assert page.title() == "aarlab · runs"
    assert "token" not in page.url
    page.get_by_role("button", name="Held-out").click()
    assert names(page)[-1] == "open-run", "it has no score"
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("seed=3 interrupted")
    assert names(page) == ["open-run"]
    assert "filter=seed%3D3+interrupted" in page.url
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    assert page.locator("tr.chosen").count() == 1
    page.keyboard.press("?")
    assert "next run" in page.get_by_role("dialog").inner_text()


def test_columns_are_chosen_and_kept(page: Any) -> None:
    page.wait_for_selector("table.runs")
    page.get_by_text("Columns").click()
    page.get_by_label("Seed", exact=True).check()
    page.reload()
    page.wait_for_selector("table.runs")
    assert page.get_by_role("columnheader", name="Seed").count() == 1


def test_new_run_appears_without_a_reload(page: Any, viewer: Any) -> None:
    page.wait_for_selector("table.runs")
    page.wait_for_timeout(700)
    added = Path(shutil.copy(viewer.root / "good-run.db", viewer.root / "added-run.db"))
    try:
        page.get_by_text("added-run").wait_for()
    finally:
        added.unlink()


def test_page_without_the_token_says_what_to_open(browser: Any, viewer: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(viewer.address)
    page.get_by_text("Open the link that").wait_for()
    context.close()


def test_selected_runs_are_compared(page: Any) -> None:
    page.wait_for_selector("table.runs")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.get_by_role("link", name="Compare 2 runs").click()
    page.locator(".area path.curve").first.wait_for()
    assert page.locator(".area path.curve").count() == 2
    assert page.locator("tbody tr").count() == 2
    page.get_by_role("link", name="runs", exact=True).click()
    page.locator("table.runs").wait_for()


def test_divergence_of_two_runs_leads_to_the_conversations(page: Any) -> None:
    page.evaluate("location.hash = '#/compare?files=good-run.db%0Adeep%2Fhostile-run.db'")
    page.locator("[aria-label='Where they part'] a").first.click()
    page.get_by_text("They part at event").wait_for()
    assert page.locator(".split > section").count() == 2
