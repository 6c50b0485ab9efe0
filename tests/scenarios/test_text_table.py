"""Tables of texts and labels: checks of the rows, and the worlds of their tasks."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from aarlab.scenarios import task_files
from aarlab.scenarios.task import SMOKE, SPLITS
from aarlab.scenarios.task_files import load_task_file
from aarlab.scenarios.task_registry import InvalidTaskParameter, UnusableTask, instantiate
from aarlab.scenarios.tasks import task_data, text_table_task
from aarlab.scenarios.tasks.text_table import UnusableTable, read_table

TASK = Path(__file__).parents[2] / "docs" / "example-task" / "aarlab_docstrings" / "__init__.py"
ROWS = [f"text number {i},{i % 2},{'web' if i % 3 else 'book'}" for i in range(1200)]


def table(*changed: str, header: str = "title,y,source") -> bytes:
    """Return a valid table followed by more rows."""
    return "\n".join([header, *ROWS, *changed]).encode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the example task and the first rows of its table, in a process that has read neither."""
    for module, attribute in ((task_files, "_loaded"), (task_data, "_paths")):
        monkeypatch.setattr(module, attribute, {})
    text_table_task._rows.cache_clear()
    table = b"".join((TASK.parent / "docstrings.csv").read_bytes().splitlines(keepends=True)[::3])
    assert table.startswith(b"sentence,topic\n")
    old = hashlib.sha256((TASK.parent / "docstrings.csv").read_bytes()).hexdigest()
    (tmp_path / "docstrings.csv").write_bytes(table)
    (tmp_path / "my_task.py").write_text(TASK.read_text().replace(old, hashlib.sha256(table).hexdigest()))
    return tmp_path


@pytest.mark.parametrize(
    ("content", "where", "field", "problem", "fix"),
    [
        (b"", "t.csv", None, "empty", None),
        (table("caf\xe9,1,web").decode().encode("latin1"), "t.csv:1202", None, "0xe9 is not UTF-8", "UTF-8"),
        (table("a,b,1,web"), "t.csv:1202", None, "the row has 4 cells", "quotes"),
        (table('"open,1,web'), "t.csv:1202", None, "malformed", "close every quote"),
        (table(" ,1,web"), "t.csv:1202", "title", "the cell is empty", "remove the row"),
        (table("x,,web"), "t.csv:1202", "y", "the cell is empty", "remove the row"),
        (table(header="Titel,y,source"), "t.csv:1", "title", "no column has this name", "did you mean Titel?"),
        (table(header="title,y,y"), "t.csv:1", "y", "two columns have this name", "rename"),
        (table("x,2,web", "z,2,web"), "t.csv", "y", "3 values: '0' (600 rows), '1' (600", "--positive"),
        (table().replace(b",0,", b",ham,"), "t.csv", "y", "label 1 is not clear: 'ham'", "--positive VALUE"),
        (b"title,y\n" + b"\n".join(b"text %d,1" % i for i in range(900)), "t.csv", "y", "fewer than two values", None),
        (b"title,y\n" + b"\n".join(b"text %d,%d" % (i, i % 2) for i in range(90)), "t.csv", None, "too few", None),
        (b"title,y\n" + b"\n".join(b"text,%d" % (i % 2) for i in range(900)), "t.csv", None, "0 rows", None),
    ],
)  # fmt: skip
def test_problem_in_a_table_has_place_and_fix(
    content: bytes, where: str, field: str | None, problem: str, fix: str | None
) -> None:
    with pytest.raises(UnusableTable) as refusal:
        read_table(content, "t.csv", text="title", label="y")
    (found,) = refusal.value.problems
    assert (found.where, found.field) == (where, field)
    assert problem in found.problem
    assert fix is None or fix in str(found.fix)


def test_repeated_and_contradictory_texts_are_left_out() -> None:
    rows = read_table(table("Text  number 0,0,web", "TEXT NUMBER 1,0,web"), "t.csv", text="title", label="y")
    assert len(rows.texts) == 1199
    assert "text number 1" not in rows.texts
    assert rows.notes == ("Repeated texts that were left out: 2.", "Texts with both labels that were left out: 1.")


def test_delimiter_and_lines_inside_quotes_are_understood() -> None:
    content = table('"a text\nof two lines, with a comma",1,web').replace(b",0,web", b";0;web").replace(b",1,", b";1;")
    content = content.replace(b",y,source", b";y;source").replace(b",0,book", b";0;book").replace(b";1;web", b";1;web")
    rows = read_table(content.replace(b",book", b";book").replace(b",web", b";web"), "t.csv", text="title", label="y")
    assert rows.texts[-1] == "a text\nof two lines, with a comma"


def test_worlds_of_splits_share_no_text(folder: Path) -> None:
    task = load_task_file(folder / "my_task.py").kind()
    task.prepare()
    features = {}
    for split in SPLITS:
        items = task.draw(SMOKE, split, np.random.default_rng(0))
        features[split] = {row.tobytes() for row in np.concatenate([items.features, items.test_features])}
        assert len(items.features) == 120
        assert len(items.test_features) == 60
    assert not features["development"] & (features["heldout"] | features["shifted"])
    first, second = (task.world(7, split="heldout") for _ in range(2))
    np.testing.assert_array_equal(first.inputs.features, second.inputs.features)
    assert 0.5 < first.weak_acc < first.strong_acc


def test_named_rows_form_the_shifted_worlds() -> None:
    rows = read_table(table(), "t.csv", text="title", label="y", shifted=("source", "book"))
    shifted = text_table_task._positions(rows, "shifted")
    assert len(shifted) == 400
    assert all(int(rows.texts[i].split()[-1]) % 3 == 0 for i in shifted)
    others = [set(text_table_task._positions(rows, split)) for split in ("development", "heldout")]
    assert sorted([*others[0], *others[1], *shifted]) == list(range(1200))


@pytest.mark.parametrize("change", ["changed", "missing"])
def test_task_with_another_table_is_refused(folder: Path, change: str) -> None:
    if change == "changed":
        with (folder / "docstrings.csv").open("a") as file:
            file.write("One more sentence.,other\n")
    else:
        (folder / "docstrings.csv").unlink()
    message = {"changed": r"docstrings\.csv was changed: .*aarlab tasks new", "missing": r"csv cannot be read: no such"}
    with pytest.raises(UnusableTask, match=message[change]):
        load_task_file(folder / "my_task.py")


def test_teacher_cannot_use_up_a_class(folder: Path) -> None:
    kind = load_task_file(folder / "my_task.py").kind
    with pytest.raises(InvalidTaskParameter, match="teacher_examples must be at most"):
        instantiate(kind, {"teacher_examples": 400})
