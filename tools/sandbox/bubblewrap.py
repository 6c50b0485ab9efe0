"""The outer isolation layer: bubblewrap creates namespaces and a file system with allowlisted files only."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from aarlab.tools.sandbox.file_allowlist import USR_LINKS, FileAllowlist


def namespaces() -> list[str]:
    """Return the first part of the command: no network, no other processes, only the required capabilities."""
    new = [f"--unshare-{kind}" for kind in ("pid", "net", "ipc", "uts", "cgroup-try")]
    capability_options = ["--unshare-user"]
    if os.getuid() == 0:  # the fork server runs each job as another user, and kills jobs
        kept = ("CAP_SETUID", "CAP_SETGID", "CAP_KILL")
        capability_options = [
            "--cap-drop",
            "ALL",
            *(option for capability in kept for option in ("--cap-add", capability)),
        ]
    return [shutil.which("bwrap") or "bwrap", "--new-session", *new, *capability_options]


def command(file_allowlist: FileAllowlist, environment: Mapping[str, str]) -> list[str]:
    """Return the command that isolates a fork server; the command of the interpreter follows it.

    Args:
        file_allowlist: The files that the fork server can read.
        environment: All its environment variables.
    """
    library_dirs = [(folder, folder) for folder in file_allowlist.library_dirs]
    return [
        *namespaces(),
        *_parents(target for _, target in library_dirs + file_allowlist.extra_mounts),
        *(option for link in USR_LINKS if os.path.islink(link) for option in ("--symlink", os.readlink(link), link)),
        *_binds(library_dirs),
        *(option for folder in file_allowlist.hidden for option in ("--perms", "0755", "--tmpfs", str(folder))),
        *_binds(file_allowlist.extra_mounts),
        *(option for folder in file_allowlist.data for option in ("--tmpfs", str(folder))),
        *(option for folder in file_allowlist.hidden for option in ("--remount-ro", str(folder))),
        *("--dev-bind", os.devnull, os.devnull, "--proc", "/proc", "--remount-ro", "/", "--chdir", "/", "--clearenv"),
        *(option for name, value in environment.items() for option in ("--setenv", name, value)),
    ]


def _binds(pairs: Iterable[tuple[Path, Path]]) -> list[str]:
    """Return the options that mount each source read-only at its target."""
    return [option for source, target in pairs for option in ("--ro-bind", str(source), str(target))]


def _parents(targets: Iterable[Path]) -> list[str]:
    """Return the options that create the folders above `targets`. bubblewrap would make them private to one user."""
    folders = {parent for target in targets for parent in target.parents if parent != Path("/")}
    return [option for folder in sorted(folders) for option in ("--perms", "0755", "--dir", str(folder))]


def unavailable_reason() -> str | None:
    """Return why bubblewrap does not work here; None if it works."""
    if shutil.which("bwrap") is None:
        return "it is not installed"
    probe = [*namespaces(), "--ro-bind", "/", "/", "--dev-bind", os.devnull, os.devnull, "--proc", "/proc", "true"]
    try:
        probe_run = subprocess.run(
            probe, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it does not start: {error}"
    lines = probe_run.stderr.strip().splitlines() or ["it fails without an error message"]
    return lines[-1] if probe_run.returncode else None
