"""`aarlab ablate --executor ray`: what runs come to does not hang on who does them, nor on what becomes of those."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import Result
from test_ablate import arguments, digests, started, until

from aarlab.ablation.cluster import _received
from aarlab.ablation.folder import Folder
from aarlab.ablation.load import load_ablation
from aarlab.ablation.records import open_ablation
from aarlab.ablation.work import News, Task

FILE = """
name: pair
scenario: quickstart
arms:
  free: {}
  bound: {structure: staged}
seeds: 1
controls: false
"""

with_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'aarlab[ray]'")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ablation of two runs, and no cluster that somebody else has started."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    path = tmp_path / "pair.yaml"
    path.write_text(FILE)
    return path


def test_without_ray_it_says_what_to_install(
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
    ("address", "found"),
    [("ray://there:10001", "a Ray client"), ("there", "found    there"), ("127.0.0.1:9", "nobody answers")],
)
def test_an_address_without_a_cluster_is_refused_at_once(
    aarlab: Callable[..., Result], file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, found: str
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    done = aarlab(*arguments(file, tmp_path / "out", "--executor", "ray"))
    assert (done.exit_code, found in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "out").exists()


def test_what_a_node_sends_back_is_put_in_its_place_in_one_step(file: Path, tmp_path: Path) -> None:
    plan = load_ablation(file)
    folder, run = Folder(tmp_path / "out"), plan.runs[0]
    folder.prepare(plan)
    draft, target = folder.draft(run), folder.finished(run)
    task = Task(run.stem, {}, str(draft), str(target), "strict")
    assert _received(task, News(run.stem, "progress"), b"so far").kind == "progress"
    assert (draft.read_bytes(), target.exists()) == (b"so far", False)
    done = _received(task, News(run.stem, "done", summary={"file": "there"}), b"whole")
    assert done.summary == {"file": str(target)}
    assert (target.read_bytes(), list(draft.parent.iterdir())) == (b"whole", [])
    full = Task(run.stem, {}, str(draft), "/dev/full/run.db", "strict")
    told = _received(full, News(run.stem, "done", summary={}), b"whole")
    assert (told.kind, told.summary) == ("no room", None)


def descendants(process: int) -> Iterator[int]:
    """Yield the ids of all processes that a process has started, and those that they have."""
    with suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                yield child
                yield from descendants(child)


def at_work(running: "subprocess.Popen[str]", sign: bytes) -> list[int]:
    """Return its descendants whose command line has this in it."""
    found = []
    for child in descendants(running.pid):
        with suppress(OSError):
            found += [child] if sign in Path(f"/proc/{child}/cmdline").read_bytes() else []
    return found


def briefed(draft: Path) -> int:
    """Return how many agents have been told what to do, by a run file."""
    with closing(sqlite3.connect(f"{draft.as_uri()}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM briefs").fetchone()[0])


@with_ray
@pytest.mark.long
@pytest.mark.timeout(900)
def test_on_ray_runs_come_to_the_same_whoever_dies_on_the_way(
    aarlab: Callable[..., Result], file: Path, tmp_path: Path
) -> None:
    local, out = tmp_path / "local", tmp_path / "ray"
    assert aarlab(*arguments(file, local, "--jobs", "1")).exit_code == 0
    on_ray = ("--executor", "ray", "--jobs", "1")

    def sent_back() -> bool:
        return any(briefed(draft) for draft in out.glob("unfinished/*.db"))

    with started(file, out, *on_ray) as running:
        until(sent_back, running)
        (worker,) = at_work(running, b"ablation.worker")
        left = [worker, *at_work(running, b"raylet")]
        running.send_signal(signal.SIGTERM)
        told, complaints = running.communicate(timeout=60)
    assert running.returncode == 3, complaints
    assert f"aarlab ablate {file} " in told
    assert "--executor ray" in told
    assert not any(Path(f"/proc/{process}").exists() for process in left)
    assert sorted(record.status for record in open_ablation(out).records) == ["missing", "stopped"]

    with started(file, out, *on_ray) as running:
        until(lambda: bool(at_work(running, b"ablation.worker")), running)
        (first,) = at_work(running, b"ablation.worker")
        os.kill(first, signal.SIGKILL)
        until(lambda: bool({*at_work(running, b"ablation.worker")} - {first}), running)
        (second,) = {*at_work(running, b"ablation.worker")} - {first}
        # What employs it on its node.
        os.kill(int(Path(f"/proc/{second}/stat").read_text().rpartition(")")[2].split()[1]), signal.SIGKILL)
        _, heard = running.communicate(timeout=600)
    assert running.returncode == 0, heard
    assert "failed and will be tried again: its process ended early (signal 9)" in heard
    assert "failed and will be tried again: its task on the cluster ended early: The worker died" in heard
    assert digests(out) == digests(local)
    assert list((out / "unfinished").iterdir()) == []
