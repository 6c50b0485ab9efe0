"""Sandboxes, jobs and attack targets for the tests of the sandbox."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from aarlab.scenarios import task
from aarlab.tools.sandbox import Job, JobResult, Limits, Sandbox, SandboxUnavailable

if sys.platform != "linux":
    pytest.skip("the sandbox needs Linux", allow_module_level=True)

Run = Callable[..., JobResult]
"""Runs the code of a method in the strict sandbox, with limits as keywords."""


@pytest.fixture(scope="session")
def strict() -> Iterator[Sandbox]:
    """The strict sandbox with all available layers."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def docker() -> Iterator[Sandbox]:
    """The docker sandbox with all available layers. Skips the test if no engine works."""
    try:
        sandbox = Sandbox("docker")
    except SandboxUnavailable as reason:
        pytest.skip(str(reason))
    with sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def without_layers() -> Iterator[Sandbox]:
    """A sandbox without layers. Its parent has secrets in memory, environment and open file descriptors."""
    secret = os.memfd_create("secret", 0)
    os.write(secret, b"these are the labels")
    os.environ["SECRET"] = "these are the labels"
    marker = bytearray(b"MARKER-0123456789abcdef")
    with Sandbox(layers=frozenset()) as sandbox:
        yield sandbox
    del os.environ["SECRET"], marker
    os.close(secret)


@pytest.fixture(scope="session")
def job() -> Callable[..., Job]:
    """Create a job on a small world from code, seed and limits."""
    rng = np.random.default_rng(7)
    inputs = {
        "features": rng.normal(size=(40, 5)),
        "weak_labels": rng.random(40),
        "test_features": rng.normal(size=(20, 5)),
        "relations": np.array([[0, 1, 0]]),
    }

    def make(code: str, *, seed: int = 3, **limits: float) -> Job:
        return Job(code, inputs, seed, Limits(**limits))  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def run(strict: Sandbox, job: Callable[..., Job]) -> Run:
    """Run code in the strict sandbox."""
    return lambda code, **limits: strict.run(job(code, **limits))


@pytest.fixture(scope="session")
def targets() -> Iterator[dict[str, object]]:
    """Targets of attacks: files, sockets and a process that every user may access. They are removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="targets-"))
    folder.chmod(0o777)
    for name, mode in (("labels", 0o644), ("scratch", 0o666)):
        (folder / name).write_text("these are the labels\n")
        (folder / name).chmod(mode)
    abstract, path = f"aarlab-{os.getpid()}", str(folder / "socket")
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as nameless,
        socket.socket(socket.AF_UNIX) as named,
        subprocess.Popen(["sleep", "600"], env={"SECRET": "these are the labels"}) as victim,
    ):
        udp.bind(("127.0.0.1", 0))
        nameless.bind("\0" + abstract)
        named.bind(path)
        Path(path).chmod(0o777)
        for listener in (nameless, named):
            listener.listen()
        yield {
            "folder": str(folder),
            "labels": str(folder / "labels"),
            "scratch": str(folder / "scratch"),
            "tasks": task.__file__,
            "tcp": tcp.getsockname()[1],
            "udp": udp.getsockname()[1],
            "abstract": abstract,
            "socket": path,
            "victim": victim.pid,
        }
        victim.kill()
    shutil.rmtree(folder)
