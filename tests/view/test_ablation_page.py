"""The page of an ablation: its data, what is refused, and the page in a browser."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from aarlab.view.ablation_data import HasCode, ablation_data
from aarlab.view.structure_graphs import compared_structures
from aarlab.view.viewed_folder import ViewedFolder


def test_report_of_an_ablation_has_arms_and_runs(example_folder: Path) -> None:
    data = ablation_data(ViewedFolder(example_folder), "reviews")
    parts = [part for section in data["report"]["sections"] for part in section["parts"]]
    assert {part["kind"] for part in parts} >= {"figure", "table", "note", "list", "code"}
    assert [row[0] for row in parts[0]["rows"]] == ["free", "gate"]
    assert data["report"]["forest"][0]["drawing"][0] == "svg"
    assert {run["status"] for run in data["runs"]} == {"done"}
    assert all(str(run["file"]).startswith("reviews/runs/") for run in data["runs"])


@pytest.mark.parametrize(
    "line", ["  task: {path: my_task.txt}", "  task: my_task.py", "  task.path: x", '  "task.p\\x61th": x']
)
def test_ablation_that_names_code_is_not_read(tmp_path: Path, line: str) -> None:
    (tmp_path / "ablation.yaml").write_text(f"name: x\nscenario:\n{line}\n")
    with pytest.raises(HasCode, match="would run"):
        ablation_data(ViewedFolder(tmp_path), "")


def test_ablation_page_leads_to_its_runs(page: Any) -> None:
    page.locator("table.runs").wait_for()
    page.get_by_role("link", name="reviews", exact=True).click()
    page.locator(".band").first.wait_for()
    assert page.get_by_role("heading", level=1).inner_text() == "Does a gate help?"
    page.get_by_role("link", name="gate, seed 1").click()
    page.locator(".post").first.wait_for()


def test_structures_of_a_comparison_are_drawn(page: Any, faults: Any) -> None:
    page.evaluate("location.hash = '#/ablation?folder=reviews'")
    page.locator("summary", has_text="gate against free").click()
    assert "review: none in free, gate in gate" in page.locator("main").inner_text()
    assert page.locator(".flow-node.second").all_text_contents() == ["review", "consult"]
    assert page.locator(".flow-node.first").count() == 0
    assert page.locator(".flow.first").count() == 1
    assert faults(page) == []


def test_graphs_that_differ_have_their_parts_marked() -> None:
    compared = compared_structures({}, {"coordination": "hybrid", "review": "advisory"})
    team = compared["graphs"][0]
    parts = {node["name"]: node["part"] for node in team["nodes"]}
    assert (parts["review"], parts["assign_tasks"], parts["publish"]) == ("second", "second", "both")
    columns = {node["name"]: node["column"] for node in team["nodes"]}
    assert columns["start"] == 0 < columns["research"] < columns["review"] < columns["publish"]
    assert len({(node["column"], node["row"]) for node in team["nodes"]}) == len(team["nodes"])
    assert {"from": "publish", "to": "next_round", "part": "both"} in team["edges"]


def test_finished_run_appears_in_its_row(page: Any, viewer: Any) -> None:
    folder = Path(shutil.copytree(viewer.root / "reviews", viewer.root / "growing"))
    try:
        run = next(path for path in (folder / "runs").glob("*.db") if "gate" in path.name)
        kept = run.rename(folder / f"{run.name}.kept")
        page.evaluate("location.hash = '#/ablation?folder=growing'")
        page.locator(".area-runs .status.missing").wait_for()
        page.wait_for_timeout(700)
        kept.rename(run)
        page.locator(".area-runs .status.missing").wait_for(state="detached")
        assert page.locator(".area-runs .status.done").count() == 4
        page.evaluate("location.hash = '#/runs'")
        page.locator("table.runs").wait_for()
    finally:
        shutil.rmtree(folder)
