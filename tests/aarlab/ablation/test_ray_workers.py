"""`aarlab ablate --executor ray`: results are the same as without Ray, even if workers and nodes fail."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
from altered_run import alter
from click.testing import Result
from small_ablations import arguments, digests
from test_ablate import started, until

from aarlab.ablation.ablation_file import load_ablation
from aarlab.ablation.ablation_folder import AblationFolder
from aarlab.ablation.ablation_plan import AblationPlan, PlannedRun
from aarlab.ablation.local_workers import LocalWorkerPool
from aarlab.ablation.ray_workers import RayWorkerPool, _node_worker, _store_received
from aarlab.ablation.records import open_ablation
from aarlab.ablation.run_task import RunProgress, RunTask
from aarlab.config.errors import ConfigError

with_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'aarlab[ray]'")


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use no existing cluster."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def test_without_ray_the_error_says_what_to_install(
    aarlab: Callable[..., Result], file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    for more in ((), ("--dry-run",)):
        done = aarlab(*arguments(file, tmp_path / "out", "--executor", "ray", *more))
        assert done.exit_code == 2
        assert "pip install 'aarlab[ray]'" in done.stderr
    assert not (tmp_path / "out").exists()


@with_ray
@pytest.mark.parametrize(
    ("address", "problem"),
    [("ray://there:10001", "a Ray client"), ("there", "problem   there"), ("127.0.0.1:9", "no server answers")],
)
def test_an_address_without_a_cluster_is_refused(
    aarlab: Callable[..., Result],
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    problem: str,
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    done = aarlab(*arguments(file, tmp_path / "out", "--executor", "ray"))
    assert (done.exit_code, problem in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (("--gpus-per-run", "1"), "processes of the executor `local` share all GPUs"),
        (("--executor", "ray", "--gpus-per-run", "1.5"), "must be from 0 to 1 or a whole number, not 1.5"),
    ],
)
def test_gpus_that_no_run_can_have_are_refused(
    aarlab: Callable[..., Result], file: Path, tmp_path: Path, more: tuple[str, ...], problem: str
) -> None:
    done = aarlab(*arguments(file, tmp_path / "out", *more))
    assert (done.exit_code, problem in " ".join(done.stderr.split())) == (2, True), done.stderr
    assert not (tmp_path / "out").exists()


@with_ray
@pytest.mark.long
def test_a_run_is_resumed_on_ray_and_sees_only_its_own_gpus(
    complete: tuple[Path, "subprocess.CompletedProcess[str]"], plan: AblationPlan, tmp_path: Path
) -> None:
    ray = pytest.importorskip("ray")
    folder, (run, other) = AblationFolder(tmp_path / "out"), plan.runs
    folder.prepare(plan)
    shutil.copy(complete[0] / "runs" / f"{run.stem}.db", folder.draft(run))
    cut = "DELETE FROM events WHERE id > (SELECT count(*) / 2 FROM events)"
    alter(folder.draft(run), cut, "UPDATE runs SET status = 'running', summary = NULL")
    before = signal.getsignal(signal.SIGTERM)
    # Ray does not check that the machine has these GPUs.
    ray.init(address="local", num_cpus=4, num_gpus=3, include_dashboard=False, log_to_driver=False)
    try:
        with pytest.raises(ConfigError, match="the Ray cluster has 3 GPUs, and a run needs 4"):
            RayWorkerPool(None, 4)
        assert [RayWorkerPool(None, gpus).count for gpus in (0, 0.4, 1, 2)] == [4, 4, 3, 1]
        pool = RayWorkerPool(None, 2)

        def submit(run: PlannedRun) -> None:
            scenario = run.scenario.model_dump(mode="json")
            pool.submit(RunTask(run.stem, scenario, str(folder.draft(run)), str(folder.finished_path(run)), "strict"))

        submit(run)
        ended: list[RunProgress] = []
        while not ended:
            ended = [message for message in pool.poll(0.2) if message.kind != "progress"]
        assert [(message.kind, message.error) for message in ended] == [("done", None)]
        assert digests(folder.root)[run.stem] == digests(complete[0])[run.stem]
        submit(other)
        while not (workers := worker_processes()):
            assert all(message.kind == "progress" for message in pool.poll(0.2))
        assert [len((visible_gpus(worker) or b"").split(b",")) for worker in workers] == [2]
        pool.close()
        assert not worker_processes(), "a cancelled task stops its worker"
    finally:
        ray.shutdown()
        signal.signal(signal.SIGTERM, before)  # Ray replaces the handler


def test_tasks_of_one_ray_process_share_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[LocalWorkerPool] = []
    for gpus in ("0", "0", "1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
        with _node_worker() as workers:
            used.append(workers)
    assert used[0] is used[1]
    assert used[1] is not used[2], "a worker keeps the GPUs with which it was started"
    with pytest.raises(KeyboardInterrupt), _node_worker() as workers:
        raise KeyboardInterrupt
    with _node_worker() as next_workers:
        assert next_workers is not workers, "a cancelled task stops its worker"


def test_files_from_nodes_are_stored_in_one_step(file: Path, tmp_path: Path) -> None:
    plan = load_ablation(file)
    folder, run = AblationFolder(tmp_path / "out"), plan.runs[0]
    folder.prepare(plan)
    draft, target = folder.draft(run), folder.finished_path(run)
    task = RunTask(run.stem, {}, str(draft), str(target), "strict")
    assert _store_received(task, RunProgress(run.stem, "progress"), b"so far").kind == "progress"
    assert (draft.read_bytes(), target.exists()) == (b"so far", False)
    done = _store_received(task, RunProgress(run.stem, "done", summary={"file": "there"}), b"complete")
    assert done.summary == {"file": str(target)}
    assert (target.read_bytes(), list(draft.parent.iterdir())) == (b"complete", [])
    full = RunTask(run.stem, {}, str(draft), "/dev/full/run.db", "strict")
    message = _store_received(full, RunProgress(run.stem, "done", summary={}), b"complete")
    assert (message.kind, message.summary) == ("disk full", None)


def descendants(process: int) -> Iterator[int]:
    """Yield the ids of all descendants of a process."""
    with suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                yield child
                yield from descendants(child)


def descendants_with(running: "subprocess.Popen[str]", text: bytes) -> list[int]:
    """Return the descendants with `text` in their command line."""
    processes = []
    for child in descendants(running.pid):
        with suppress(OSError):
            processes += [child] if text in Path(f"/proc/{child}/cmdline").read_bytes() else []
    return processes


def worker_processes() -> list[int]:
    """Return the worker processes of this process's Ray tasks."""
    found = []
    for child in descendants(os.getpid()):
        with suppress(OSError):
            found += [child] if b"ablation.worker_process" in Path(f"/proc/{child}/cmdline").read_bytes() else []
    return found


