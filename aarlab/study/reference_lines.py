"""Reference lines from the study's result files: mean and standard error of PGR over seeds, for each method."""

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from aarlab.study.json_input import input_error
from aarlab.study.result_files import LAYOUT, ResultFile
from aarlab.study.study_file import AccuracyLine, ReferenceLine, StudyFile, StudyTask

_PGR_TOLERANCE = 0.002
"""Difference between a recorded and a computed PGR that rounding to three decimals explains."""


def study_file_from(results: Sequence[ResultFile], source: str) -> StudyFile:
    """Return the reference lines of result files.

    Weak and strong accuracy are fixed for each task: the mean over the files of the weak teacher and of the strong
    student trained on ground truth if there are any, otherwise the values that the files of the methods name as fixed.
    A PGR that is not recorded is computed from them.

    Args:
        results: Results of at least one method.
        source: Name of the folder, for the study file.

    Raises:
        ConfigError: No file has the result of a method, or the fixed accuracies of a task are not known or not usable.
    """
    by_task: dict[str, list[ResultFile]] = defaultdict(list)
    for result in results:
        by_task[result.task].append(result)
    tasks: list[StudyTask] = []
    lines: list[ReferenceLine] = []
    warnings: list[str] = []
    for name, files in by_task.items():
        task = StudyTask(task=name, weak=_weak_line(files), strong=_strong_line(files))
        method_files = [result for result in files if _is_method(result)]
        tasks.append(task)
        for (method, configuration), seeds in _grouped(method_files).items():
            line = ReferenceLine(
                task=name, method=method, configuration=configuration,
                pgr_by_seed={result.seed: _pgr_of(result, task) for result in seeds},
                transfer_acc=_accuracy_line([value for r in seeds if (value := r.transfer_acc) is not None]),
            )  # fmt: skip
            lines.append(line)
            warnings += _contradictions(line, seeds, task)
    if not lines:
        raise input_error(source, None, "no file has the transfer accuracy or the PGR of a method", LAYOUT)
    return StudyFile(source=source, tasks=tasks, lines=lines, warnings=warnings)


def _is_method(result: ResultFile) -> bool:
    return result.transfer_acc is not None or result.pgr is not None


def _grouped(files: Iterable[ResultFile]) -> Mapping[tuple[str, str], list[ResultFile]]:
    groups: dict[tuple[str, str], list[ResultFile]] = defaultdict(list)
    for result in files:
        groups[result.method, result.configuration].append(result)
    return groups


def _weak_line(files: Sequence[ResultFile]) -> AccuracyLine | None:
    teachers = [r.weak_acc for r in files if r.weak_acc is not None and r.strong_acc is None and not _is_method(r)]
    return _accuracy_line(teachers) or _fixed_line(files, "fixed_weak")


def _strong_line(files: Sequence[ResultFile]) -> AccuracyLine | None:
    students = [r.strong_acc for r in files if r.strong_acc is not None and not _is_method(r)]
    return _accuracy_line(students) or _fixed_line(files, "fixed_strong")


def _fixed_line(files: Sequence[ResultFile], field: str) -> AccuracyLine | None:
    """Return the fixed accuracy that the files name. Raises ConfigError if they name different ones."""
    named = {value: result.path for result in files if (value := getattr(result, field)) is not None}
    if len(named) > 1:
        (_, first), (value, other), *_ = named.items()
        problem = f"the value {value:g}, but {first} has another one for the same task"
        raise input_error(other, f"{field}_baseline", problem, "one value for each task")
    return None if not named else AccuracyLine(mean=next(iter(named)), se=None, seeds=None, origin="fixed")


def _accuracy_line(values: Sequence[float]) -> AccuracyLine | None:
    if not values:
        return None
    se = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return AccuracyLine(mean=statistics.fmean(values), se=se, seeds=len(values), origin="files")


def _pgr_of(result: ResultFile, task: StudyTask) -> float:
    """Return the recorded PGR, or the one that follows from the task's fixed accuracies."""
    pgr = result.pgr if result.pgr is not None else _computed_pgr(result, task)
    if pgr is None:
        problem = f"it is missing, and without weak and strong accuracy of {task.task} it cannot be computed"
        raise input_error(result.path, "pgr", problem, "a number, or fixed_weak_baseline and fixed_strong_baseline")
    return pgr


def _computed_pgr(result: ResultFile, task: StudyTask) -> float | None:
    if result.transfer_acc is None or task.gap is None or task.weak is None:
        return None
    if task.gap <= 0:
        raise input_error(
            result.path, "fixed_strong_baseline", f"no gap: strong minus weak accuracy is {task.gap:g}",
            "a strong accuracy above the weak one",
        )  # fmt: skip
    return (result.transfer_acc - task.weak.mean) / task.gap


def _contradictions(line: ReferenceLine, files: Sequence[ResultFile], task: StudyTask) -> list[str]:
    """Return a sentence for each kind of contradiction between the names of the files and their contents."""
    name, n = f"{line.task} {line.method}", len(files)
    sentences = []
    if other_seeds := [r for r in files if r.recorded_seed not in (None, r.seed)]:
        inside = sorted({str(r.recorded_seed) for r in other_seeds})
        sentences.append(
            f"{name}: {len(other_seeds)} of {n} files contain another seed than their name ({', '.join(inside)}). "
            "The seeds of the names are used; the other fields may be copies of one run."
        )
    recorded = {r.recorded_method for r in files if r.recorded_method is not None}
    if other_methods := ", ".join(sorted(recorded - {line.method})):
        sentences.append(f"{name}: the files name the method {other_methods}. The folder's name is used.")
    computed = [(r, value) for r in files if r.pgr is not None and (value := _computed_pgr(r, task)) is not None]
    if differing := [r for r, value in computed if abs(value - (r.pgr or 0.0)) > _PGR_TOLERANCE]:
        sentences.append(
            f"{name}: in {len(differing)} of {n} files the PGR differs from the one that follows from the accuracies. "
            "The recorded PGR is used."
        )
    return sentences
