"""The layers of the sandbox: what each is for, whether this machine has it, and what to do where it has not."""

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
"""Every layer of the strict mode by name. The wall-clock deadline is none of them: it is always on."""

CONTAINER = "container"
"""The docker mode's layer, in the place of bubblewrap and of users: nobody in a container has powers to give up."""

_SCOPING_LANDLOCK = 6  # the first version that keeps signals and abstract unix sockets inside, as bubblewrap does


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer, as this machine offers it."""

    name: str
    """A member of `ALL_LAYERS`."""
    available: bool
    """Whether the strict mode uses it here."""
    reason: str
    """What it does here, or why it is not there."""
    remedy: str
    """What to do about a missing layer; empty where nothing needs to be done."""


def layers() -> list[Layer]:
    """What this machine offers, outermost layer first. Tries each out, which takes a few hundredths of a second."""
    if sys.platform != "linux":
        return [
            Layer(name, False, "it exists on Linux only", "use a Linux machine or virtual machine")
            for name in sorted(ALL_LAYERS)
        ]
    return [probe() for probe in _PROBES]


def available(mode: SandboxMode, wanted: frozenset[str]) -> frozenset[str]:
    """The layers that a mode will have on, of those that are wanted.

    Landlock is among those of the docker mode where the kernel has it; whether the engine lets it through, the fork server
    will find out.

    Raises:
        SandboxUnavailable: a wanted layer that the mode cannot do without is not there.
    """
    if mode == "none":
        return wanted & {RLIMITS}
    offered = {layer.name: layer for layer in layers()}
    required = _required() if mode == "strict" else {SECCOMP, RLIMITS}
    for name in sorted(wanted & required):
        if not offered[name].available:
            raise SandboxUnavailable(
                f"no {mode} sandbox: {name}: {offered[name].reason}. Remedy: {offered[name].remedy}."
            )
    if mode == "docker":
        optional = {LANDLOCK} if kernel.landlock_version() else set()
        return frozenset({CONTAINER}) | wanted & (required | optional)
    return frozenset(name for name in wanted if offered[name].available)


def _required() -> frozenset[str]:
    """What the strict mode cannot do without; bubblewrap's part is Landlock's too where Landlock is new enough."""
    return ALL_LAYERS - {BUBBLEWRAP} if sys.platform != "linux" or os.getuid() == 0 else ALL_LAYERS - {BUBBLEWRAP, UID}


def _bubblewrap() -> Layer:
    unavailable_reason = bubblewrap.unavailable_reason()
    if unavailable_reason is None:
        return Layer(BUBBLEWRAP, True, "own namespaces and a file system of the libraries only", "")
    remedy = "install bubblewrap and allow user namespaces (optional where Landlock has version 6 or later)"
    return Layer(BUBBLEWRAP, False, unavailable_reason, remedy)


def _landlock() -> Layer:
    version = kernel.landlock_version()
    if version >= _SCOPING_LANDLOCK:
        return Layer(LANDLOCK, True, f"version {version}: reading the libraries only; no network, no signals out", "")
    if version == 0:
        return Layer(
            LANDLOCK,
            False,
            "the kernel has none or it is switched off",
            "boot Linux 5.13 or later with lsm=landlock,...",
        )
    if bubblewrap.unavailable_reason() is None:
        return Layer(LANDLOCK, True, f"version {version}: reading the libraries only; the rest is bubblewrap's", "")
    return Layer(
        LANDLOCK, False, f"version {version} holds no signals back", "install bubblewrap, or boot Linux 6.12 or later"
    )


def _seccomp() -> Layer:
    if not kernel.has_seccomp():
        return Layer(SECCOMP, False, "the kernel has none", "boot a kernel with CONFIG_SECCOMP_FILTER")
    try:
        seccomp.compile_filter()
    except (ImportError, RuntimeError, OSError) as error:
        return Layer(
            SECCOMP, False, f"the filter cannot be made: {error}", "install pyseccomp and libseccomp 2.5 or later"
        )
    return Layer(SECCOMP, True, "an allowlist of system calls: no processes, threads, sockets, signals", "")


def _rlimits() -> Layer:
    return Layer(RLIMITS, True, "memory, processor time, file size, open files", "")


def _uid() -> Layer:
    if os.getuid() == 0:
        return Layer(UID, True, "each job runs as a user of its own", "")
    return Layer(UID, False, "an ordinary user has nothing to give up", "")


_PROBES: tuple[Callable[[], Layer], ...] = (_bubblewrap, _landlock, _seccomp, _rlimits, _uid)
