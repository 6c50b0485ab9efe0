"""The outer wall: namespaces of its own and a file system that holds the view and nothing else, made by bubblewrap."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from aarlab.tools.sandbox.file_allowlist import USR_LINKS, FileAllowlist


def namespaces() -> list[str]:
    """The command up to the file system: no network, no other processes, no powers but those the fork server needs."""
    new = [f"--unshare-{kind}" for kind in ("pid", "net", "ipc", "uts", "cgroup-try")]
    capability_options = ["--unshare-user"]
    if os.getuid() == 0:  # the zygote gives each job a user of its own and ends what does not end by itself
        kept = ("CAP_SETUID", "CAP_SETGID", "CAP_KILL")
        capability_options = ["--cap-drop", "ALL", *(word for capability in kept for word in ("--cap-add", capability))]
    return [shutil.which("bwrap") or "bwrap", "--new-session", *new, *capability_options]


def command(file_allowlist: FileAllowlist, environment: Mapping[str, str]) -> list[str]:
    """The command for a fork server that sees `file_allowlist` and `environment` only; the interpreter's own command follows it."""
    library_dirs = [(tree, tree) for tree in file_allowlist.library_dirs]
    return [
        *namespaces(),
        *_parents(target for _, target in library_dirs + file_allowlist.extra_mounts),
        *(word for link in USR_LINKS if os.path.islink(link) for word in ("--symlink", os.readlink(link), link)),
        *_binds(library_dirs),
        *(word for folder in file_allowlist.hidden for word in ("--perms", "0755", "--tmpfs", str(folder))),
        *_binds(file_allowlist.extra_mounts),
        *(word for folder in file_allowlist.data for word in ("--tmpfs", str(folder))),
        *(word for folder in file_allowlist.hidden for word in ("--remount-ro", str(folder))),
        *("--dev-bind", os.devnull, os.devnull, "--proc", "/proc", "--remount-ro", "/", "--chdir", "/", "--clearenv"),
        *(word for name, value in environment.items() for word in ("--setenv", name, value)),
    ]


def _binds(pairs: Iterable[tuple[Path, Path]]) -> list[str]:
    """Words that show each source at its target, to be read only."""
    return [word for source, target in pairs for word in ("--ro-bind", str(source), str(target))]


def _parents(targets: Iterable[Path]) -> list[str]:
    """Words that make the folders above `targets`; left to itself bubblewrap would close them to all other users."""
    folders = {parent for target in targets for parent in target.parents if parent != Path("/")}
    return [word for folder in sorted(folders) for word in ("--perms", "0755", "--dir", str(folder))]


def unavailable_reason() -> str | None:
    """What keeps bubblewrap from working here; None when nothing does."""
    if shutil.which("bwrap") is None:
        return "it is not installed"
    probe = [*namespaces(), "--ro-bind", "/", "/", "--dev-bind", os.devnull, os.devnull, "--proc", "/proc", "true"]
    try:
        probe_run = subprocess.run(
            probe, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it does not start: {error}"
    words = probe_run.stderr.strip().splitlines() or ["it fails without a word"]
    return words[-1] if probe_run.returncode else None
