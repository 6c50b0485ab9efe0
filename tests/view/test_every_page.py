"""Every page of the viewer, in both themes and both widths: accessible, within the width, without an error."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_run_page import visit

from aarlab.view.single_page import single_page

THEMES = ("light", "dark")
WIDTHS = (1280, 390)
PAGES = {
    "runs": ("#/runs", "table.runs"),
    "no run": ("#/runs?filter=nothing", ".empty"),
    "run": ("#/run?file=good-run.db&pick=r2.f1", ".tiles table"),
    "moment of a run": ("#/run?file=good-run.db&at=1.65", ".tiles table"),
    "unfinished run": ("#/run?file=open-run.db", ".panel:not([hidden])"),
    "hostile run": ("#/run?file=deep/hostile-run.db&pick=r2.f1", ".tiles table"),
    "conversation": ("#/conversation?file=good-run.db&agent=r1&step=3", ".turn.target"),
    "two conversations": ("#/conversation?file=good-run.db&agent=r1&beside=r2", ".turn"),
    "hostile conversation": ("#/conversation?file=deep/hostile-run.db&agent=r1", ".turn"),
    "search": ("#/search?text=weights", ".matches li"),
    "ablation": ("#/ablation?folder=reviews", ".band"),
    "comparison": ("#/compare?files=good-run.db%0Adeep%2Fhostile-run.db", "[aria-label='Where they part'] a"),
    "no page": ("#/nothing", ".problem"),
}
"""Address of each page, and what is waited for."""
OPENED: dict[str, tuple[str, str, Callable[[Any], None]]] = {
    "keys": ("#/runs", "dialog[open]", lambda page: page.keyboard.press("?")),
    "columns": ("#/runs", ".menu[open]", lambda page: page.get_by_text("Columns").click()),
    "form of a fork": ("#/run?file=good-run.db", ".fields", lambda page: page.keyboard.press("f")),
    "edited message": (
        "#/conversation?file=good-run.db&agent=r1", "textarea",
        lambda page: page.get_by_role("button", name="edit and fork").first.click(),
    ),
}  # fmt: skip
"""What a page opens: its address, what is waited for, and how it is opened."""


def check(page: Any, faults: Callable[[Any], list[str]]) -> None:
    """Require that the page has no serious fault in both themes, and no horizontal scrolling."""
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        assert faults(page) == [], theme
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.long
@pytest.mark.parametrize("name", PAGES)
def test_page_is_accessible_and_fits(page: Any, faults: Callable[[Any], list[str]], name: str) -> None:
    address, waited_for = PAGES[name]
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        visit(page, address, waited_for)
        check(page, faults)
        visit(page, "#/search", "form")


@pytest.mark.long
@pytest.mark.parametrize("name", OPENED)
def test_opened_part_is_accessible_and_fits(page: Any, faults: Callable[[Any], list[str]], name: str) -> None:
    address, waited_for, open_part = OPENED[name]
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        visit(page, address, ".post, .turn, table.runs")
        open_part(page)
        page.locator(waited_for).first.wait_for()
        check(page, faults)
        page.keyboard.press("Escape")
        visit(page, "#/search", "form")


@pytest.mark.long
def test_single_page_is_accessible_and_fits(
    browser: Any, faults: Callable[[Any], list[str]], example_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    file.write_text(single_page(example_folder / "good-run.db"), encoding="utf-8")
    page, problems = browser.new_page(), []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 844})
        page.goto(file.as_uri())
        page.locator(".tiles table").first.wait_for()
        check(page, faults)
    assert problems == []
    page.close()
