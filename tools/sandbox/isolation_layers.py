"""The isolation layers of the sandbox: whether they are available on this machine, and how to make them available."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from aarlab.tools.sandbox import bubblewrap, kernel, seccomp
from aarlab.tools.sandbox.job import SandboxUnavailable

SandboxMode = Literal["strict", "docker", "none"]

BUBBLEWRAP, LANDLOCK, SECCOMP, RLIMITS, UID = "bubblewrap", "landlock", "seccomp", "rlimits", "uid"

ALL_LAYERS = frozenset({BUBBLEWRAP, LANDLOCK, SECCOMP, RLIMITS, UID})
"""Names of all layers of the strict mode. The wall-clock deadline is not a layer, because it is always on."""

CONTAINER = "container"
"""The layer of the docker mode that replaces bubblewrap and uid: processes in the container have no privileges."""

_SCOPING_LANDLOCK = 6  # the first version that confines signals and abstract unix sockets, as bubblewrap does


@dataclass(frozen=True, slots=True)
class Layer:
    """An isolation layer on this machine."""

    name: str
    """A member of `ALL_LAYERS`."""
    available: bool
    """Whether the strict mode uses it on this machine."""
    reason: str
    """What it does here, or why it is not available."""
    fix: str
    """How to make a missing layer available; empty if nothing needs to be done."""


def layers() -> list[Layer]:
    """Return the layers, outermost first. Each layer is tested, which takes a few hundredths of a second."""
    if sys.platform != "linux":
        return [
            Layer(name, False, "it needs Linux", "use a Linux machine or virtual machine")
            for name in sorted(ALL_LAYERS)
        ]
    return [probe() for probe in _PROBES]


def available(mode: SandboxMode, requested: frozenset[str]) -> frozenset[str]:
    """Return the requested layers that a mode uses.

    Docker mode uses Landlock if the kernel has it. The fork server drops it if the engine does not provide it.

    Raises:
        SandboxUnavailable: A requested layer that the mode requires is not available.
    """
    if mode == "none":
        return requested & {RLIMITS}
    by_name = {layer.name: layer for layer in layers()}
    required = _required_layers() if mode == "strict" else {SECCOMP, RLIMITS}
    for name in sorted(requested & required):
        if not by_name[name].available:
            raise SandboxUnavailable(f"no {mode} sandbox: {name}: {by_name[name].reason}. Fix: {by_name[name].fix}.")
    if mode == "docker":
        optional = {LANDLOCK} if kernel.landlock_version() else set()
        return frozenset({CONTAINER}) | requested & (required | optional)
    return frozenset(name for name in requested if by_name[name].available)


def _required_layers() -> frozenset[str]:
    """Return the layers that the strict mode requires. A new enough Landlock replaces bubblewrap."""
    return ALL_LAYERS - {BUBBLEWRAP} if sys.platform != "linux" or os.getuid() == 0 else ALL_LAYERS - {BUBBLEWRAP, UID}


def _bubblewrap() -> Layer:
    unavailable_reason = bubblewrap.unavailable_reason()
    if unavailable_reason is None:
        return Layer(BUBBLEWRAP, True, "separate namespaces, and a file system with the libraries only", "")
    fix = "install bubblewrap and allow user namespaces (optional where Landlock has version 6 or later)"
    return Layer(BUBBLEWRAP, False, unavailable_reason, fix)


def _landlock() -> Layer:
    version = kernel.landlock_version()
    if version >= _SCOPING_LANDLOCK:
        return Layer(
            LANDLOCK,
            True,
            f"version {version}: can read the libraries only; no network, no signals to other processes",
            "",
        )
    if version == 0:
        return Layer(
            LANDLOCK,
            False,
            "the kernel does not have it, or it is disabled",
            "boot Linux 5.13 or later with lsm=landlock,...",
        )
    if bubblewrap.unavailable_reason() is None:
        return Layer(LANDLOCK, True, f"version {version}: can read the libraries only; bubblewrap does the rest", "")
    return Layer(
        LANDLOCK,
        False,
        f"version {version} does not confine signals",
        "install bubblewrap, or boot Linux 6.12 or later",
    )


def _seccomp() -> Layer:
    if not kernel.has_seccomp():
        return Layer(SECCOMP, False, "the kernel does not have it", "boot a kernel with CONFIG_SECCOMP_FILTER")
    try:
        seccomp.compile_filter()
    except (ImportError, RuntimeError, OSError) as error:
        return Layer(
            SECCOMP, False, f"the filter cannot be compiled: {error}", "install pyseccomp and libseccomp 2.5 or later"
        )
    return Layer(SECCOMP, True, "only allowlisted system calls: no processes, threads, sockets, signals", "")


def _rlimits() -> Layer:
    return Layer(RLIMITS, True, "memory, processor time, file size, open files", "")


def _uid() -> Layer:
    if os.getuid() == 0:
        return Layer(UID, True, "each job runs as a different user", "")
    return Layer(UID, False, "needs root; not needed by an ordinary user", "")


_PROBES: tuple[Callable[[], Layer], ...] = (_bubblewrap, _landlock, _seccomp, _rlimits, _uid)
