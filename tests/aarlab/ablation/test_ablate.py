"""`aarlab ablate`: results equal those of single runs after any interruption, and finished runs are kept."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from small_ablations import SMALL, arguments, digests

from aarlab.ablation.ablation_file import load_ablation
from aarlab.ablation.ablation_folder import AblationFolder
from aarlab.ablation.ablation_plan import AblationPlan
from aarlab.ablation.execution_options import Shard
from aarlab.ablation.records import Results, open_ablation
from aarlab.cli.main import main
from aarlab.config import ConfigError
from aarlab.config.scenario_files import load_scenario
from aarlab.graph.run.execute import run_scenario
from aarlab.memory.run_reader import RunReader

Aarlab = Callable[..., Result]
Done = subprocess.CompletedProcess[str]


@contextmanager
def started(file: Path, out: Path, *more: str) -> Iterator["subprocess.Popen[str]"]:
    """Start it in a separate process, and kill that process at the end."""
    command = [sys.executable, "-m", "aarlab", *arguments(file, out, *more)]
    pipes: Mapping[str, Any] = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, text=True, stdin=subprocess.DEVNULL, **pipes) as running:
        try:
            yield running
        finally:
            running.kill()


def workers_of(running: "subprocess.Popen[str]") -> list[int]:
    """Return the ids of its workers. It has other children, too: it tests the sandbox when it starts."""
    found = []
    for child in Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split():
        # The child may have ended.
        with suppress(OSError):
            found += [int(child)] if b"ablation.worker_process" in Path(f"/proc/{child}/cmdline").read_bytes() else []
    return found


def until(condition: Callable[[], bool], running: "subprocess.Popen[str]") -> None:
    """Wait until a running process fulfils a condition."""
    for _ in range(2400):
        if condition():
            return
        if running.poll() is not None:
            stdout, stderr = running.communicate()
            pytest.fail(f"the process ended with status {running.returncode}\n{stdout}\n{stderr}")
        time.sleep(0.05)
    raise AssertionError("the condition was not fulfilled")


def test_progress_and_results_are_printed(complete: tuple[Path, Done]) -> None:
    folder, done = complete
    output = json.loads(done.stdout)
    assert (output["status"], output["runs"]["planned"], output["runs"]["done"]) == ("done", 2, 2)
    assert [(arm["name"], arm["n"]) for arm in output["arms"]] == [("free", 1), ("staged", 1)]
    assert "[2 of 2]" in done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["ablation.yaml", "locks", "runs", "unfinished"]
    assert list((folder / "unfinished").iterdir()) == []


def test_a_run_in_an_ablation_equals_a_single_run(
    complete: tuple[Path, Done], plan: AblationPlan, tmp_path: Path
) -> None:
    free = plan.runs[0]
    alone = run_scenario(free.scenario, tmp_path / "alone.db", threads=1)
    assert digests(complete[0])[free.stem] == alone["digest"]
    assert free.scenario == load_scenario(None, [*SMALL, "name=free"])


def test_records_equal_the_run_files(complete: tuple[Path, Done], plan: AblationPlan) -> None:
    results: Results = open_ablation(complete[0])
    assert [(record.arm, record.seed, record.status) for record in results.records] == [
        ("free", 1, "done"),
        ("staged", 1, "done"),
    ]
    assert results.ablation == plan.ablation
    for record, run in zip(results.records, plan.runs, strict=True):
        with RunReader.open(record.path) as opened:
            assert record.summary["digest"] == opened.digest()
        assert record.summary["file"] == str(record.path.resolve())
        assert record.scenario == run.scenario.model_dump(mode="json")
        assert record.autonomy[-1][0] == pytest.approx(8)
        assert record.frontier[-1][1] == record.summary["development_pgr"]["whole"]


def test_a_finished_ablation_executes_nothing_again(aarlab: Aarlab, file: Path, copy: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*.db")}
    done = aarlab(*arguments(file, copy))
    assert done.exit_code == 0, done.stderr
    assert "2 of 2 runs are finished" in done.stdout
    assert f"aarlab report {copy}" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*.db")} == before


def test_finished_runs_are_found_in_another_ablation(aarlab: Aarlab, file: Path, copy: Path) -> None:
    (copy / "ablation.yaml").unlink()
    more = json.loads(aarlab(*arguments(file, copy, "--dry-run", "--json", "--set", "seeds=3")).stdout)
    assert more["runs"] == {"planned": 6, "in_this_shard": 6, "done": 2}
    assert more["seconds"] > 0


def test_a_folder_of_another_ablation_is_refused(aarlab: Aarlab, file: Path, copy: Path) -> None:
    before = (copy / "ablation.yaml").read_text()
    done = aarlab(*arguments(file, copy, "--set", "seeds=3", "--set", "arms.staged.structure.review=gate"))
    assert done.exit_code == 2
    assert '    + arms.staged.structure.review: "gate"\n' in done.stderr
    assert "    - seeds: 1\n    + seeds: 3\n" in done.stderr
    assert (copy / "ablation.yaml").read_text() == before


def test_seeds_of_a_planned_look_may_be_added(file: Path, tmp_path: Path) -> None:
    def plan(seeds: int, looks: str = "[2, 4]") -> AblationPlan:
        return load_ablation(file, [*SMALL, f"seeds={seeds}", f"looks={looks}"])

    folder = AblationFolder(tmp_path / "sequential")
    folder.prepare(plan(2))
    folder.check(plan(4))
    folder.prepare(plan(4))
    assert load_ablation(folder.file).ablation.seeds == 4
    for refused in (plan(2), plan(4, "[2, 4, 8]"), load_ablation(file, [*SMALL, "seeds=4"])):
        with pytest.raises(ConfigError, match="another ablation"):
            folder.check(refused)


def test_seeds_may_be_added_and_the_report_says_so(file: Path, tmp_path: Path) -> None:
    def plan(seeds: int) -> AblationPlan:
        return load_ablation(file, [*SMALL, f"seeds={seeds}"])

    folder = AblationFolder(tmp_path / "grown")
    for seeds in (2, 4, 4, 6):
        folder.check(plan(seeds))
        folder.prepare(plan(seeds))
    ablation = load_ablation(folder.file).ablation
    assert (ablation.seeds, ablation.earlier_seeds) == (6, [2, 4])
    with pytest.raises(ConfigError, match="another ablation"):
        folder.check(plan(4))


def test_limits_may_change_between_starts(aarlab: Aarlab, file: Path, copy: Path) -> None:
    assert aarlab(*arguments(file, copy, "--set", "budget_usd=3", "--set", "retries=0")).exit_code == 0
    assert load_ablation(copy / "ablation.yaml").ablation.budget_usd == 3


@pytest.mark.parametrize("damage", ["not a database", "cut short", "altered", "another run"])
def test_a_damaged_run_file_is_refused_and_kept(aarlab: Aarlab, file: Path, copy: Path, damage: str) -> None:
    free, staged = sorted((copy / "runs").glob("*.db"))
    match damage:
        case "not a database":
            free.write_text("these are notes, and they are long enough to be looked at\n" * 20)
        case "cut short":
            free.write_bytes(free.read_bytes()[:6000])
        case "altered":
            with closing(sqlite3.connect(free)) as connection, connection:
                connection.execute("UPDATE runs SET summary = json_set(summary, '$.heldout.pgr', 0.99)")
        case _:
            shutil.copy(staged, free)
    before = free.read_bytes()
    done = aarlab(*arguments(file, copy))
    assert done.exit_code == 2
    assert f"mv {free} {free}.damaged" in done.stderr
    assert "Traceback" not in done.stderr
    assert free.read_bytes() == before
    damaged, valid = open_ablation(copy).records
    assert valid.status == "done"
    if damage != "another run":
        assert damaged.status == "failed"
        assert "cannot be used" in str(damaged.error)


def test_only_shards_may_share_a_folder(aarlab: Aarlab, file: Path, copy: Path) -> None:
    with AblationFolder(copy).locked(Shard(1, 2)):
        for options in ((), ("--shard", "1/2"), ("--shard", "2/3")):
            done = aarlab(*arguments(file, copy, *options))
            assert done.exit_code == 2
            assert f"process {os.getpid()} on " in done.stderr
        assert aarlab(*arguments(file, copy, "--shard", "2/2")).exit_code == 0
    assert aarlab(*arguments(file, copy)).exit_code == 0


@pytest.mark.parametrize("out", ["/dev/null/x", "/dev/null"])
def test_an_unwritable_folder_is_refused(aarlab: Aarlab, file: Path, out: str) -> None:
    done = aarlab(*arguments(file, Path(out)))
    assert done.exit_code == 2
    assert f"--out {out}" in done.stderr


@pytest.mark.long
def test_results_are_the_same_after_kills_at_any_point(file: Path, complete: tuple[Path, Done], tmp_path: Path) -> None:
    out = tmp_path / "pair"
    drafts, done = out / "unfinished", out / "runs"

    def has_findings() -> bool:
        for path in drafts.glob("*.db"):
            try:
                with sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True) as connection:
                    return bool(connection.execute("SELECT count(*) FROM findings").fetchone()[0])
            except sqlite3.Error:
                pass
        return False

    def started_drafts() -> bool:
        return any(drafts.glob("*.db"))

    # The worker at the start of a run, then the command in the middle of it, and while its file is moved to runs/.
    with started(file, out, "--jobs", "1") as running:
        until(started_drafts, running)
        os.kill(workers_of(running)[0], signal.SIGKILL)
        until(has_findings, running)
        running.send_signal(signal.SIGKILL)
        _, stderr = running.communicate()
    assert "failed and will be retried: its process ended early (signal 9)" in stderr
    with started(file, out, "--jobs", "1") as running:
        until(lambda: any(done.glob("*")), running)
        running.send_signal(signal.SIGKILL)
    assert digests(out).items() <= digests(complete[0]).items()
    finished = CliRunner().invoke(main, arguments(file, out, "--jobs", "1"))
    assert finished.exit_code == 0, finished.output
    assert digests(out) == digests(complete[0])
    assert list(drafts.iterdir()) == []


def test_files_that_a_killed_process_left_are_deleted(copy: Path, file: Path) -> None:
    free, staged = sorted((copy / "runs").glob("*.db"))
    # The process was killed between the copy to runs/ and the deletion of the draft, and before that during a copy.
    shutil.copy(free, copy / "unfinished")
    staged.rename(copy / "unfinished" / staged.name)
    for path in (free, staged):
        leftover = copy / "runs" / f".{path.name}.0a1b2c3d.partial"
        leftover.mkdir()
        (leftover / path.name).write_text("half a file")
    done = CliRunner().invoke(main, arguments(file, copy))
    assert done.exit_code == 0, done.output
    assert sorted((copy / "runs").iterdir()) == [free, staged]
    assert list((copy / "unfinished").iterdir()) == []


@pytest.mark.long
def test_after_sigterm_the_output_says_how_to_continue(file: Path, tmp_path: Path) -> None:
    with started(file, tmp_path / "pair", "--jobs", "1") as running:
        until(lambda: any(tmp_path.glob("pair/unfinished/*.db")), running)
        running.send_signal(signal.SIGTERM)
        stdout, stderr = running.communicate(timeout=240)
    assert running.returncode == 3, stderr
    assert "0 of 2 runs are finished" in stdout
    assert f"aarlab ablate {file} " in stdout
    assert sorted(record.status for record in open_ablation(tmp_path / "pair").records) == ["missing", "stopped"]


def test_the_example_of_the_page_runs(
    copy: Path, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "ablations.md").read_text()
    (example,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(copy.parent)
    shutil.copytree(copy, "ablations/workflow")
    shutil.copy("ablations/workflow/ablation.yaml", "workflow.yaml")
    exec(compile(example, "docs/ablations.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["free", "1"], ["staged", "1"]]
    assert lines[2].startswith("2 free 0.")
    assert lines[3] == f"done {digests(copy)[next(run for run in digests(copy) if run.startswith('free'))]}"


def test_a_folder_without_an_ablation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        open_ablation(tmp_path)
