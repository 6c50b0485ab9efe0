"""The page of a run, its conversations and the search, in a browser."""

from typing import Any

from example_runs import begin_run

from aarlab.memory.events import Experiment


def visit(page: Any, address: str, waited_for: str = ".post") -> None:
    """Show a page of the viewer, and wait until the page before it is gone."""
    script = """address => new Promise(resolve => {
        addEventListener("hashchange", () => resolve(), { once: true });
        if (location.hash === address) resolve(); else location.hash = address;
    })"""
    page.evaluate(script, address)
    page.locator("#page[aria-busy=false]").wait_for()
    page.locator(waited_for).first.wait_for()


def visible_ids(page: Any, drawing: str) -> set[str]:
    """Return the findings and experiments that a drawing shows."""
    script = "all => all.filter(one => one.getAttribute('visibility') !== 'hidden').map(one => one.dataset.id)"
    return set(page.locator(f"{drawing} [data-id]").evaluate_all(script))


def used(page: Any) -> list[str]:
    """Return what the run has used of each budget."""
    rows = page.locator("[aria-label=Budget] tbody tr").all_inner_texts()
    return [row.split("\t")[1] for row in rows]


def test_slider_shows_the_exact_state_of_a_moment(page: Any) -> None:
    visit(page, "#/run?file=good-run.db&at=1.55")
    assert visible_ids(page, ".area-curve") == {"r1.e1"}
    assert visible_ids(page, ".area-lineage") == {"lab.f1"}
    page.locator(".area-measures figure").first.wait_for()
    shown = page.locator(".area-measures figure .dot:not([visibility])")
    assert shown.count() == 0, "no round has ended"
    assert page.locator(".area-members tbody tr").first.inner_text().split() == ["r1", "0", "0", "1", "0.30", "0"]
    assert [post.split("\n")[0] for post in page.locator(".post-head").all_inner_texts()] == ["lab.f1"]
    page.keyboard.press("ArrowRight")
    assert "1.60 h, round 1" in page.locator(".moment").inner_text()
    assert visible_ids(page, ".area-lineage") == {"lab.f1", "r1.f1"}
    assert "not published yet" in page.locator(".post").first.inner_text()
    assert page.locator(".area-leaders tbody tr").count() == 2
    assert used(page) == ["1.6 h", "1", "980", "$0.01"]
    hours = page.locator("[aria-label='Hours by kind'] tbody tr").all_inner_texts()
    assert {row.split("\t")[0]: row.split("\t")[1] for row in hours} == {
        "think": "0.1", "tools": "0.2", "idle": "–", "close": "–",
    }  # fmt: skip
    page.keyboard.press("End")
    assert used(page) == ["4.0 h", "2", "1,960", "$0.02"]
    page.keyboard.press("ArrowLeft")
    assert "3.80 h, round 2" in page.locator(".moment").inner_text()
    page.keyboard.press("ArrowRight")
    assert visible_ids(page, ".area-curve") == {"r1.e1", "r2.e1"}
    assert "0.48" in page.locator(".area-leaders").inner_text()
    assert shown.count() > 0
    page.keyboard.press("Home")
    assert visible_ids(page, ".area-curve") == set()


def test_replay_plays_to_the_end(page: Any) -> None:
    visit(page, "#/run?file=good-run.db&at=3.9")
    page.get_by_label("Speed").select_option("8")
    page.keyboard.press(" ")
    page.get_by_text("the end, 4.0 h").wait_for()
    assert page.get_by_role("button", name="Play").count() == 1


def test_deep_link_opens_the_thread_and_leads_on(page: Any) -> None:
    visit(page, "#/run?file=good-run.db&pick=r2.f1", ".post.open")
    thread = page.locator(".post.open")
    thread.get_by_text("Changes from r1.f1").click()
    assert "smooth(" in thread.locator(".line.added").inner_text()
    assert "on few worlds" in thread.inner_text()
    assert "Goes back to: r1.f1 (round 1, 0.30)" in thread.inner_text()
    assert page.locator(".area-lineage .picked").count() == 1
    thread.get_by_text("r1.f1", exact=True).first.click()
    assert "too early" in page.locator(".post.open").inner_text()
    assert "pick=r1.f1" in page.url
    page.locator(".post.open").get_by_text("The post in the conversation").click()
    page.locator(".turn.target").wait_for()
    assert "#/conversation?" in page.url


def test_board_is_searched_and_walked_by_keys(page: Any) -> None:
    visit(page, "#/run?file=good-run.db")
    page.keyboard.press("/")
    page.keyboard.type("smooth")
    assert page.locator(".post").count() == 1
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    assert page.locator(".post.open").count() == 1
    page.get_by_role("button", name="r2.f1").last.click()
    page.get_by_label("Search the board").fill("")
    page.get_by_label("Kind", exact=True).select_option("rejected")
    assert {post.split("\n")[0] for post in page.locator(".post-head").all_inner_texts()} >= {"r1.f1", "lab.f1"}


def test_conversations_stand_side_by_side(page: Any) -> None:
    visit(page, "#/conversation?file=good-run.db&agent=r1&beside=r2&at=2.25", ".turn")
    page.get_by_text("They part at event").wait_for()
    assert page.locator(".split > section").count() == 2
    assert page.locator(".split > section").nth(1).locator(".turn.later").count() > 0
    call = page.locator("details.call").first
    call.locator("summary").click()
    assert '"pgr": 0.3' in call.inner_text()


def test_search_leads_to_the_moment(page: Any) -> None:
    visit(page, "#/search?text=smooth the weights", ".matches li")
    assert page.locator(".matches mark").first.inner_text() == "smooth the weights"
    page.locator(".matches a").first.click()
    page.locator(".turn.target").get_by_text("I will smooth the weights").wait_for()


def test_live_run_grows_on_the_page(page: Any, viewer: Any) -> None:
    path = viewer.root / "live-run.db"
    with begin_run(path) as log:
        visit(page, "#/run?file=live-run.db")
        assert page.locator(".status.live").count() == 1
        page.wait_for_timeout(700)
        code = next(log.entries(Experiment)).event.code
        log.append("r2", Experiment("r2.e9", "m.py", code, "full", None, 0.7, 0.02, []), round=2, hours=3.9)
        page.locator(".area-curve [data-id='r2.e9']").wait_for()
        visit(page, "#/runs", "table.runs")
    path.unlink()


def test_hostile_texts_stay_texts(page: Any) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for address, waited_for in (
        ("#/run?file=deep/hostile-run.db&pick=r2.f1", ".post.open"),
        ("#/conversation?file=deep/hostile-run.db&agent=r1", ".turn"),
        ("#/search?text=script", ".matches li"),
    ):
        visit(page, address, waited_for)
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        assert page.evaluate("window.hacked") is None
        assert page.locator("main script, main img, main iframe, main a[href^=javascript]").count() == 0
        page.wait_for_timeout(100)
    assert [url for url in asked if not url.startswith(page.url.split("#")[0])] == []
    assert "<svg onload" in page.locator("main").inner_text()
