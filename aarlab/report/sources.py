"""Read the sources of a report: an ablation's folder, or run files and folders with run files."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from aarlab.ablation.records import Results, open_ablation
from aarlab.config.errors import ConfigError, Fault
from aarlab.config.run_lookup import ABLATION_FILE, runs_in
from aarlab.report.run_groups import results_of_run_files
from aarlab.scenarios.task import Progress


def results_from(sources: Sequence[str | Path], progress: Progress | None = None) -> Results:
    """Return the results of one ablation, or of any number of runs.

    Args:
        sources: The folder of an ablation, or run files and folders with run files.
        progress: Called with the share of the runs that were read.

    Raises:
        ConfigError: A source does not exist, no run is done, or an ablation is combined with other sources.
    """
    paths = [Path(source) for source in sources]
    ablations = [path for path in paths if (path / ABLATION_FILE).is_file()]
    if ablations and len(paths) > 1:
        problem = "the folder of an ablation cannot be combined with other sources"
        raise ConfigError(
            [Fault(str(ablations[0]), None, problem, "one ablation, or run files and folders with run files")]
        )
    results = open_ablation(ablations[0], progress) if ablations else results_of_run_files(_run_files(paths), progress)
    if not any(record.status == "done" for record in results.records):
        problem = f"none of {len(results.records)} runs is done"
        expected = "at least one finished run"
        fix = f"continue with `{_continue_command(ablations[0])}`" if ablations else None
        raise ConfigError([Fault(", ".join(map(str, paths)), None, problem, expected, fix)])
    return results


def _continue_command(folder: Path) -> str:
    return shlex.join(["aarlab", "ablate", str(folder / ABLATION_FILE), "--out", str(folder)])


def _run_files(paths: Sequence[Path]) -> list[Path]:
    files: dict[Path, Path] = {}
    faults = []
    for path in paths:
        paths_in_source = [run.path for run in runs_in(path)] if path.is_dir() else [path]
        if not path.exists() or not paths_in_source:
            problem = "the folder contains no runs" if path.is_dir() else "no such file or folder"
            expected = "an ablation's folder, a run file, or a folder with run files"
            faults.append(Fault(str(path), None, problem, expected))
        files |= {file.resolve(): file for file in paths_in_source}
    if faults:
        raise ConfigError(faults)
    return list(files.values())
