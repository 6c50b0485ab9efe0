"""The docker mode stops the same attacks, returns the same results, and removes its containers."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sandbox_attacks import ATTACKS, BUBBLEWRAP, Attack
from sandbox_processes import ENDLESS, FINE, eventually

from aarlab.tools.sandbox import Job, Sandbox, SandboxUnavailable
from aarlab.tools.sandbox.container import engine
from aarlab.tools.sandbox.file_allowlist import file_allowlist
from aarlab.tools.sandbox.fork_server_handle import ForkServer
from aarlab.tools.sandbox.isolation_layers import CONTAINER

each_attack = pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)


def containers(of: int) -> list[str]:
    """Return the names of all containers of a process, also stopped ones."""
    command = [engine().command, "ps", "--all", "--filter", f"name=aarlab-{of}-", "--format", "{{.Names}}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def kill_container(name: str) -> None:
    subprocess.run([engine().command, "kill", name], stdout=subprocess.DEVNULL, check=True)


@pytest.fixture(scope="module")
def container_only(docker: Sandbox) -> Iterator[Sandbox]:
    """A docker sandbox without layers inside the container. Its parent has secrets in the environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("http_proxy", "http://name:password@proxy")
        patch.setenv("CONTAINER_SECRET", "these are the labels")
        with Sandbox("docker", layers=frozenset()) as sandbox:
            yield sandbox


@each_attack
def test_a_container_with_all_layers_stops_an_attack(
    attack: Attack, docker: Sandbox, job: Callable[..., Job], targets: dict[str, object]
):
    job_result = docker.run(job(attack.code(targets)))
    assert not attack.succeeded(job_result), job_result


@pytest.mark.long
def test_the_container_alone_replaces_bubblewrap(
    container_only: Sandbox, job: Callable[..., Job], targets: dict[str, object]
):
    stopped = {attack.name for attack in ATTACKS if not attack.succeeded(container_only.run(job(attack.code(targets))))}
    assert stopped == {a.name for a in ATTACKS if BUBBLEWRAP in a.stopped_by} | {"become root again"}


SURROUNDINGS = """
import ctypes, os
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # a job without layers can read its own entries in /proc

def writable(folder):
    try:
        return os.open(folder + "/new", os.O_CREAT | os.O_WRONLY) >= 0
    except OSError:
        return False

def method(world):
    world.log.append({
        "environment": [*os.environ, *(word.split("=")[0] for word in open("/proc/self/environ").read().split("\\0"))],
        "capabilities": [line.split()[1] for line in open("/proc/self/status") if line.startswith("Cap")],
        "packages": sorted(name for folder in HIDDEN for name in os.listdir(folder)),
        "data": [name for folder in DATA for name in os.listdir(folder)],
        "writable": [folder for _, folder, *_ in map(str.split, open("/proc/mounts")) if writable(folder)],
    })
    return [os.getuid()]
"""


def test_a_container_has_no_privileges_secrets_or_writable_dirs(container_only: Sandbox, job: Callable[..., Job]):
    allowlist = file_allowlist()
    folders = f"HIDDEN, DATA = {[*map(str, allowlist.hidden)]}, {[*map(str, allowlist.data)]}"
    job_result = container_only.run(job(folders + SURROUNDINGS))
    assert job_result.predictions is not None, job_result.error
    assert job_result.predictions.tolist() == [65534]
    (found,) = job_result.log
    assert "PYTHONHASHSEED" in found["environment"]
    assert not {"CONTAINER_SECRET", "http_proxy", "PATH", "HOME", "HOSTNAME", "container"} & set(found["environment"])
    assert {int(mask, 16) for mask in found["capabilities"]} == {0}
    assert found["packages"] == sorted(
        package.name for package in allowlist.packages if package.parent in allowlist.hidden
    )
    assert found["data"] == []
    assert found["writable"] == ["/dev/mqueue"], "opening it needs a system call that seccomp refuses"


def test_results_do_not_depend_on_the_sandbox_mode(docker: Sandbox, without_layers: Sandbox, job: Callable[..., Job]):
    code = """
import numpy as np
from aarlab.scenarios import toolkit as tk
def method(world):
    order = np.array([hash(str(number)) % 1000 for number in range(20)])  # depends on the hash seed
    return tk.finish(tk.confident(tk.start(world))) + np.random.random(20) + order
"""
    in_docker, without = docker.run(job(code)), without_layers.run(job(code))
    assert in_docker.error is None
    assert in_docker.predictions is not None
    np.testing.assert_array_equal(in_docker.predictions, without.predictions)
    assert in_docker.log == without.log


