"""Reading of the study's released result files: one JSON for each method, configuration and training seed.

Layout: `TASK_METHOD/CONFIGURATION/seed_N.json`, such as `chat-0115_critic/e5_lr0.0001/seed_42.json`. A file has some of
`transfer_acc`, `pgr`, `weak_acc`, `strong_acc`, `fixed_weak_baseline`, `fixed_strong_baseline`, and many other fields,
which are ignored.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from aarlab.study.json_input import MAX_NAME_LENGTH, accuracy, input_error, number, parse_json, read_text, string

LAYOUT = "TASK_METHOD/CONFIGURATION/seed_N.json, such as chat-0115_critic/e5_lr0.0001/seed_42.json"
"""Where result files lie below the folder."""
_SEED_FILE = re.compile(r"seed_(\d{1,9})\.json")


@dataclass(frozen=True, slots=True)
class ResultFile:
    """The result of one training seed. Values are as recorded; None where the file has none."""

    path: Path
    task: str
    method: str
    configuration: str
    seed: int
    """Seed in the file's name."""
    transfer_acc: float | None
    """Accuracy of the strong student that was trained with the weak teacher."""
    pgr: float | None
    weak_acc: float | None
    strong_acc: float | None
    fixed_weak: float | None
    """Weak accuracy that the study used for every PGR of the task."""
    fixed_strong: float | None
    """Strong accuracy that the study used for every PGR of the task."""
    recorded_seed: int | None
    """Seed in the file's contents."""
    recorded_method: str | None
    """Method in the file's contents."""


def read_result_files(folder: Path) -> list[ResultFile]:
    """Return the results below a folder, ordered by task, method, configuration and seed.

    Raises:
        ConfigError: A file is not a JSON object, a field that is used has an invalid value, a file links out of the
            folder, or two files are of one seed.
    """
    root = folder.resolve()
    paths = [path for path in sorted(folder.glob("*/*/seed_*.json")) if _SEED_FILE.fullmatch(path.name)]
    results = sorted((_read(path, root) for path in paths), key=_identity)
    for first, second in pairwise(results):
        if _identity(first) == _identity(second):
            problem = f"the same seed as {first.path.name}, in one folder"
            raise input_error(second.path, None, problem, "one file for each seed")
    return results


def _identity(result: ResultFile) -> tuple[str, str, str, int]:
    return result.task, result.method, result.configuration, result.seed


def _read(path: Path, root: Path) -> ResultFile:
    if not path.resolve().is_relative_to(root):
        raise input_error(path, None, "a link to a file outside of the folder", "a file in the folder")
    record = parse_json(read_text(path), path)
    if not isinstance(record, dict):
        raise input_error(path, None, f"a value of type {type(record).__name__}", "a JSON object")
    task, method = _task_and_method(path, string(record, "dataset_name", path))
    match = _SEED_FILE.fullmatch(path.name)
    if match is None:
        raise input_error(path, None, "not a result file", LAYOUT)
    seed = number(record, "seed", path)
    return ResultFile(
        path, task, method, path.parent.name, int(match[1]),
        transfer_acc=accuracy(record, "transfer_acc", path),
        pgr=number(record, "pgr", path),
        weak_acc=accuracy(record, "weak_acc", path),
        strong_acc=accuracy(record, "strong_acc", path),
        fixed_weak=accuracy(record, "fixed_weak_baseline", path),
        fixed_strong=accuracy(record, "fixed_strong_baseline", path),
        recorded_seed=None if seed is None else int(seed),
        recorded_method=string(record, "idea_name", path),
    )  # fmt: skip


def _task_and_method(path: Path, recorded_task: str | None) -> tuple[str, str]:
    """Return task and method from the name of the folder. The contents say where the name of the task ends."""
    name = path.parent.parent.name
    if recorded_task is not None and name.startswith(f"{recorded_task}_"):
        task, method = recorded_task, name.removeprefix(f"{recorded_task}_")
    else:
        task, _, method = name.partition("_")
    if not task or not method or len(name) > MAX_NAME_LENGTH:
        raise input_error(path, None, f"the folder {name!r} does not name a task and a method", LAYOUT)
    return task, method
