"""Confinement of the command of an outside agent by bubblewrap: it can change its workspace folder and nothing else."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

_SYSTEM = ("/usr", "/opt", "/nix")
_LINKS = ("/bin", "/sbin", "/lib", "/lib64", "/lib32")
_ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "crypto-policies", "group", "gai.conf", "host.conf",
    "hosts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "nsswitch.conf", "passwd", "pki", "protocols",
    "resolv.conf", "services", "ssl", "timezone",
)  # fmt: skip
"""Entries of /etc that programs need for names, time zones and certificates. None of them holds a secret."""

_MAX_TEMPORARY = 1 << 30
"""Maximum size of /tmp, which is in memory, in bytes."""


def confined(
    command: Sequence[str], *, workspace: Path, network: bool, read: Sequence[Path], write: Sequence[Path]
) -> list[str]:
    """Return the command line that runs a command in bubblewrap.

    The command sees the system's programs and libraries, the named files, and its workspace, which is its working
    folder; no other files and no other processes. Without network it has a loopback interface of its own.

    Args:
        command: The command line.
        workspace: Folder that it can change, at its own path.
        network: Whether it has the network of this machine.
        read: Further files and folders that it can read.
        write: Further files and folders that it can change.
    """
    return [
        shutil.which("bwrap") or "bwrap",
        "--die-with-parent",
        *_namespaces(network),
        *_system(),
        *("--proc", "/proc", "--dev", "/dev"),
        *(option for path in ("/tmp", "/dev/shm") for option in ("--size", str(_MAX_TEMPORARY), "--tmpfs", path)),
        *(option for path in read for option in ("--ro-bind", str(path), str(path))),
        *(option for path in (*write, workspace) for option in ("--bind", str(path), str(path))),
        *("--remount-ro", "/", "--chdir", str(workspace), "--", *command),
    ]


def visible_paths(further: Sequence[str]) -> list[Path]:
    """Return the folders and files that a confined command can read, besides its workspace."""
    return [
        *(Path(path) for path in (*_SYSTEM, *_LINKS, sys.base_prefix)),
        *(Path(path).expanduser().absolute() for path in further),
    ]


def _namespaces(network: bool) -> list[str]:
    options = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    options += [] if network else ["--unshare-net"]
    return [*options, *(["--cap-drop", "ALL"] if os.getuid() == 0 else ["--unshare-user"])]


def _system() -> Iterator[str]:
    """Yield the options that mount the system's programs, libraries and public settings."""
    for folder in _SYSTEM:
        yield from ("--ro-bind-try", folder, folder)
    for link in _LINKS:
        if os.path.islink(link):
            yield from ("--symlink", os.readlink(link), link)
        elif os.path.isdir(link):
            yield from ("--ro-bind", link, link)
    for name in _ETC:
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
    resolver = os.path.realpath("/etc/resolv.conf")
    if not resolver.startswith("/etc/"):
        yield from ("--ro-bind-try", resolver, resolver)
    if not sys.base_prefix.startswith("/usr"):
        # The front of the MCP server needs an interpreter.
        yield from ("--ro-bind", sys.base_prefix, sys.base_prefix)


@cache
def unavailable_reason() -> str | None:
    """Return why bubblewrap cannot confine commands here; None if it can."""
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed"
    workspace = Path("/dev/shm")
    probe = confined(["true"], workspace=workspace, network=False, read=(), write=())
    try:
        done = subprocess.run(probe, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not start: {error}"
    lines = done.stderr.strip().splitlines() or ["it fails without an error message"]
    return f"bubblewrap: {lines[-1]}" if done.returncode else None