def test_limits_hold_in_a_container(docker: Sandbox, job: Callable[..., Job]):
    assert docker.run(job(ENDLESS, wall_s=0.3)).error == "stopped after 0.3 s"
    assert docker.run(job(ENDLESS, cpu_s=1, wall_s=120)).error == "used more than 1 s of processor time"
    large = docker.run(job("def method(world): return [0] * 10_000", result_bytes=1000)).error
    assert large is not None
    assert large.startswith("result too large")


@pytest.mark.long
@pytest.mark.usefixtures("docker")
def test_jobs_of_a_killed_container_are_run_again(job: Callable[..., Job]):
    others = containers(os.getpid())
    slow = "import time\ndef method(world):\n    time.sleep(3)\n    return [0.5]"
    with Sandbox("docker") as sandbox, ThreadPoolExecutor(2) as threads:
        (name,) = set(containers(os.getpid())) - set(others)
        running_jobs = [threads.submit(sandbox.run, job(slow)) for _ in range(2)]
        kill_container(name)
        assert {future.result().error for future in running_jobs} == {None}
        assert name not in containers(os.getpid())


@pytest.mark.long
@pytest.mark.usefixtures("docker")
def test_closing_a_docker_sandbox_releases_all_resources(
    job: Callable[..., Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    before, descriptors = containers(os.getpid()), os.listdir("/proc/self/fd")
    with ThreadPoolExecutor(1) as thread:
        with Sandbox("docker") as sandbox:
            assert sandbox.run(job(FINE)).error is None
            running_jobs = thread.submit(sandbox.run, job(ENDLESS, wall_s=600, cpu_s=600))
            assert len(containers(os.getpid())) == len(before) + 1
            assert list(tmp_path.iterdir()) != []
        with pytest.raises(SandboxUnavailable, match="closed"):
            running_jobs.result()
    assert set(containers(os.getpid())) == set(before)
    assert list(tmp_path.iterdir()) == []
    assert os.listdir("/proc/self/fd") == descriptors


PARENT = """
import numpy as np
from aarlab.tools.sandbox import Job, Limits, Sandbox

inputs = {name: np.zeros(0) for name in ("features", "weak_labels", "test_features", "relations")}
sandbox = Sandbox("docker")
print("running", flush=True)
sandbox.run(Job("while True: pass", inputs, 0, Limits(wall_s=600, cpu_s=600)))
"""


@pytest.mark.usefixtures("docker")
def test_a_container_ends_with_its_parent(tmp_path: Path):
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "running\n"
        assert len(containers(parent.pid)) == 1
        parent.send_signal(signal.SIGKILL)
    assert eventually(lambda: containers(parent.pid) == [])
    assert eventually(lambda: list(tmp_path.iterdir()) == [])


def test_the_error_names_each_engine_and_a_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    engine_script = tmp_path / "docker"
    engine_script.write_text(
        "#!/bin/sh\necho 'Is the daemon running?' >&2\necho \"See 'docker --help'.\" >&2\nexit 1\n"
    )
    engine_script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SandboxUnavailable, match=r"docker: Is the daemon running\?; podman: it is not installed\. Fix"):
        Sandbox("docker")


@pytest.mark.usefixtures("docker")
def test_a_too_long_socket_path_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (deep := tmp_path / ("deep" * 30)).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with pytest.raises(SandboxUnavailable, match=r"AF_UNIX path too long\. Fix: set TMPDIR"):
        Sandbox("docker")
    assert list(deep.iterdir()) == []


@pytest.mark.usefixtures("docker")
def test_a_container_start_error_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = containers(os.getpid())
    with pytest.raises(SandboxUnavailable, match=r"the container does not start: .*there-is-no-python"):
        ForkServer(frozenset({CONTAINER}), replace(file_allowlist(), interpreter=tmp_path / "there-is-no-python"))
    assert containers(os.getpid()) == before
    assert list(tmp_path.iterdir()) == []
