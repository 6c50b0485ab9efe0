"""Task files for a table of texts and labels, as `aarlab tasks new` writes them."""

import hashlib
import json
import keyword
import os
import re
import textwrap
from dataclasses import asdict, dataclass
from pathlib import Path

from aarlab.config.errors import ConfigError, Fault
from aarlab.memory.atomic_file import atomic_output
from aarlab.scenarios.task_files import load_task_code
from aarlab.scenarios.task_registry import UnusableTask, instantiate, task_names
from aarlab.scenarios.tasks.text_table import TableRows, UnusableTable, read_table

ADVISED_ROWS = 4000
"""With fewer rows, a full world has fewer than 1000 unlabelled and 700 test items."""
MAX_MAJORITY = 0.6
"""Share of the larger class above which a note is given."""
MAX_SHOWN = 60
"""Characters of a column name or value in the description of the task."""
_TEMPLATE = '''"""The task {name}, written by `aarlab tasks new`."""

from typing import ClassVar

from aarlab.scenarios.tasks import TextTable, TextTableTask


class {class_name}(TextTableTask):
    """The {name} task."""

    name: ClassVar[str] = {name_literal}
    about: ClassVar[str] = (
{about}
    )
    table: ClassVar[TextTable] = TextTable(
{table}
    )
'''
_TEACHER_AND_STUDENT = (
    "The weak teacher counts frequent words and was trained on a few labelled texts. The strong student represents a "
    "text by principal components of its words and character n-grams."
)


@dataclass(frozen=True, slots=True)
class NewTask:
    """A checked task file that is not written yet."""

    name: str
    path: Path
    code: str
    rows: TableRows
    notes: tuple[str, ...]

    def write(self) -> None:
        """Write the file: complete, or not at all. Raises ConfigError if it exists or cannot be written."""
        try:
            with atomic_output(self.path) as temporary:
                temporary.write_text(self.code, encoding="utf-8")
        except OSError as error:
            raise ConfigError([Fault(str(self.path), None, f"it cannot be written: {error}", None)]) from None


def new_task(
    csv_path: Path,
    *,
    text: str,
    label: str,
    positive: str | None = None,
    shifted: tuple[str, str] | None = None,
    name: str | None = None,
    out: Path | None = None,
) -> NewTask:
    """Return the task file for a CSV file, after reading all its rows and making the task.

    Args:
        csv_path: The CSV file.
        text: Column of the texts.
        label: Column of the labels.
        positive: Value of label 1; None: clear from the values.
        shifted: Column and value of the rows for shifted worlds.
        name: Name of the task; None: that of the CSV file.
        out: Path of the task file; None: NAME_task.py in the working directory.

    Raises:
        ConfigError: The CSV file or a name cannot be used, or the task file exists.
    """
    task_name = _name(csv_path, name)
    path = Path(f"{task_name}_task.py") if out is None else out
    _check_out(path)
    try:
        content = csv_path.read_bytes()
    except OSError as error:
        problem = f"the file cannot be read: {(error.strerror or str(error)).lower()}"
        raise ConfigError([Fault(str(csv_path), None, problem, "a CSV file with a header")]) from None
    try:
        rows = read_table(content, str(csv_path), text=text, label=label, positive=positive, shifted=shifted)
    except UnusableTable as error:
        raise ConfigError([Fault(**asdict(problem)) for problem in error.problems]) from None
    item = f"An item is a text ({_shown(text)} of {csv_path.name}); label 1 means that {_shown(label)} is "
    item += f"{_shown(rows.positive)}, label 0 that it is {_shown(rows.negative)}. "
    table = {
        "file": _literal(os.path.relpath(csv_path, path.parent)),
        "text": _literal(text),
        "label": _literal(label),
        "positive": _literal(rows.positive),
        "shifted": None if shifted is None else f"({', '.join(map(_literal, shifted))})",
        "sha256": _literal(hashlib.sha256(content).hexdigest()),
    }
    code = _TEMPLATE.format(
        name=task_name,
        class_name="".join(part.capitalize() for part in task_name.split("_")),
        name_literal=_literal(task_name),
        about="\n".join(f"        {_literal(line)}" for line in _wrapped(item + _TEACHER_AND_STUDENT)),
        table="\n".join(f"        {field}={value}," for field, value in table.items() if value is not None),
    )
    try:
        instantiate(load_task_code(code, str(path)).kind)
    except (UnusableTask, ValueError) as error:
        raise ConfigError([Fault(str(csv_path), None, str(error), "a table that a task can use")]) from None
    return NewTask(task_name, path, code, rows, (*rows.notes, *_size_notes(rows)))


def _name(csv_path: Path, name: str | None) -> str:
    """Return the name of the task. Raises ConfigError if it is no identifier, or is taken."""
    used = re.sub(r"[^a-z0-9]+", "_", csv_path.stem.lower()).strip("_") if name is None else name
    where = "--name" if name is not None else str(csv_path)
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", used) or keyword.iskeyword(used):
        problem = f"{used!r} is no name for a task"
        raise ConfigError([Fault(where, None, problem, "small letters, digits and _", "--name NAME")])
    if used in task_names():
        raise ConfigError([Fault(where, None, f"there is a task {used!r} already", "another name", "--name NAME")])
    return used


def _check_out(path: Path) -> None:
    if path.suffix != ".py":
        raise ConfigError([Fault(f"--out {path}", None, "the file must end in .py", "a Python file")])
    if path.exists() or path.is_symlink():
        raise ConfigError([Fault(str(path), None, "the file exists", "a new file", "another place: --out FILE")])
    if not path.parent.is_dir():
        raise ConfigError([Fault(f"--out {path}", None, f"{path.parent} is not a folder", "a file in a folder")])


def _size_notes(rows: TableRows) -> list[str]:
    notes = []
    if len(rows.texts) < ADVISED_ROWS:
        notes.append(f"{len(rows.texts):,} different texts are few; with {ADVISED_ROWS:,} scores are less noisy.")
    share = float(rows.labels.mean())
    if (majority := max(share, 1 - share)) > MAX_MAJORITY:
        notes.append(f"A constant guess is right on {100 * majority:.0f} %; a weak teacher may not exceed it.")
    if not rows.is_shifted.any():
        notes.append(
            "No rows are named for shifted worlds (--shifted COLUMN=VALUE): there the teacher is trained on the "
            "shortest texts."
        )
    return notes


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= MAX_SHOWN else f"{line[: MAX_SHOWN - 1]}…")


def _literal(text: str) -> str:
    """Return a string literal in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def _wrapped(text: str) -> list[str]:
    """Return the lines of a text, each but the last with a space at its end."""
    lines = textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False)
    return [*(f"{line} " for line in lines[:-1]), lines[-1]]
