"""The files that untrusted code may read: the interpreter, the numerical libraries and the toolkit.

Every isolation layer uses the same allowlist. The rest of a Python installation is hidden, because an installed aarlab
with its tasks may be in it. scikit-learn's bundled data are hidden, because one task uses them.
"""

import importlib.util
import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from aarlab.tools.sandbox.job import SandboxUnavailable

SANDBOX_ROOT = "/sandbox"
"""Folder of `aarlab` in an outer layer with its own file system."""

USR_LINKS = ("/bin", "/lib", "/lib32", "/lib64", "/sbin")
"""Links into /usr on most systems. An outer layer with its own file system creates them again."""

_LOADER_CACHE = Path("/etc/ld.so.cache")
_LIBRARIES = ("numpy", "scipy", "scikit-learn")
_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")
_SITE_FOLDERS = ("site-packages", "dist-packages", "python*/site-packages", "python*/dist-packages")


@dataclass(frozen=True, slots=True)
class FileAllowlist:
    """The allowlist. All paths are real paths without symbolic links."""

    interpreter: Path
    """The Python executable itself."""
    library_dirs: tuple[Path, ...]
    """Folders of shared libraries and of the standard library, readable except for `hidden`."""
    hidden: tuple[Path, ...]
    """Folders of installed packages inside `library_dirs`, not readable except for `packages`."""
    packages: tuple[Path, ...]
    """Installed packages and modules that are readable except for `data`."""
    data: tuple[Path, ...]
    """Folders inside `packages` that are not readable."""
    package_parts: tuple[tuple[Path, str], ...]
    """The parts of aarlab that a job needs, each with its path below `aarlab/`."""

    @property
    def search_path(self) -> list[str]:
        """The folders in which Python finds the packages."""
        return sorted({str(package.parent) for package in self.packages})

    @property
    def import_root(self) -> str:
        """The folder that contains `aarlab`."""
        return str(self.package_parts[0][0].parent.parent)

    @property
    def extra_mounts(self) -> list[tuple[Path, Path]]:
        """Paths to mount besides `library_dirs`, each with its path in an outer layer with its own file system."""
        loader = [_LOADER_CACHE] if _LOADER_CACHE.exists() else []
        unchanged_paths = [(path, path) for path in (self.interpreter, *self.packages, *loader)]
        return unchanged_paths + [
            (source, Path(f"{SANDBOX_ROOT}/aarlab/{part}")) for source, part in self.package_parts
        ]

    def readable(self) -> list[Path]:
        """Return the allowlist as the largest folders and files that contain nothing hidden."""
        hidden = (*self.hidden, *self.data)
        return sorted(
            {
                self.interpreter,
                *(source for source, part in self.package_parts if part == "scenarios/toolkit"),
                *(path for folder in self.library_dirs for path in _excluding(folder, hidden)),
                *(path for package in self.packages for path in _excluding(package, self.data)),
            }
        )


@cache
def file_allowlist() -> FileAllowlist:
    """Return the allowlist of this installation, which does not change while a process runs.

    Raises:
        SandboxUnavailable: The files of numpy, scipy or scikit-learn are not known.
    """
    base = {"platbase": sys.base_exec_prefix}  # a virtual environment has no standard library
    standard = {sysconfig.get_path(name, vars=base) for name in ("stdlib", "platstdlib")}
    shared = {f"{sys.base_exec_prefix}/lib", sysconfig.get_config_var("LIBDIR") or "/usr/lib"}
    library_dirs = _outermost([*_SYSTEM, *shared, *standard])
    searched = {Path(name) for name in standard} | set(library_dirs)
    hidden = {folder.resolve() for parent in searched for pattern in _SITE_FOLDERS for folder in parent.glob(pattern)}
    packages = tuple(sorted(set(_package_paths())))
    data = tuple(package / "datasets" / "data" for package in packages if package.name == "sklearn")
    return FileAllowlist(
        Path(sys.executable).resolve(), library_dirs, tuple(sorted(hidden)), packages, data, tuple(_package_parts())
    )


def _outermost(folders: Iterable[str]) -> tuple[Path, ...]:
    """Return the existing folders as real paths, without those inside others."""
    real = {Path(folder).resolve() for folder in folders if Path(folder).is_dir()}
    return tuple(sorted(folder for folder in real if not any(parent in real for parent in folder.parents)))


def _package_paths() -> Iterator[Path]:
    """Yield the top-level files and folders of the numerical libraries and their requirements."""
    pending, seen = list(_LIBRARIES), set[str]()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        package = distribution(name)
        if package.files is None:
            raise SandboxUnavailable(f"{name} has no list of installed files. Fix: install it with pip or conda.")
        for part in {file.parts[0] for file in package.files} - {"..", "__pycache__"}:
            top = Path(str(package.locate_file(part)))
            if top.exists():
                yield top.resolve()
        # Requirements with a condition are for extras or other platforms, and are not needed to run a method.
        pending += [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in package.requires or () if ";" not in line]


def _package_parts() -> Iterator[tuple[Path, str]]:
    """Yield the parts of aarlab that a job needs. They do not include the tasks."""
    for name, part in (
        ("aarlab", "__init__.py"),
        ("aarlab.scenarios.toolkit", "scenarios/toolkit"),
        ("aarlab.tools.sandbox", "tools/sandbox"),
    ):
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"{name} is not installed", name=name)
        source = Path(spec.origin).resolve()
        yield (source if part.endswith(".py") else source.parent), part


def _excluding(root: Path, hidden: Iterable[Path]) -> Iterator[Path]:
    """Yield the largest folders and files in `root` that contain none of `hidden`."""
    below = [path for path in hidden if path.is_relative_to(root)]
    if not below:
        yield root
    elif root not in below:
        for entry in os.scandir(root):
            if not entry.is_symlink():  # its target may be hidden; a readable target is yielded itself
                yield from _excluding(Path(entry.path), below)
