"""Worker processes on this machine execute several runs, and recover when a process is killed."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aarlab.ablation.local_workers import LocalWorkerPool
from aarlab.ablation.run_task import RunProgress, RunTask
from aarlab.config.scenario_files import load_scenario

SMALLEST = (
    "team.researchers=2", "scoring.full_worlds=2", "scoring.final_worlds=2",
    "scoring.heldout_worlds=2", "scoring.screening_worlds=2", "structure.opening=none",
)  # fmt: skip

Execute = Callable[..., RunProgress]


@pytest.fixture
def pool() -> Iterator[LocalWorkerPool]:
    with closing(LocalWorkerPool(1)) as pool:
        yield pool


@pytest.fixture
def execute(tmp_path: Path) -> Execute:
    """A function that executes a run and returns the last message about it."""

    def execute(pool: LocalWorkerPool, seed: int, hours: int = 4) -> RunProgress:
        pool.submit(_task(tmp_path, seed, hours))
        while True:
            for progress in pool.poll(1.0):
                if progress.kind != "progress":
                    return progress

    return execute


@pytest.mark.long
def test_later_runs_of_a_worker_equal_first_runs(pool: LocalWorkerPool, execute: Execute) -> None:
    later = [_digest(execute(pool, seed)) for seed in (1, 2)][1]
    with closing(LocalWorkerPool(1)) as other_pool:
        assert _digest(execute(other_pool, 2)) == later


@pytest.mark.long
def test_a_worker_keeps_its_sandbox_between_runs(pool: LocalWorkerPool, execute: Execute) -> None:
    execute(pool, 1)
    processes = _descendants(os.getpid())
    execute(pool, 2)
    assert _descendants(os.getpid()) == processes


@pytest.mark.long
def test_a_killed_idle_sandbox_does_not_change_results(pool: LocalWorkerPool, execute: Execute) -> None:
    execute(pool, 1)
    os.kill(_descendants(os.getpid())[-1], signal.SIGKILL)
    later = _digest(execute(pool, 2))
    with closing(LocalWorkerPool(1)) as other_pool:
        assert _digest(execute(other_pool, 2)) == later


@pytest.mark.long
def test_after_a_killed_worker_the_next_resumes_its_run(
    pool: LocalWorkerPool, execute: Execute, tmp_path: Path
) -> None:
    # Long enough that it is still running when the signal arrives.
    pool.submit(_task(tmp_path, 1, hours=24))
    while not any(progress.share for progress in pool.poll(1.0)):
        pass
    processes = _descendants(os.getpid())
    os.kill(processes[0], signal.SIGKILL)
    # Progress that was sent before the signal can arrive first.
    received = [progress for _ in range(10) for progress in pool.poll(1.0)]
    assert [progress.kind for progress in received if progress.kind != "progress"] == ["failed"]
    assert _gone(processes)
    resumed = _digest(execute(pool, 1, hours=24))
    with closing(LocalWorkerPool(1)) as other_pool:
        assert _digest(execute(other_pool, 1, hours=24)) == resumed


def _task(folder: Path, seed: int, hours: int = 4) -> RunTask:
    settings = [*SMALLEST, f"seed={seed}", f"budget.hours={hours}"]
    scenario = load_scenario("small", settings).model_dump(mode="json")
    n_finished = len(list(folder.glob("done*")))
    return RunTask(
        f"run{seed}", scenario, str(folder / f"{seed}-{hours}.db"), str(folder / f"done{n_finished}.db"), "strict"
    )


def _digest(progress: RunProgress) -> str:
    assert progress.summary is not None, progress.error
    return str(progress.summary["digest"])


def _descendants(process: int) -> list[int]:
    """Return the ids of all descendants of a process, parents before children."""
    try:
        children = [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except FileNotFoundError:
        return []
    return [*children, *(descendant for child in children for descendant in _descendants(child))]


def _gone(processes: list[int], timeout_s: float = 20) -> bool:
    """Wait until processes have ended. Return False after a timeout."""
    deadline = time.monotonic() + timeout_s
    while any(Path(f"/proc/{process}").exists() for process in processes) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(Path(f"/proc/{process}").exists() for process in processes)
