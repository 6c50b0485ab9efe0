"""`aarlab doctor`: check whether this machine can execute runs, and print fixes."""

import os
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import rich_click as click
from rich.table import Column, Table
from rich.text import Text

from aarlab import __version__
from aarlab.agents.models.registry import MODELS, PROVIDERS
from aarlab.cli.formatting import counted, printable
from aarlab.cli.options import json_option
from aarlab.cli.output import Status, print_json, stderr_console, stdout_console
from aarlab.cli.progress_bar import DelayedProgressBar
from aarlab.cli.tables import data_table, labelled_rows, name_column
from aarlab.config.run_lookup import DEFAULT_FOLDER
from aarlab.scenarios.cache_folder import cache_folder
from aarlab.scenarios.task import Progress
from aarlab.tools.evaluator.laboratory_secret import (
    SECRET_VARIABLE,
    LaboratorySecretError,
    laboratory_secret,
    secret_path,
)
from aarlab.tools.evaluator.world_run import available_cores
from aarlab.tools.sandbox import Layer, Sandbox, SandboxMode, SandboxUnavailable, layers
from aarlab.tools.sandbox.container import engine

_KEY_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9_]*_KEY\b")


@dataclass(frozen=True, slots=True)
class FolderStatus:
    """A folder with files of aarlab."""

    path: Path
    files: int
    """Number of files."""
    size: int
    """Size of the files in bytes."""
    problem: str | None
    """Why the folder cannot be written to; None if it can."""


