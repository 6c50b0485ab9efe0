"""Whether this machine can do what the laboratory needs: sandbox, versions, folders, keys."""

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from aarlab import __version__
from aarlab.agents.models.registry import MODELS, PROVIDERS
from aarlab.config.run_lookup import DEFAULT_FOLDER
from aarlab.scenarios.task import Progress
from aarlab.scenarios.tasks import weight_cache
from aarlab.tools.evaluator.world_run import available_cores
from aarlab.tools.sandbox import Layer, Sandbox, SandboxMode, SandboxUnavailable, layers
from aarlab.tools.sandbox.container import engine

_KEY = re.compile(r"\b[A-Z][A-Z0-9_]*_KEY\b")


@dataclass(frozen=True, slots=True)
class FolderStatus:
    """A place where the laboratory keeps files."""

    path: Path
    files: int
    """How many there are."""
    size: int
    """Their size in bytes."""
    problem: str | None
    """Why nothing can be written there; None where it can."""


@dataclass(frozen=True, slots=True)
class MachineReport:
    """What `aarlab doctor` finds."""

    layers: tuple[Layer, ...]
    """Of the sandbox, outermost first."""
    sandbox_problem: str | None
    """Why the strict sandbox does not start, with the remedy; None where it does."""
    docker_problem: str | None
    """Why the docker mode's sandbox does not start, with the remedy; None where it does. No run needs it by default."""
    engine: str | None
    """The command of the container engine that the docker mode uses; None where it does not start."""
    system: str
    """Operating system and kernel."""
    versions: Mapping[str, str | None]
    """Of Python, aarlab and what it depends on, by name; None for what is not installed."""
    cores: int
    """How many this process may use."""
    cache: FolderStatus
    """For pretrained weights."""
    runs: FolderStatus
    """For run files, unless `aarlab run` is told otherwise."""
    keys: Mapping[str, bool]
    """Environment variables that models ask for, and whether they are set. What they are set to is not looked at."""

    @property
    def problems(self) -> list[str]:
        """All that keeps a strict run from working. An unwritable cache costs time, a missing key only its model."""
        missing = [f"{name} is not installed" for name, found in self.versions.items() if found is None]
        sandbox = [] if self.sandbox_problem is None else [self.sandbox_problem]
        runs = [] if self.runs.problem is None else [f"run files cannot be kept: {self.runs.problem}"]
        return [*sandbox, *missing, *runs]


def check_machine(progress: Progress) -> MachineReport:
    """Look at everything. The sandbox is started once in either mode, which takes a few seconds."""
    progress("trying the strict sandbox", 0.0)
    sandbox_problem = _sandbox_error("strict")
    progress("trying the docker sandbox", 0.5)
    docker_problem = _sandbox_error("docker")
    return MachineReport(
        layers=tuple(layers()),
        sandbox_problem=sandbox_problem,
        docker_problem=docker_problem,
        engine=engine().command if docker_problem is None else None,
        system=platform.platform(terse=True),
        versions={"Python": platform.python_version(), "aarlab": __version__, **_dependencies()},
        cores=available_cores(),
        cache=folder_status(weight_cache.cache_folder()),
        runs=folder_status(DEFAULT_FOLDER.absolute()),
        keys={key: bool(os.environ.get(key)) for needs in _needs() for key in key_variables(needs)},
    )


def _needs() -> list[str]:
    return [model.needs for model in MODELS.values()] + [provider.needs for provider in PROVIDERS.values()]


def key_variables(needs: str) -> list[str]:
    """Return the environment variables for keys that a model's needs speak of."""
    return _KEY.findall(needs)


def folder_status(path: Path) -> FolderStatus:
    """Look at a folder, which may not be there yet: then it is the nearest one above it that counts."""
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not there.is_dir():
        problem: str | None = f"{there} is not a folder"
    else:
        problem = None if os.access(there, os.W_OK | os.X_OK) else f"{there} cannot be written to"
    sizes = [entry.stat().st_size for entry in path.iterdir() if entry.is_file()] if path.is_dir() else []
    return FolderStatus(path, len(sizes), sum(sizes), problem)


def _sandbox_error(mode: SandboxMode) -> str | None:
    try:
        Sandbox(mode).close()
    except SandboxUnavailable as error:
        return str(error)
    return None


def _dependencies() -> dict[str, str | None]:
    """Return the version of each package that aarlab cannot do without."""
    needed = [need for need in requires("aarlab") or () if "extra ==" not in need]
    return {name: _version(name) for name in sorted(re.split(r"[^\w.-]", need, maxsplit=1)[0] for need in needed)}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
