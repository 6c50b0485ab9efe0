"""What happens between pages: data that come late, in another order, or after the user has left the page."""

import shutil
from pathlib import Path
from typing import Any

from example_runs import begin_run
from test_run_page import visit

from aarlab.memory.events import Experiment


def hold(page: Any, pattern: str) -> list[Any]:
    """Keep back the next request of a pattern, and return the list to which it is added."""
    held: list[Any] = []
    page.route(pattern, lambda route: held.append(route), times=1)
    return held


def wait_for(page: Any, held: list[Any]) -> Any:
    """Return the first request that was kept back, once there is one."""
    for _ in range(600):
        if held:
            return held[0]
        page.wait_for_timeout(10)
    raise AssertionError("there was no such request")


def leave_for(page: Any, address: str) -> None:
    """Go to a page without waiting for it."""
    page.evaluate("address => { location.hash = address }", address)


def test_page_that_was_left_does_not_take_the_keys(page: Any) -> None:
    page.locator("table.runs").wait_for()
    held = hold(page, "**/api/run?*")
    leave_for(page, "#/run?file=good-run.db")
    late = wait_for(page, held)
    visit(page, "#/search", "form")
    late.continue_()
    page.wait_for_timeout(300)
    assert page.title() == "aarlab · runs · search"
    page.locator("h1").click()
    page.keyboard.press("?")
    assert "next match" in page.get_by_role("dialog").inner_text()
    page.go_back()
    page.get_by_role("dialog").wait_for(state="detached")


def test_keys_of_the_runs_are_not_those_of_the_next_page(page: Any) -> None:
    visit(page, "#/search", "form")
    held = hold(page, "**/api/runs*")
    leave_for(page, "#/runs")
    late = wait_for(page, held)
    visit(page, "#/search", "form")
    late.continue_()
    page.wait_for_timeout(300)
    page.locator("h1").click()
    page.keyboard.press("?")
    assert "next run" not in page.get_by_role("dialog").inner_text()


def test_page_that_still_stands_does_not_change_the_next_address(page: Any) -> None:
    visit(page, "#/run?file=good-run.db")
    held = hold(page, "**/api/run?*")
    leave_for(page, "#/conversation?file=good-run.db&agent=r1")
    late = wait_for(page, held)
    page.locator(".post-head").first.click()
    page.get_by_role("button", name="Previous event").click()
    page.wait_for_timeout(400)
    assert page.url.endswith("#/conversation?file=good-run.db&agent=r1")
    late.continue_()
    page.locator(".turn").first.wait_for()


def test_change_before_the_page_listens_is_shown(page: Any, viewer: Any) -> None:
    path = viewer.root / "early-run.db"
    page.locator("table.runs").wait_for()
    with begin_run(path) as log:
        held = hold(page, "**/api/updates")
        visit(page, "#/run?file=early-run.db")
        code = next(log.entries(Experiment)).event.code
        log.append("r2", Experiment("r2.e9", "m.py", code, "full", None, 0.7, 0.02, []), round=2, hours=3.9)
        wait_for(page, held).continue_()
        page.locator(".area-curve [data-id='r2.e9']").wait_for()
        visit(page, "#/runs", "table.runs")
    path.unlink()


def test_events_that_arrive_while_others_are_read_are_drawn_once(page: Any, viewer: Any) -> None:
    path = viewer.root / "busy-run.db"
    with begin_run(path) as log:
        visit(page, "#/run?file=busy-run.db")
        page.wait_for_timeout(600)
        code = next(log.entries(Experiment)).event.code
        held = hold(page, "**/api/run?*after=*")
        for number in range(3):
            event = Experiment(f"r2.e{7 + number}", "m.py", code, "full", None, 0.7, 0.02, [])
            log.append("r2", event, round=2, hours=3.9)
            page.wait_for_timeout(500)
        wait_for(page, held).continue_()
        page.locator(".area-curve [data-id='r2.e9']").first.wait_for()
        page.wait_for_timeout(300)
        assert page.locator(".area-curve [data-id='r2.e7']").count() == 1
        visit(page, "#/runs", "table.runs")
    path.unlink()


def test_command_is_that_of_the_latest_form(page: Any) -> None:
    visit(page, "#/conversation?file=good-run.db&agent=r1", ".turn")
    page.get_by_role("button", name="edit and fork").first.click()
    page.locator(".panel pre", has_text="aarlab fork").or_(page.locator(".panel pre", has_text="text")).first.wait_for()
    held = hold(page, "**/api/command?*")
    page.get_by_label("Text of the message").fill("First.")
    late = wait_for(page, held)
    page.get_by_label("Text of the message").fill("Second.")
    page.locator(".panel pre", has_text="Second.").wait_for()
    late.continue_()
    page.wait_for_timeout(300)
    assert "Second." in page.locator(".panel pre").first.inner_text()


def test_work_is_done_once_at_a_time_and_never_starves(page: Any) -> None:
    script = """async () => {
        const { oneAtATime } = await import("/static/timing.js");
        const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
        let [started, end] = [0, null];
        const ask = oneAtATime(() => { started += 1; return new Promise((done) => { end = done; }); }, 20);
        const until = async (number, each = () => {}) => {
            for (let i = 0; i < 2000 && started < number; i++) [each(), await pause(2)];
            return started;
        };
        const asked_all_the_time = await until(1, ask);
        for (let i = 0; i < 5; i++) ask();
        await pause(60);
        const while_it_goes_on = started;
        end();
        const one_more = await until(2);
        end();
        await pause(60);
        return [asked_all_the_time, while_it_goes_on, one_more, started];
    }"""
    assert page.evaluate(script) == [1, 1, 2, 2]


def test_unfolded_method_stays_while_the_moment_changes(page: Any) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    visit(page, "#/run?file=good-run.db&pick=r2.f1", ".post.open")
    page.locator(".post.open").get_by_text("Changes from r1.f1").click()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowRight")
    assert page.locator(".post.open .line.added").is_visible()
    assert len([url for url in asked if "/api/finding" in url]) == 1


def test_chosen_run_stays_chosen_when_another_appears(page: Any, viewer: Any) -> None:
    page.locator("table.runs").wait_for()
    page.keyboard.press("j")
    chosen = page.locator("tr.chosen th").inner_text()
    added = [Path(shutil.copy(viewer.root / "good-run.db", viewer.root / f"added-{n}.db")) for n in range(3)]
    try:
        page.get_by_role("link", name="added-2").wait_for()
        assert page.locator("tr.chosen th").inner_text() == chosen
    finally:
        for path in added:
            path.unlink()


def test_page_begins_at_its_top_and_returns_to_its_place(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 500})
    visit(page, "#/run?file=good-run.db")
    page.evaluate("scrollTo(0, 700)")
    visit(page, "#/conversation?file=good-run.db&agent=r1", ".turn")
    assert page.evaluate("scrollY") == 0
    page.go_back()
    page.locator(".post").first.wait_for()
    page.wait_for_function("() => Math.abs(scrollY - 700) < 60")
