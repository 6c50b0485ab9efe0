"""The workspace and the notebook of a researcher."""

import pytest
from tool_drivers import TeamDriver

from aarlab.memory.events import FileWritten


def test_a_file_is_read_as_it_was_written(team: TeamDriver) -> None:
    r1 = team["r1"]
    assert r1.call_tool("write_file", path="notes/plan.md", text="one\ntwo")["lines"] == 2
    assert r1.call_tool("read_file", path="notes/plan.md")["text"] == "one\ntwo"


def test_overwriting_a_file_keeps_both_versions_in_the_log(team: TeamDriver) -> None:
    r1 = team["r1"]
    for text in ("old", "new"):
        r1.call_tool("write_file", path="method.py", text=text)
    assert r1.call_tool("read_file", path="method.py")["text"] == "new"
    assert [team.file.text(event.text) for event in r1.events(FileWritten)] == ["old", "new"]


def test_without_a_path_the_files_are_listed(team: TeamDriver) -> None:
    r1 = team["r1"]
    for path in ("b.py", "a.py"):
        r1.call_tool("write_file", path=path, text="")
    assert r1.call_tool("read_file")["files"] == ["a.py", "b.py"]


def test_a_missing_file_error_lists_the_existing_files(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.call_tool("write_file", path="method.py", text="")
    output = r1.refused("read_file", path="metod.py")
    assert output == "there is no file 'metod.py' in your workspace; there are: method.py"


@pytest.mark.parametrize("path", ["", "/etc/passwd", "-rf", "a b.py", "ä.py", "a\nb", "a.py\n"])
def test_an_invalid_path_is_refused(team: TeamDriver, path: str) -> None:
    assert team["r1"].refused("write_file", path=path, text="").startswith("write_file: path: ")


def test_a_too_large_file_is_refused(team: TeamDriver) -> None:
    assert "at most 60000 characters" in team["r1"].refused("write_file", path="a.py", text="x" * 60_001)


def test_workspaces_and_notebooks_are_not_shared(team: TeamDriver) -> None:
    team["r1"].call_tool("write_file", path="secret.py", text="")
    team["r1"].call_tool("write_notebook", text="mine")
    assert team["r2"].call_tool("read_file")["files"] == []
    assert team["r2"].call_tool("read_notebook")["entries"] == []


def test_notebook_entries_are_ordered_with_round_and_hour(team: TeamDriver) -> None:
    r1 = team["r1"]
    r1.call_tool("write_notebook", text="first")
    team.next_round()
    r1.call_tool("write_notebook", text="second")
    assert r1.call_tool("read_notebook")["entries"] == [
        {"round": 1, "hours": 0.0, "text": "first"},
        {"round": 2, "hours": 0.1, "text": "second"},
    ]
