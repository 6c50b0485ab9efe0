"""The workspace and the notebook: a researcher's own files and notes."""

import pytest
from lab_hands import Lab

from aarlab.memory.events import FileWritten


def test_a_file_is_read_as_it_was_written(lab: Lab) -> None:
    r1 = lab["r1"]
    assert r1.use("write_file", path="notes/plan.md", text="one\ntwo")["lines"] == 2
    assert r1.use("read_file", path="notes/plan.md")["text"] == "one\ntwo"


def test_writing_again_replaces_a_file_and_the_record_keeps_both(lab: Lab) -> None:
    r1 = lab["r1"]
    for text in ("old", "new"):
        r1.use("write_file", path="method.py", text=text)
    assert r1.use("read_file", path="method.py")["text"] == "new"
    assert [lab.file.text(event.text) for event in r1.events(FileWritten)] == ["old", "new"]


def test_without_a_path_the_files_are_listed(lab: Lab) -> None:
    r1 = lab["r1"]
    for path in ("b.py", "a.py"):
        r1.use("write_file", path=path, text="")
    assert r1.use("read_file")["files"] == ["a.py", "b.py"]


def test_a_file_that_is_not_there_is_missed_with_a_list_of_those_that_are(lab: Lab) -> None:
    r1 = lab["r1"]
    r1.use("write_file", path="method.py", text="")
    told = r1.refused("read_file", path="metod.py")
    assert told == "there is no file 'metod.py' in your workspace; there are: method.py"


@pytest.mark.parametrize("path", ["", "/etc/passwd", "-rf", "a b.py", "ä.py", "a\nb", "a.py\n"])
def test_a_path_is_made_of_plain_letters(lab: Lab, path: str) -> None:
    assert lab["r1"].refused("write_file", path=path, text="").startswith("write_file: path: ")


def test_a_file_has_a_largest_size(lab: Lab) -> None:
    assert "at most 60000 characters" in lab["r1"].refused("write_file", path="a.py", text="x" * 60_001)


def test_workspaces_and_notebooks_are_not_shared(lab: Lab) -> None:
    lab["r1"].use("write_file", path="secret.py", text="")
    lab["r1"].use("write_notebook", text="mine")
    assert lab["r2"].use("read_file")["files"] == []
    assert lab["r2"].use("read_notebook")["entries"] == []


def test_a_notebook_keeps_its_entries_in_order_with_the_hour(lab: Lab) -> None:
    r1 = lab["r1"]
    r1.use("write_notebook", text="first")
    lab.next_round()
    r1.use("write_notebook", text="second")
    assert r1.use("read_notebook")["entries"] == [
        {"round": 1, "hours": 0.0, "text": "first"},
        {"round": 2, "hours": 0.1, "text": "second"},
    ]
