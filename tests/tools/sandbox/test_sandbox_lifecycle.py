"""The processes of the sandbox restart after a crash, release all resources, and end with their parent."""

import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from sandbox_processes import ENDLESS, FINE, descendants, eventually, gone

from aarlab.tools.sandbox import Job, Sandbox, SandboxUnavailable


class Lifecycle(NamedTuple):
    """A sandbox of these tests alone, and the processes that this process had before."""

    sandbox: Sandbox
    others: set[int]

    @property
    def processes(self) -> list[int]:
        """Its processes, the fork server last."""
        return [process for process in descendants(os.getpid()) if process not in self.others]


@pytest.fixture(scope="module")
def own() -> Iterator[Lifecycle]:
    """A sandbox whose processes tests may kill: it restarts them."""
    others = set(descendants(os.getpid()))
    with Sandbox() as sandbox:
        yield Lifecycle(sandbox, others)


SLOW = "import time\ndef method(world):\n    time.sleep(2)\n    return world.test_features[:, 0] * 0 + 0.25"


def test_jobs_of_a_crashed_fork_server_are_run_again(own: Lifecycle, job: Callable[..., Job]):
    sandbox, processes = own.sandbox, own.processes
    with ThreadPoolExecutor(2) as threads:
        running_jobs = [threads.submit(sandbox.run, job(SLOW)) for _ in range(2)]
        assert eventually(lambda: len(descendants(processes[-1])) == 2)
        os.kill(processes[-1], signal.SIGKILL)
        results = [future.result() for future in running_jobs]
    assert [result.error for result in results] == [None, None]
    assert [result.predictions is not None for result in results] == [True, True]
    assert gone(processes)


def test_a_job_that_is_killed_from_outside_is_run_again(own: Lifecycle, job: Callable[..., Job]):
    sandbox, processes = own.sandbox, own.processes
    with ThreadPoolExecutor(1) as thread:
        running_job = thread.submit(sandbox.run, job(SLOW))
        assert eventually(lambda: len(descendants(processes[-1])) == 1)
        os.kill(descendants(processes[-1])[0], signal.SIGKILL)
        assert running_job.result().error is None


def test_a_crash_of_an_idle_fork_server_costs_no_job(own: Lifecycle, job: Callable[..., Job]):
    sandbox, processes = own.sandbox, own.processes
    os.kill(processes[-1], signal.SIGKILL)
    assert gone(processes[-1:])
    assert sandbox.run(job(FINE)).error is None


@pytest.mark.long
def test_repeated_fork_server_crashes_raise(job: Callable[..., Job]):
    kill_server_job = job("import os, signal, time\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(9)")
    with Sandbox(layers=frozenset()) as sandbox:
        with pytest.raises(SandboxUnavailable, match="run 3 times without a result: the sandbox ended"):
            sandbox.run(kill_server_job)
        with pytest.raises(SandboxUnavailable, match="crashed 3 times in a row"):
            sandbox.run(job(FINE))


def test_waiting_does_not_use_up_the_time_to_compute(own: Lifecycle, job: Callable[..., Job]):
    assert own.sandbox.run(job(SLOW, cpu_s=1)).error is None


def test_closing_releases_all_resources(job: Callable[..., Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    processes, descriptors = descendants(os.getpid()), os.listdir("/proc/self/fd")
    with ThreadPoolExecutor(1) as thread:
        with Sandbox() as sandbox:
            sandbox.run(job(FINE))
            started = [process for process in descendants(os.getpid()) if process not in processes]
            running_job = thread.submit(sandbox.run, job(ENDLESS))
            assert eventually(lambda: descendants(started[-1]) != [])
            started += descendants(started[-1])
        with pytest.raises(SandboxUnavailable, match="closed"):
            running_job.result()
    assert gone(started)
    assert os.listdir("/proc/self/fd") == descriptors
    assert not list(tmp_path.iterdir())
    sandbox.close()
    with pytest.raises(SandboxUnavailable, match="closed"):
        sandbox.run(job(FINE))


# benchmarks/endurance.py runs ten thousand evaluations.
def test_many_jobs_leak_neither_descriptors_nor_processes(own: Lifecycle, job: Callable[..., Job]):
    sandbox, processes = own.sandbox, own.processes
    sandbox.run(job(FINE))
    descriptors, inside = _descriptors(os.getpid()), _descriptors(processes[-1])
    codes = [FINE, "def method(world): 1 / 0", "import os; os._exit(0)"]
    with ThreadPoolExecutor(2) as threads:
        for job_result in threads.map(sandbox.run, (job(codes[i % 3]) for i in range(60))):
            assert (job_result.error is None) == (job_result.predictions is not None)
    assert _descriptors(os.getpid()) == descriptors
    assert eventually(lambda: _descriptors(processes[-1]) <= inside), (
        "the fork server closes a report pipe after the parent has read it"
    )
    assert descendants(processes[-1]) == []


def _descriptors(process: int) -> int:
    """Return the number of open file descriptors of a process; -1 if this user may not read it."""
    try:
        return len(os.listdir(f"/proc/{process}/fd"))
    except PermissionError:
        return -1


PARENT = """
import sys, threading, time
import numpy as np
from aarlab.tools.sandbox import Job, Sandbox

inputs = {name: np.zeros(0) for name in ("features", "weak_labels", "test_features", "relations")}
sandbox = Sandbox()
threading.Thread(target=sandbox.run, args=[Job("while True: pass", inputs, 0)], daemon=True).start()
try:
    print("running", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", sandbox.run(Job("def method(world): return [1]", inputs, 0)).error, flush=True)
    sandbox.close()
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    """A process in its own process group, with a sandbox in which a job is running."""
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        assert eventually(lambda: len(descendants(process.pid)) > 1)
        yield process
        process.kill()


def test_all_processes_end_with_their_parent(parent: subprocess.Popen[str]):
    everything = descendants(parent.pid)
    assert everything
    os.kill(parent.pid, signal.SIGKILL)
    assert gone(everything)


@pytest.mark.long
def test_ctrl_c_reaches_only_the_parent(parent: subprocess.Popen[str]):
    os.killpg(parent.pid, signal.SIGINT)
    assert parent.stdout is not None
    assert select.select([parent.stdout], [], [], 30)[0]
    assert parent.stdout.readline() == "interrupted None\n"
    assert parent.wait(30) == 0
