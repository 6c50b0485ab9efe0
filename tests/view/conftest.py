"""One folder of runs, one server and one browser for all tests of the viewer."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from example_runs import write_ablation, write_run

from aarlab.view.server import Access, viewer_app
from aarlab.view.viewed_folder import ViewedFolder

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE_MS = 60_000


@dataclass(frozen=True)
class Viewer:
    """A server and its folder."""

    root: Path
    address: str
    access: Access

    @property
    def link(self) -> str:
        """The link with the token."""
        return f"{self.address}/?token={self.access.token}"


@pytest.fixture(scope="session")
def example_folder(made_once: Callable[..., Path]) -> Path:
    """Return a folder with a finished run, one with hostile texts, one that is not finished, and an ablation."""

    def make(folder: Path) -> None:
        write_run(folder / "good-run.db")
        write_run(folder / "deep" / "hostile-run.db", seed=2, hostile=True)
        write_run(folder / "open-run.db", seed=3, closed=False)
        write_ablation(folder / "reviews")

    return made_once("viewed", make)


@pytest.fixture(scope="session")
def viewer(example_folder: Path) -> Iterator[Viewer]:
    """Serve the folder on a free port."""
    access = Access.create(0)
    config = uvicorn.Config(
        viewer_app(ViewedFolder(example_folder), access), port=0, log_level="error", lifespan="off", ws="none",
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Viewer(example_folder, f"http://127.0.0.1:{port}", access)
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return a headless Chromium, driven by Playwright.

    While it is open, its thread has a running event loop, in which the tests of other modules cannot start one.
    """
    if CHROMIUM is None:
        pytest.skip("no Chromium here: the pages of the viewer are not opened")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any, viewer: Viewer) -> Iterator[Any]:
    """Open the viewer in a fresh profile. The test fails if the page logs an error."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    context.set_default_timeout(PATIENCE_MS)
    opened, problems = context.new_page(), []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    opened.goto(viewer.link)
    yield opened
    context.close()
    assert problems == []


@pytest.fixture(scope="session")
def faults() -> Callable[[Any], list[str]]:
    """Return a function that lists the serious faults that axe finds on a page."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    ).Axe()

    def faults(page: Any) -> list[str]:
        found = axe.run(page).response["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        return [f"{one['id']}: {node['html'][:200]}" for one in serious for node in one["nodes"]]

    return faults