def visible_gpus(process: int) -> bytes | None:
    """Return CUDA_VISIBLE_DEVICES of a process; None if it has ended."""
    with suppress(OSError):
        environment = dict(v.split(b"=", 1) for v in Path(f"/proc/{process}/environ").read_bytes().split(b"\0") if v)
        return environment.get(b"CUDA_VISIBLE_DEVICES", b"") if environment else None
    return None


def agents_set_up(draft: Path) -> int:
    """Return the number of agents that were set up in a run file."""
    with closing(sqlite3.connect(f"{draft.as_uri()}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM agent_setups").fetchone()[0])


@with_ray
@pytest.mark.long
@pytest.mark.timeout(900)
def test_results_on_ray_are_the_same_after_failures(
    aarlab: Callable[..., Result],
    complete: tuple[Path, "subprocess.CompletedProcess[str]"],
    file: Path,
    tmp_path: Path,
) -> None:
    out = tmp_path / "ray"

    def sent_back() -> bool:
        return any(agents_set_up(draft) for draft in out.glob("unfinished/*.db"))

    with started(file, out, "--executor", "ray", "--jobs", "1") as running:
        until(lambda: bool(descendants_with(running, b"ablation.worker_process")), running)
        (first,) = descendants_with(running, b"ablation.worker_process")
        os.kill(first, signal.SIGKILL)
        until(lambda: bool({*descendants_with(running, b"ablation.worker_process")} - {first}), running)
        (second,) = {*descendants_with(running, b"ablation.worker_process")} - {first}
        # Its parent, the Ray task.
        os.kill(int(Path(f"/proc/{second}/stat").read_text().rpartition(")")[2].split()[1]), signal.SIGKILL)
        until(sent_back, running)
        left = [
            *descendants_with(running, b"ablation.worker_process"),
            *descendants_with(running, b"raylet"),
        ]
        running.send_signal(signal.SIGTERM)
        stdout, stderr = running.communicate(timeout=240)
    assert running.returncode == 3, stderr
    assert "failed and will be retried: its process ended early (signal 9)" in stderr
    assert "failed and will be retried: its task on the cluster ended early: The worker died" in stderr
    assert f"aarlab ablate {file} " in stdout
    assert "--executor ray" in stdout
    assert not any(Path(f"/proc/{process}").exists() for process in left)
    assert sorted(record.status for record in open_ablation(out).records) == ["missing", "stopped"]

    # The run that was sent back is resumed without Ray, too.
    done = aarlab(*arguments(file, out, "--jobs", "1"))
    assert done.exit_code == 0, done.output
    assert digests(out) == digests(complete[0])
    assert list((out / "unfinished").iterdir()) == []