@dataclass(frozen=True, slots=True)
class MachineReport:
    """What `aarlab doctor` prints."""

    layers: tuple[Layer, ...]
    """Layers of the sandbox, outermost first."""
    sandbox_problem: str | None
    """Why the strict sandbox does not start, and how to fix it; None if it starts."""
    docker_problem: str | None
    """Why the docker sandbox does not start, and how to fix it; None if it starts. It is optional."""
    engine: str | None
    """Command of the container engine that the docker sandbox uses; None if the docker sandbox does not start."""
    system: str
    """Operating system and kernel."""
    versions: Mapping[str, str | None]
    """Versions of Python, aarlab and its dependencies, by name; None if one is not installed."""
    cores: int
    """Number of cores that this process may use."""
    cache: FolderStatus
    """Folder for pretrained weights."""
    runs: FolderStatus
    """Default folder for run files."""
    secret: str
    """Whether the secret of the laboratory exists or can be made, and otherwise how to do without."""
    keys: Mapping[str, bool]
    """Environment variables for API keys of the providers, and whether they are set. Their values are not read."""

    @property
    def problems(self) -> list[str]:
        """Problems that prevent a run in the strict sandbox. An unwritable cache or a missing key is not a problem."""
        missing = [f"{name} is not installed" for name, version in self.versions.items() if version is None]
        sandbox = [] if self.sandbox_problem is None else [self.sandbox_problem]
        runs = [] if self.runs.problem is None else [f"run files cannot be written: {self.runs.problem}"]
        return [*sandbox, *missing, *runs]


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check this machine: sandbox, versions, folders, API keys.

    Exit status: 0 if runs in the strict sandbox work here, else 1.
    """
    with DelayedProgressBar(stderr_console()) as progress_bar:
        report = check_machine(progress_bar)
    if as_json:
        print_json(_report_json(report))
    else:
        _print_report(report)
    sys.exit(Status.FAILED if report.problems else Status.DONE)


def _report_json(report: MachineReport) -> dict[str, Any]:
    docker = {"available": report.docker_problem is None, "engine": report.engine, "problem": report.docker_problem}
    return {
        "ready": not report.problems,
        "problems": report.problems,
        "layers": [
            {"name": layer.name, "available": layer.available, "reason": layer.reason, "fix": layer.fix}
            for layer in report.layers
        ],
        "docker": docker,
        "system": report.system,
        "versions": dict(report.versions),
        "cores": report.cores,
        "cache": _folder_json(report.cache),
        "runs": _folder_json(report.runs),
        "secret": report.secret,
        "keys": dict(report.keys),
    }


def _folder_json(folder: FolderStatus) -> dict[str, Any]:
    return {
        "path": str(folder.path),
        "files": folder.files,
        "bytes": folder.size,
        "writable": folder.problem is None,
        "problem": folder.problem,
    }


def _print_report(report: MachineReport) -> None:
    console = stdout_console()
    console.print(_layers_table(report))
    console.print(_other_rows(report))
    console.print()
    if report.problems:
        console.print(Text("Runs in the strict sandbox do not work here.", style="bold red"))
        for problem in report.problems:
            console.print(Text(f"  {problem}"))
    else:
        console.print("[bold green]Runs in the strict sandbox work here.[/] Start with [bold]aarlab run[/].")


def _layers_table(report: MachineReport) -> Table:
    columns = (name_column("sandbox layer"), Column("state", no_wrap=True), "what it does here, or why it is off")
    table = data_table(*columns)
    for layer in report.layers:
        # The strict sandbox can start without some layers.
        state = ("on", "green") if layer.available else ("off", "red" if report.sandbox_problem else "yellow")
        reason = Text(layer.reason)
        if layer.fix:
            reason.append(f"\nfix: {layer.fix}", "dim")
        table.add_row(layer.name, Text(*state), reason)
    return table


def _other_rows(report: MachineReport) -> Table:
    versions = [f"{name} {version or 'missing'}" for name, version in report.versions.items()]
    keys = [f"{name} {'set' if is_set else 'not set'}" for name, is_set in report.keys.items()]
    rows = {
        "strict sandbox": "does not start" if report.sandbox_problem else "starts and runs a job",
        "docker sandbox": report.docker_problem or f"starts and runs a job with {report.engine}",
        "system": f"{report.system}, {counted(report.cores, 'core')}",
        "versions": ", ".join(versions),
        "cache": _folder_text(report.cache) + (" (AARLAB_CACHE names another folder)" * bool(report.cache.problem)),
        "runs": _folder_text(report.runs),
        "secret": printable(report.secret),
        "API keys": ", ".join(keys) or "no provider needs one",
    }
    return labelled_rows({label: Text(text) for label, text in rows.items()})


def _folder_text(folder: FolderStatus) -> str:
    content = f"{counted(folder.files, 'file')}, {folder.size / 1e6:.1f} MB" if folder.files else "empty"
    return printable(f"{folder.path}: {content}, {folder.problem or 'writable'}")


def check_machine(progress: Progress) -> MachineReport:
    """Return the report. Starts the strict and the docker sandbox once, which takes a few seconds."""
    progress("starting the strict sandbox", 0.0)
    sandbox_problem = _sandbox_error("strict")
    progress("starting the docker sandbox", 0.5)
    docker_problem = _sandbox_error("docker")
    return MachineReport(
        layers=tuple(layers()),
        sandbox_problem=sandbox_problem,
        docker_problem=docker_problem,
        engine=engine().command if docker_problem is None else None,
        system=platform.platform(terse=True),
        versions={"Python": platform.python_version(), "aarlab": __version__, **_dependencies()},
        cores=available_cores(),
        cache=folder_status(cache_folder()),
        runs=folder_status(DEFAULT_FOLDER.absolute()),
        secret=_secret_text(),
        keys={key: bool(os.environ.get(key)) for needs in _requirements() for key in key_variables(needs)},
    )


def _secret_text() -> str:
    """Return whether scenarios that name no secret can be run. Makes no secret."""
    if SECRET_VARIABLE in os.environ:
        return f"from {SECRET_VARIABLE}"
    try:
        path = secret_path()
        if not path.exists():
            problem = folder_status(path.parent).problem
            if problem is None:
                return f"{path}: made on first use"
            fix = f"set XDG_STATE_HOME to a writable folder, or {SECRET_VARIABLE}"
            return f"{path}: cannot be made, {problem}; scenarios without scoring.secret need one: {fix}"
        laboratory_secret(create=False)
    except LaboratorySecretError as error:
        return str(error)
    return f"{path}: there is one"


def _requirements() -> list[str]:
    return [model.needs for model in MODELS.values()] + [provider.needs for provider in PROVIDERS.values()]


def key_variables(needs: str) -> list[str]:
    """Return the environment variables for API keys that the requirements of a provider name."""
    return _KEY_VARIABLE.findall(needs)


def folder_status(path: Path) -> FolderStatus:
    """Return the number and size of the files in a folder, and whether it is writable.

    For a folder that does not exist, the nearest existing parent must be writable.
    """
    existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not existing.is_dir():
        problem: str | None = f"{existing} is not a folder"
    else:
        problem = None if os.access(existing, os.W_OK | os.X_OK) else f"{existing} is not writable"
    sizes = [entry.stat().st_size for entry in path.iterdir() if entry.is_file()] if path.is_dir() else []
    return FolderStatus(path, len(sizes), sum(sizes), problem)


def _sandbox_error(mode: SandboxMode) -> str | None:
    try:
        Sandbox(mode).close()
    except SandboxUnavailable as error:
        return str(error)
    return None


def _dependencies() -> dict[str, str | None]:
    """Return the version of each required package."""
    required = [line for line in requires("aarlab") or () if "extra ==" not in line]
    return {name: _version(name) for name in sorted(re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in required)}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
