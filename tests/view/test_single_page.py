"""A run as one self-contained page."""

import re
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from example_runs import CODE

from aarlab.cli.main import main
from aarlab.view.program_bundle import STATIC, bundle
from aarlab.view.single_page import single_page


def test_bundle_has_every_module_before_its_users() -> None:
    script = bundle("main.js", {"source.js": "recorded_source.js"})
    defined = re.findall(r'^modules\["(\w+\.js)"\]', script, re.MULTILINE)
    assert len(defined) == len(set(defined)) == len(list(STATIC.glob("*.js"))) - 1
    assert not re.search(r"^(import|export) ", script, re.MULTILINE)
    for name in defined:
        users = [found.start() for found in re.finditer(re.escape(f'= modules["{name}"];'), script)]
        assert all(script.index(f'modules["{name}"] =') < user for user in users), name


def test_recorded_source_offers_what_the_server_source_does() -> None:
    names = [
        set(re.findall(r"^export (?:async )?(?:function|class|const) (\w+)", (STATIC / name).read_text(), re.MULTILINE))
        for name in ("source.js", "recorded_source.js")
    ]
    assert names[0] == names[1]


def test_page_shows_the_run_without_a_server(browser: Any, example_folder: Path, tmp_path: Path) -> None:
    page_file = tmp_path / "page.html"
    done = CliRunner().invoke(main, ["view", str(example_folder / "good-run.db"), "--export", str(page_file)])
    assert done.exit_code == 0, done.output
    page, problems, asked = browser.new_page(), [], []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())
    page.locator(".post").first.wait_for()
    page.keyboard.press("Home")
    assert page.locator(".post").count() == 1
    page.keyboard.press("End")
    page.get_by_role("button", name="r2.f1").first.click()
    page.locator(".post.open").get_by_text("The post in the conversation").click()
    page.locator(".turn.target").wait_for()
    page.evaluate("location.hash = '#/search?text=smooth'")
    page.locator(".matches a").first.click()
    page.locator(".turn.target").wait_for()
    assert problems == []
    assert [url for url in asked if not url.startswith("file:")] == []
    page.close()


def test_hostile_texts_do_not_leave_their_element(browser: Any, example_folder: Path, tmp_path: Path) -> None:
    page_file = tmp_path / "page.html"
    page_file.write_text(single_page(example_folder / "deep" / "hostile-run.db"), encoding="utf-8")
    page = browser.new_page()
    page.goto(page_file.as_uri() + "#/conversation?file=hostile-run.db&agent=r1")
    page.locator(".turn").first.wait_for()
    assert page.evaluate("window.hacked") is None
    assert page.evaluate("document.scripts.length") == 2
    page.close()


def test_show_writes_the_page_here(example_folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["show", str(example_folder / "good-run.db"), "--html"])
    assert done.exit_code == 0, done.output
    assert "Train on the weak labels" in (tmp_path / "good-run.html").read_text()
    assert CODE.splitlines()[0] in (tmp_path / "good-run.html").read_text()


def test_page_that_cannot_be_written_is_a_sentence(example_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "page.html").mkdir()
    page = str(tmp_path / "page.html")
    done = CliRunner().invoke(main, ["view", str(example_folder / "good-run.db"), "--export", page])
    assert done.exit_code == 2
    assert "a path that can be written" in done.output
