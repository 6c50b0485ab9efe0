"""The data of an ablation for the viewer: the numbers of its report, and its runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from aarlab.ablation.records import Results, RunRecord, open_ablation
from aarlab.config.run_lookup import ABLATION_FILE
from aarlab.graph.run.measure_registry import value_at
from aarlab.report import Analysis, analyse
from aarlab.report.explanation_sections import forest_figure
from aarlab.report.sections import sections
from aarlab.report.sentences import caveats, context_sentences, result_sentence, title_line
from aarlab.view.report_parts import part_json
from aarlab.view.structure_graphs import compared_structures
from aarlab.view.viewed_folder import NotInFolder, ViewedFolder, is_live

Row = dict[str, Any]
_MAX_FILE = 2_000_000
"""Size of an ablation file that is read, in bytes."""


class HasCode(NotInFolder):
    """The ablation names files with code, which would be executed to read it."""


def ablation_data(folder: ViewedFolder, name: str) -> Row:
    """Return an ablation: its runs, and what its report says of them once one is done.

    Raises:
        NotInFolder: There is no such folder, or the ablation names a task file.
        ConfigError: Its plan cannot be read.
    """
    results = _results(folder, name)
    description = {"folder": name, "name": results.ablation.name, "question": results.ablation.question}
    runs = [_run(record, folder) for record in results.records]
    analysis = analyse(results) if any(record.status == "done" for record in results.records) else None
    return {
        **description, "runs": runs, "comparisons": [] if analysis is None else _comparisons(analysis, results),
        "report": None if analysis is None else _report(analysis),
    }  # fmt: skip


def ablation_runs(folder: ViewedFolder, name: str) -> Row:
    """Return the runs of an ablation alone. Raises as `ablation_data`."""
    return {"runs": [_run(record, folder) for record in _results(folder, name).records]}


def _results(folder: ViewedFolder, name: str) -> Results:
    path = folder.path_of(name)
    _require_no_code(path / ABLATION_FILE)
    return open_ablation(path)


def _comparisons(analysis: Analysis, results: Results) -> list[Row]:
    """Return what differs between the structures of the planned comparisons."""
    structures = {record.arm: record.scenario.get("structure", {}) for record in results.records}
    pairs = [(one.difference.arm, one.difference.against) for one in analysis.primary.comparisons]
    return [
        {"arm": arm, "against": against, **compared_structures(structures[against], structures[arm])}
        for arm, against in pairs
        if arm in structures and against in structures
    ]


def _require_no_code(file: Path) -> None:
    """Raise HasCode if an ablation names a file for a task: a click on a folder of another person would run code."""
    try:
        if file.stat().st_size > _MAX_FILE:
            raise NotInFolder(f"{ABLATION_FILE} is too large.")
        plan = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise NotInFolder(f"{ABLATION_FILE} cannot be read ({type(error).__name__}).") from None
    if any(_names_file(text) for text in _texts(plan)):
        raise HasCode("This ablation names files, such as tasks of its own, whose code would run: use `aarlab report`.")


def _names_file(text: str) -> bool:
    return text.endswith(".py") or text.startswith((".", "/", "~"))


def _texts(value: Any) -> Iterator[str]:
    """Yield every text below a value that is not the name of a field, and the values of fields named path."""
    match value:
        case str():
            yield value
        case dict():
            for key, item in value.items():
                yield from _texts(item)
                if str(key).rpartition(".")[2] == "path" and item is not None:
                    yield f"./{item}"
        case list():
            for item in value:
                yield from _texts(item)


def _run(record: RunRecord, folder: ViewedFolder) -> Row:
    file = record.path.resolve()
    inside = file.exists() and file.is_relative_to(folder.root)
    return {
        "arm": record.arm, "task": record.task, "seed": record.seed,
        "status": "live" if record.status == "stopped" and is_live(file) else record.status, "error": record.error,
        "file": file.relative_to(folder.root).as_posix() if inside else None,
        "heldout": value_at(record.summary, "heldout.pgr"), "autonomy": value_at(record.summary, "realised_autonomy"),
    }  # fmt: skip


def _report(analysis: Analysis) -> Row:
    """Return the report as JSON: the same sections as on its page."""
    forest = [forest_figure(analysis.primary)] if analysis.primary.comparisons else []
    return {
        "title": title_line(analysis), "result": result_sentence(analysis), "context": context_sentences(analysis),
        "caveats": caveats(analysis), "forest": [part_json(figure) for figure in forest],
        "sections": [
            {"title": section.title, "parts": [part_json(part) for part in section.parts]}
            for section in sections(analysis)
        ],
    }  # fmt: skip
