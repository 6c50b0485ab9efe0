"""What a person means by the sources of a report: an ablation's folder, run files, folders with run files."""

from collections.abc import Sequence
from pathlib import Path

from aarlab.ablation.records import Results, open_ablation
from aarlab.config.errors import ConfigError, Fault
from aarlab.config.run_lookup import runs_in
from aarlab.report.run_groups import results_of_run_files

ABLATION_FILE = "ablation.yaml"
"""What makes a folder that of an ablation."""


def results_from(sources: Sequence[str | Path]) -> Results:
    """Return the results of one ablation, or those of any number of runs.

    Raises:
        ConfigError: There is nothing there, or nothing that is done, or an ablation among other things.
    """
    paths = [Path(source) for source in sources]
    ablations = [path for path in paths if (path / ABLATION_FILE).is_file()]
    if ablations and len(paths) > 1:
        found = "an ablation's folder among other sources"
        raise ConfigError([Fault(str(ablations[0]), None, found, "one ablation, or run files and folders with some")])
    results = open_ablation(ablations[0]) if ablations else results_of_run_files(_run_files(paths))
    if not any(record.status == "done" for record in results.records):
        found = f"{len(results.records)} runs of which none is done"
        allowed = "at least one run that came to its end"
        hint = f"go on with `aarlab ablate {ablations[0] / ABLATION_FILE} --out {ablations[0]}`" if ablations else None
        raise ConfigError([Fault(", ".join(map(str, paths)), None, found, allowed, hint)])
    return results


def _run_files(paths: Sequence[Path]) -> list[Path]:
    files: dict[Path, Path] = {}
    faults = []
    for path in paths:
        inside = [run.path for run in runs_in(path)] if path.is_dir() else [path]
        if not path.exists() or not inside:
            found = "a folder without runs" if path.is_dir() else "no such file or folder"
            allowed = "an ablation's folder, a run file, or a folder with run files"
            faults.append(Fault(str(path), None, found, allowed))
        files |= {file.resolve(): file for file in inside}
    if faults:
        raise ConfigError(faults)
    return list(files.values())
