"""What untrusted code may read: the interpreter, the numerical libraries, the toolkit. One allowlist for every layer.

The rest of a Python installation stays out of sight, because an installed aarlab and its tasks lie there too; and so
does scikit-learn's bundled data, from which one of the tasks is made.
"""

import importlib.util
import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from aarlab.tools.sandbox.job import SandboxUnavailable

SANDBOX_ROOT = "/sandbox"
"""Where `aarlab` lies behind a wall that has a file system of its own."""

USR_LINKS = ("/bin", "/lib", "/lib32", "/lib64", "/sbin")
"""Links into /usr on most systems; behind such a wall they have to be made again."""

_LOADER_CACHE = Path("/etc/ld.so.cache")
_LIBRARIES = ("numpy", "scipy", "scikit-learn")
_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")
_SITE_FOLDERS = ("site-packages", "dist-packages", "python*/site-packages", "python*/dist-packages")


@dataclass(frozen=True, slots=True)
class FileAllowlist:
    """Real paths, without symbolic links."""

    interpreter: Path
    """The Python executable itself."""
    library_dirs: tuple[Path, ...]
    """Folders of shared libraries and of the standard library, readable but for what `hidden` names."""
    hidden: tuple[Path, ...]
    """Folders of installed packages inside `library_dirs`: not readable, but for what `packages` names."""
    packages: tuple[Path, ...]
    """Installed packages and modules that are readable, but for what `data` names."""
    data: tuple[Path, ...]
    """Folders inside `packages` that must not be readable."""
    package_parts: tuple[tuple[Path, str], ...]
    """The parts of aarlab that a job needs, each with its place below `aarlab/`."""

    @property
    def search_path(self) -> list[str]:
        """Where Python finds the packages."""
        return sorted({str(package.parent) for package in self.packages})

    @property
    def import_root(self) -> str:
        """The folder that holds `aarlab`."""
        return str(self.package_parts[0][0].parent.parent)

    @property
    def extra_mounts(self) -> list[tuple[Path, Path]]:
        """What has to be shown besides `library_dirs`, or is hidden in them, each with where a wall shows it."""
        loader = [_LOADER_CACHE] if _LOADER_CACHE.exists() else []
        unchanged_paths = [(path, path) for path in (self.interpreter, *self.packages, *loader)]
        return unchanged_paths + [
            (source, Path(f"{SANDBOX_ROOT}/aarlab/{place}")) for source, place in self.package_parts
        ]

    def readable(self) -> list[Path]:
        """The view as the largest folders and files that hold nothing hidden."""
        secret = (*self.hidden, *self.data)
        return sorted(
            {
                self.interpreter,
                *(source for source, place in self.package_parts if place == "scenarios/toolkit"),
                *(part for tree in self.library_dirs for part in _excluding(tree, secret)),
                *(part for package in self.packages for part in _excluding(package, self.data)),
            }
        )


def file_allowlist() -> FileAllowlist:
    """Find out what this installation's interpreter and libraries consist of.

    Raises:
        SandboxUnavailable: it is not known which files belong to numpy, scipy or scikit-learn.
    """
    base = {"platbase": sys.base_exec_prefix}  # not the virtual environment's, which has no standard library
    standard = {sysconfig.get_path(name, vars=base) for name in ("stdlib", "platstdlib")}
    beside = {f"{sys.base_exec_prefix}/lib", sysconfig.get_config_var("LIBDIR") or "/usr/lib"}
    library_dirs = _outermost([*_SYSTEM, *beside, *standard])
    inside = {Path(name) for name in standard} | set(library_dirs)
    hidden = {folder.resolve() for tree in inside for pattern in _SITE_FOLDERS for folder in tree.glob(pattern)}
    packages = tuple(sorted(set(_package_paths())))
    data = tuple(package / "datasets" / "data" for package in packages if package.name == "sklearn")
    return FileAllowlist(
        Path(sys.executable).resolve(), library_dirs, tuple(sorted(hidden)), packages, data, tuple(_package_parts())
    )


def _outermost(folders: Iterable[str]) -> tuple[Path, ...]:
    """The real folders among `folders`, without those that lie inside others."""
    real = {Path(folder).resolve() for folder in folders if Path(folder).is_dir()}
    return tuple(sorted(folder for folder in real if not any(parent in real for parent in folder.parents)))


def _package_paths() -> Iterator[Path]:
    """Top-level files and folders of the numerical libraries and of all they require."""
    waiting, seen = list(_LIBRARIES), set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        found = distribution(name)
        if found.files is None:
            raise SandboxUnavailable(f"{name} came without a list of its files. Remedy: install it with pip or conda.")
        for file in found.files:
            top = Path(str(found.locate_file(file.parts[0])))
            if file.parts[0] not in ("..", "__pycache__") and top.exists():
                yield top.resolve()
        # A requirement with a condition concerns an extra or another platform; what it names is not needed to compute.
        waiting += [re.split(r"[^\w.-]", need, maxsplit=1)[0] for need in found.requires or () if ";" not in need]


def _package_parts() -> Iterator[tuple[Path, str]]:
    """The parts of aarlab that are read in the sandbox; the tasks are not among them."""
    for name, place in (
        ("aarlab", "__init__.py"),
        ("aarlab.scenarios.toolkit", "scenarios/toolkit"),
        ("aarlab.tools.sandbox", "tools/sandbox"),
    ):
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"{name} is not installed", name=name)
        source = Path(spec.origin).resolve()
        yield (source if place.endswith(".py") else source.parent), place


def _excluding(root: Path, hidden: Iterable[Path]) -> Iterator[Path]:
    """The largest parts of the tree `root` that hold none of `hidden`."""
    below = [path for path in hidden if path.is_relative_to(root)]
    if not below:
        yield root
    elif root not in below:
        for entry in os.scandir(root):
            if not entry.is_symlink():  # it may lead into what is hidden; what it leads to is listed for itself
                yield from _excluding(Path(entry.path), below)
