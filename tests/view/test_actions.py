"""What the user of the viewer does to runs: answers to questions, instructions, forks."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from example_runs import begin_run
from starlette.testclient import TestClient
from test_run_page import visit

from aarlab.graph.run.execute import run_scenario
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import QuestionAsked
from aarlab.memory.instructions import instructions
from aarlab.view.access_guard import ACTION_HEADER
from aarlab.view.server import Access, viewer_app
from aarlab.view.started_commands import NotStarted, arguments_of, shown_command
from aarlab.view.viewed_folder import NotInFolder, ViewedFolder

QUESTION = QuestionAsked(
    "overseer-1", "release", "Release r2.f1 to the team?", ["approve", "modify", "reject"], ["r2.f1"]
)
ABOUT_CALL = QuestionAsked(
    "r1-1", "tool_call", "r1 calls write_file. Approve path=a.md?", ["approve", "modify", "reject"], [],
    {"tool": "write_file", "arguments": {"path": "a.md", "text": "x"}},
)  # fmt: skip
EDIT = {"command": "fork", "file": "good-run.db", "edit": "r1:2", "text": 'It\'s "late"'}


def test_command_of_a_fork_can_be_typed(example_folder: Path) -> None:
    folder = ViewedFolder(example_folder)
    request = {"command": "fork", "file": "deep/hostile-run.db", "round": 2, "settings": {"review": "gate"}, "seeds": 2}
    assert shown_command(arguments_of(folder, {**request, "model": "a/b", "agent": "r1"})) == (
        "aarlab fork deep/hostile-run.db --round 2 --set structure.review=gate --model a/b --agent r1 --seeds 2 "
        "--out deep"
    )
    assert shown_command(arguments_of(folder, EDIT)).endswith("""--edit r1:2 'It'"'"'s "late"' --out .""")


@pytest.mark.parametrize(
    "wrong",
    [
        {"round": 0}, {"round": "2"}, {"settings": {"review": "gat"}}, {"settings": {"task.path": "x.py"}},
        {"model": "--allow-agent"}, {"model": "a/b", "agent": "--quiet"}, {"seeds": 1000}, {"command": "pack"},
        {"edit": "r1", "text": "x"}, {"edit": "r1:1", "text": " "},
        {"edit": "r1:1", "text": "x", "model": "a/b", "round": None},
    ],
)  # fmt: skip
def test_command_with_other_values_is_refused(example_folder: Path, wrong: dict[str, Any]) -> None:
    request = {"command": "fork", "file": "good-run.db", "round": 1, **wrong}
    with pytest.raises(NotStarted):
        arguments_of(ViewedFolder(example_folder), request)


def test_command_for_a_run_outside_is_refused(example_folder: Path) -> None:
    with pytest.raises(NotInFolder):
        arguments_of(ViewedFolder(example_folder / "deep"), {"command": "resume", "file": "../good-run.db"})


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """Return a client that may act, for a folder with a run that asks a question."""
    with begin_run(tmp_path / "asks.db") as file:
        file.append("overseer", QUESTION, round=2, hours=4.0)
    access = Access.create(1)
    with TestClient(viewer_app(ViewedFolder(tmp_path), access), base_url="http://127.0.0.1:1") as client:
        client.get("/", params={"token": access.token})
        client.headers |= {
            "origin": "http://127.0.0.1:1",
            ACTION_HEADER: client.get("/api/session").json()["action_token"],
        }
        yield client


def test_instruction_is_refused_with_a_sentence(client: TestClient) -> None:
    for request, problem in (
        ({"action": "approve", "question": "overseer-1", "why": " "}, "Give a reason"),
        ({"action": "approve", "why": "x"}, "Choose a question"),
        ({"action": "advise", "question": "overseer-1", "why": "x"}, "cannot be answered with 'advise'"),
        ({"action": "message", "why": "x", "agent": "r9", "text": "hello"}, "no researcher 'r9'"),
        ({"action": "modify", "question": "overseer-1", "why": "x", "findings": ["f9"]}, "does not ask about 'f9'"),
        ({"action": "delete", "why": "x"}, "no action"),
    ):
        answer = client.post("/api/instruct", json={"file": "asks.db", **request})
        assert (answer.status_code, problem in answer.json()["problem"]) == (422, True), answer.text
    assert client.post("/api/instruct", json={"file": "../asks.db", "action": "pause", "why": "x"}).status_code == 404
    assert client.post("/api/instruct", content=b"[]").status_code == 422


def test_question_is_answered_on_the_page(page: Any, viewer: Any) -> None:
    path = viewer.root / "asking-run.db"
    with begin_run(path) as log:
        log.append("r1", ABOUT_CALL, round=2, hours=4.0)
        visit(page, "#/run?file=asking-run.db", ".question")
        page.get_by_label("Arguments of the call").fill('{"path": "b.md", "text": "y"}')
        page.get_by_label("Reason", exact=True).fill("a better name")
        page.get_by_role("button", name="Approve with these arguments").click()
        page.get_by_text("Answered: modify by").wait_for()
        log.append("overseer", QUESTION, round=2, hours=4.0)
        page.reload()
        visit(page, "#/run?file=asking-run.db", ".question input")
        page.get_by_label("Reason", exact=True).fill("it replicates")
        page.get_by_role("button", name="Approve", exact=True).click()
        page.get_by_text("Answered: approve by").wait_for()
        page.get_by_label("Kind of instruction").select_option("message")
        page.get_by_label("Researcher", exact=True).select_option("r2")
        page.get_by_label("Text", exact=True).fill("look at the pilots")
        page.get_by_label("Reason of the instruction").fill("they agree")
        page.get_by_role("button", name="Send").click()
        page.get_by_text("Recorded: message by").wait_for()
        visit(page, "#/runs", "table.runs")
        given = [(one.action, one.question, one.agent, one.why, one.text) for one in instructions(log)]
    path.unlink()
    assert given == [
        ("modify", "r1-1", None, "a better name", '{"path": "b.md", "text": "y"}'),
        ("approve", "overseer-1", None, "it replicates", ""),
        ("message", None, "r2", "they agree", "look at the pilots"),
    ]


def test_edited_message_gives_the_command(page: Any) -> None:
    visit(page, "#/conversation?file=good-run.db&agent=r1", ".turn")
    page.get_by_role("button", name="edit and fork").first.click()
    page.get_by_label("Text of the message").fill("Stop.")
    page.get_by_text("aarlab fork good-run.db --edit r1:1 Stop. --out .").wait_for()


def test_key_of_the_fork_form_waits_for_the_session(page: Any) -> None:
    held: list[Any] = []
    page.route("**/api/session*", lambda route: held.append(route))
    page.reload()
    visit(page, "#/run?file=good-run.db&at=1.5")
    page.keyboard.press("f")
    page.wait_for_function("() => location.hash.includes('at=1.5')")
    assert page.get_by_label("First round of the fork").count() == 0
    for request in held:
        request.continue_()
    page.unroute("**/api/session*")
    page.get_by_label("First round of the fork").wait_for()


@pytest.mark.long
def test_fork_is_started_and_shown_live(page: Any, viewer: Any) -> None:
    scoring = {f"{name}_worlds": 2 for name in ("full", "final", "screening", "heldout", "shifted")}
    scenario = Scenario.model_validate({
        "team": {"researchers": 1}, "budget": {"hours": 2, "round_hours": 1},
        "scoring": {**scoring, "finalists": 1, "transfer_worlds": 0},
    })  # fmt: skip
    folder = viewer.root / "forks"
    try:
        with ThreadPoolExecutor(1) as pool:  # the thread of the browser has a running event loop
            pool.submit(run_scenario, scenario, folder / "parent.db").result()
        visit(page, "#/run?file=forks/parent.db&at=1.5")
        page.keyboard.press("f")
        assert page.get_by_label("First round of the fork").input_value() == "2"
        page.get_by_label("review").select_option("advisory")
        page.get_by_text("--round 2 --set structure.review=advisory").wait_for()
        page.get_by_role("button", name="Start").click()
        page.get_by_role("link", name="forks/").click(timeout=60_000)
        page.locator("h1", has_text="-at2-").wait_for()
        page.locator(".status.done").wait_for(timeout=60_000)
        started = "fetch('/api/started').then(answer => answer.json())"
        while page.evaluate(started)[0]["status"] == "running":
            page.wait_for_timeout(200)
        visit(page, "#/runs", "table.runs")
    finally:
        shutil.rmtree(folder)
