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
from aarlab.comparison import cores
from aarlab.runs import DEFAULT_FOLDER
from aarlab.scenarios.task import Progress
from aarlab.scenarios.tasks import cache
from aarlab.tools.sandbox import Layer, Mode, Sandbox, SandboxUnavailable, layers
from aarlab.tools.sandbox.container import engine

_KEY = re.compile(r"\b[A-Z][A-Z0-9_]*_KEY\b")


@dataclass(frozen=True, slots=True)
class Folder:
    """A place where the laboratory keeps files."""

    path: Path
    files: int
    """How many there are."""
    size: int
    """Their size in bytes."""
    trouble: str | None
    """Why nothing can be written there; None where it can."""


@dataclass(frozen=True, slots=True)
class Health:
    """What `aarlab doctor` finds."""

    layers: tuple[Layer, ...]
    """Of the sandbox, outermost first."""
    sandbox_trouble: str | None
    """Why the strict sandbox does not start, with the remedy; None where it does."""
    docker_trouble: str | None
    """Why the docker mode's sandbox does not start, with the remedy; None where it does. No run needs it by default."""
    engine: str | None
    """The command of the container engine that the docker mode uses; None where it does not start."""
    system: str
    """Operating system and kernel."""
    versions: Mapping[str, str | None]
    """Of Python, aarlab and what it depends on, by name; None for what is not installed."""
    cores: int
    """How many this process may use."""
    cache: Folder
    """For pretrained weights."""
    runs: Folder
    """For run files, unless `aarlab run` is told otherwise."""
    keys: Mapping[str, bool]
    """Environment variables that models ask for, and whether they are set. What they are set to is not looked at."""

    @property
    def troubles(self) -> list[str]:
        """All that keeps a strict run from working. An unwritable cache costs time, a missing key only its model."""
        missing = [f"{name} is not installed" for name, found in self.versions.items() if found is None]
        sandbox = [] if self.sandbox_trouble is None else [self.sandbox_trouble]
        runs = [] if self.runs.trouble is None else [f"run files cannot be kept: {self.runs.trouble}"]
        return [*sandbox, *missing, *runs]


def examine(progress: Progress) -> Health:
    """Look at everything. The sandbox is started once in either mode, which takes a few seconds."""
    progress("trying the strict sandbox", 0.0)
    sandbox_trouble = _sandbox_trouble("strict")
    progress("trying the docker sandbox", 0.5)
    docker_trouble = _sandbox_trouble("docker")
    return Health(
        layers=tuple(layers()),
        sandbox_trouble=sandbox_trouble,
        docker_trouble=docker_trouble,
        engine=engine().command if docker_trouble is None else None,
        system=platform.platform(terse=True),
        versions={"Python": platform.python_version(), "aarlab": __version__, **_dependencies()},
        cores=cores(),
        cache=folder(cache.folder()),
        runs=folder(DEFAULT_FOLDER.absolute()),
        keys={key: bool(os.environ.get(key)) for needs in _needs() for key in keys_in(needs)},
    )


def _needs() -> list[str]:
    return [model.needs for model in MODELS.values()] + [provider.needs for provider in PROVIDERS.values()]


def keys_in(needs: str) -> list[str]:
    """Return the environment variables for keys that a model's needs speak of."""
    return _KEY.findall(needs)


def folder(path: Path) -> Folder:
    """Look at a folder, which may not be there yet: then it is the nearest one above it that counts."""
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not there.is_dir():
        trouble: str | None = f"{there} is not a folder"
    else:
        trouble = None if os.access(there, os.W_OK | os.X_OK) else f"{there} cannot be written to"
    sizes = [entry.stat().st_size for entry in path.iterdir() if entry.is_file()] if path.is_dir() else []
    return Folder(path, len(sizes), sum(sizes), trouble)


def _sandbox_trouble(mode: Mode) -> str | None:
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
