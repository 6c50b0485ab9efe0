"""`aarlab ablate`: all runs come to what they come to alone, whatever happens in between, and nothing done is lost."""

import json
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aarlab.ablation.ablation_file import load_ablation
from aarlab.ablation.ablation_folder import AblationFolder
from aarlab.ablation.ablation_plan import AblationPlan, PlannedRun, Shard
from aarlab.ablation.cost_forecast import CostForecast
from aarlab.ablation.records import Results, open_ablation
from aarlab.ablation.run_task import RunProgress, RunTask, execute_task
from aarlab.ablation.scheduler import ExecutionResult, execute
from aarlab.ablation.spending import SpendingMonitor
from aarlab.agents.models import registry
from aarlab.agents.models.base import Model, ModelError, Reply, Request
from aarlab.cli.main import main
from aarlab.config import ConfigError
from aarlab.config.scenario_files import load_scenario
from aarlab.graph.run.cost_estimate import estimate_cost
from aarlab.graph.run.execute import run_scenario
from aarlab.memory.events import ModelCall
from aarlab.memory.run_reader import RunReader

Aarlab = Callable[..., Result]

SMALL = (
    "team.researchers=2", "budget.hours=6", "budget.round_hours=2", "scoring.full_worlds=2", "scoring.final_worlds=2",
    "scoring.screening_worlds=2",
    "scoring.finalists=1", "scoring.heldout_worlds=2", "scoring.shifted_worlds=0", "scoring.transfer_worlds=0",
)  # fmt: skip

FILE = """
name: pair
question: Does a fixed workflow hurt?
scenario: quickstart
arms:
  free: {}
  staged: {structure: staged}
seeds: 1
controls: false
"""


def arguments(file: Path, out: Path, *more: str) -> list[str]:
    """Return the command line that works on a tiny ablation."""
    settings = [word for setting in SMALL for word in ("--set", setting)]
    return ["ablate", str(file), "--out", str(out), *settings, *more]


@contextmanager
def started(file: Path, out: Path, *more: str) -> Iterator["subprocess.Popen[str]"]:
    """Start it in a process of its own, which is over at the end."""
    command = [sys.executable, "-m", "aarlab", *arguments(file, out, *more)]
    pipes: Mapping[str, Any] = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, text=True, stdin=subprocess.DEVNULL, **pipes) as running:
        try:
            yield running
        finally:
            running.kill()


def digests(folder: Path) -> dict[str, str]:
    """Return the digest of each finished run by its file's name."""
    found = {}
    for path in (folder / "runs").glob("*.db"):
        with RunReader.open(path) as file:
            found[path.stem] = file.digest()
    return found


def workers_of(running: "subprocess.Popen[str]") -> list[int]:
    """Return the ids of its workers. It has other children, too: when it begins it tries the sandbox."""
    found = []
    for child in Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split():
        # It may have ended meanwhile.
        with suppress(OSError):
            found += [int(child)] if b"ablation.worker_process" in Path(f"/proc/{child}/cmdline").read_bytes() else []
    return found


def until(condition: Callable[[], bool], running: "subprocess.Popen[str]") -> None:
    """Wait for something that a process does."""
    for _ in range(2400):
        if condition():
            return
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)
    raise AssertionError("it did not happen")


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ablation of two arms and one seed."""
    path = tmp_path_factory.mktemp("file") / "pair.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="session")
def whole(file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """Its folder after an undisturbed start, and what was told meanwhile."""
    out = tmp_path_factory.mktemp("whole") / "pair"
    done = CliRunner().invoke(main, arguments(file, out, "--json", "--jobs", "2"))
    assert done.exit_code == 0, done.stderr
    return out, done


@pytest.fixture
def copy(whole: tuple[Path, Result], tmp_path: Path) -> Path:
    """A copy of that folder."""
    return Path(shutil.copytree(whole[0], tmp_path / "pair"))


@pytest.fixture(scope="session")
def plan(file: Path) -> AblationPlan:
    """What belongs to it."""
    return load_ablation(file, SMALL)


def test_an_ablation_tells_how_it_goes_and_what_came_out(whole: tuple[Path, Result]) -> None:
    folder, done = whole
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["status"], told["runs"]["planned"], told["runs"]["done"]) == ("done", 2, 2)
    assert [(arm["name"], arm["n"]) for arm in told["arms"]] == [("free", 1), ("staged", 1)]
    assert "[2 of 2]" in done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["ablation.yaml", "locks", "runs", "unfinished"]
    assert list((folder / "unfinished").iterdir()) == []


def test_a_run_in_an_ablation_is_the_run_by_itself(
    whole: tuple[Path, Result], plan: AblationPlan, tmp_path: Path
) -> None:
    free = plan.runs[0]
    alone = run_scenario(free.scenario, tmp_path / "alone.db", sandbox="none")
    assert digests(whole[0])[free.stem] == alone["digest"]
    assert free.scenario == load_scenario(None, [*SMALL, "name=free"])


def test_the_records_say_what_the_run_files_say(whole: tuple[Path, Result], plan: AblationPlan) -> None:
    results: Results = open_ablation(whole[0])
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
        assert record.autonomy[-1][0] == pytest.approx(12)
        assert record.frontier[-1][1] == record.summary["development_pgr"]["whole"]


def test_started_again_it_has_nothing_to_do(aarlab: Aarlab, file: Path, copy: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*.db")}
    done = aarlab(*arguments(file, copy))
    assert done.exit_code == 0, done.stderr
    assert "2 of 2 runs are done" in done.stdout
    assert f"aarlab report {copy}" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*.db")} == before


def test_runs_are_found_in_another_folder_by_what_they_are(aarlab: Aarlab, file: Path, copy: Path) -> None:
    (copy / "ablation.yaml").unlink()
    more = json.loads(aarlab(*arguments(file, copy, "--dry-run", "--json", "--set", "seeds=3")).stdout)
    assert more["runs"] == {"planned": 6, "in_this_shard": 6, "done": 2}
    assert more["seconds"] > 0


def test_a_folder_of_another_ablation_is_refused_with_the_difference(aarlab: Aarlab, file: Path, copy: Path) -> None:
    before = (copy / "ablation.yaml").read_text()
    done = aarlab(*arguments(file, copy, "--set", "seeds=3", "--set", "arms.staged.structure.review=gate"))
    assert done.exit_code == 2
    assert '    + arms.staged.structure.review: "gate"\n' in done.stderr
    assert "    - seeds: 1\n    + seeds: 3\n" in done.stderr
    assert (copy / "ablation.yaml").read_text() == before


def test_limits_may_change_from_one_start_to_the_next(aarlab: Aarlab, file: Path, copy: Path) -> None:
    assert aarlab(*arguments(file, copy, "--set", "budget_usd=3", "--set", "retries=0")).exit_code == 0
    assert load_ablation(copy / "ablation.yaml").ablation.budget_usd == 3


@pytest.mark.parametrize("damage", ["not a database", "cut short", "another run"])
def test_a_damaged_run_file_is_refused_and_left_alone(aarlab: Aarlab, file: Path, copy: Path, damage: str) -> None:
    free, staged = sorted((copy / "runs").glob("*.db"))
    match damage:
        case "not a database":
            free.write_text("these are notes, and they are long enough to be looked at\n" * 20)
        case "cut short":
            free.write_bytes(free.read_bytes()[:6000])
        case _:
            shutil.copy(staged, free)
    before = free.read_bytes()
    done = aarlab(*arguments(file, copy))
    assert done.exit_code == 2
    assert f"mv {free} {free}.damaged" in done.stderr
    assert "Traceback" not in done.stderr
    assert free.read_bytes() == before
    damaged, sound = open_ablation(copy).records
    assert sound.status == "done"
    if damage != "another run":
        assert damaged.status == "failed"
        assert "cannot be read" in str(damaged.error)


def test_two_processes_on_one_folder_are_refused_unless_they_are_shards(aarlab: Aarlab, file: Path, copy: Path) -> None:
    with AblationFolder(copy).locked(Shard(1, 2)):
        for options in ((), ("--shard", "1/2"), ("--shard", "2/3")):
            done = aarlab(*arguments(file, copy, *options))
            assert done.exit_code == 2
            assert f"process {os.getpid()} on " in done.stderr
        assert aarlab(*arguments(file, copy, "--shard", "2/2")).exit_code == 0
    assert aarlab(*arguments(file, copy)).exit_code == 0


@pytest.mark.parametrize("out", ["/dev/null/x", "/dev/null"])
def test_a_place_that_cannot_be_written_to_is_refused(aarlab: Aarlab, file: Path, out: str) -> None:
    done = aarlab(*arguments(file, Path(out)))
    assert done.exit_code == 2
    assert f"--out {out}" in done.stderr


class InlineWorkers:
    """Does each task in this process, as soon as it is given."""

    def __init__(self) -> None:
        self._told: list[RunProgress] = []

    def free(self) -> bool:
        """Whether the last task has been told of."""
        return not self._told

    def begin(self, task: RunTask) -> None:
        """Do it."""
        execute_task(task, self._told.append)

    def progress(self, timeout_s: float) -> list[RunProgress]:
        """Return what was told."""
        told, self._told = self._told, []
        return told

    def close(self) -> None:
        """There is nobody to end."""


class RecordingObserver:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.endings: list[tuple[str, bool]] = []
        self.resumed_runs = 0

    def run_started(self, run: PlannedRun, *, resumed: bool) -> None:
        """Take in that a run has begun."""
        self.resumed_runs += resumed

    def run_progressed(self, run: PlannedRun, progress: RunProgress, *, will_retry: bool) -> None:
        """Take in an ending."""
        if progress.kind != "progress":
            self.endings.append((progress.kind, will_retry))


class Costly:
    """A base model whose answers cost a quarter of a dollar and do not come after the third."""

    def __init__(self) -> None:
        self.answers = 0

    async def reply(self, request: Request) -> Reply:
        """Answer, three times."""
        from aarlab.agents.models.simulated.simulated_researcher import SimulatedResearcher

        self.answers += 1
        if self.answers > 3:
            raise ModelError("the model is overloaded")
        reply = await SimulatedResearcher(1, "r1").reply(request)
        return Reply(reply.message, reply.stop_reason, reply.usage, reply.model, 0.25)


@pytest.fixture
def costly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it a base model that can be named."""

    def opened(seed: int, agent: str, temperament: str) -> Model:
        return Costly()

    info = registry.ModelInfo("test/costly", "costs", "nothing", opened)
    monkeypatch.setattr(registry, "MODELS", {**registry.MODELS, info.name: info})


def execute_in_process(
    file: Path, out: Path, *settings: str
) -> tuple[ExecutionResult, list[tuple[str, bool]], AblationFolder]:
    """Do an ablation in this process, and return how it ended, how its runs did, and its folder."""
    plan = load_ablation(file, [*SMALL, "team.model=test/costly", *settings])
    folder, observer = AblationFolder(out), RecordingObserver()
    folder.prepare(plan)
    monitor = SpendingMonitor(plan.ablation, plan.runs, folder)
    retries = plan.ablation.retries
    ending = execute(plan.runs, folder, InlineWorkers(), monitor, observer, retries=retries, sandbox="none", cache=True)
    return ending, observer.endings, folder


@pytest.mark.usefixtures("costly")
def test_a_run_that_fails_is_tried_again_and_then_reported(file: Path, tmp_path: Path) -> None:
    ending, endings, folder = execute_in_process(file, tmp_path / "out", "arms={only: {}}")
    assert ending == ExecutionResult("done")
    assert endings == [("failed", True), ("failed", False)]
    (record,) = open_ablation(folder.root).records
    assert (record.status, record.summary) == ("failed", {})
    assert record.error == "ModelError: the model is overloaded"
    with RunReader.open(record.path) as kept:
        assert len(list(kept.entries(ModelCall))) == 12, "the second attempt goes on where the first broke off"


@pytest.mark.usefixtures("costly")
def test_the_budget_counts_attempts_that_failed_and_holds_from_one_start_to_the_next(
    file: Path, tmp_path: Path
) -> None:
    ending, endings, folder = execute_in_process(
        file, tmp_path / "out", "arms={only: {}}", "budget_usd=2.8", "retries=5"
    )
    assert ending == ExecutionResult("stopped", "budget_usd is exhausted: $3.00 of $2.80")
    assert len(endings) == 2
    again, none, _ = execute_in_process(file, folder.root, "arms={only: {}}", "budget_usd=3", "retries=0")
    assert (again, none) == (ExecutionResult("stopped", "budget_usd is exhausted: $3.00 of $3.00"), [])


@pytest.mark.usefixtures("costly")
def test_a_run_whose_file_cannot_grow_ends_the_work_with_what_is_done_kept(file: Path, copy: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        (copy / "ablation.yaml").unlink()
        ending, endings, _ = execute_in_process(file, copy)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert endings == [("disk full", False)]
    assert ending.status == "failed"
    assert f"{copy} cannot be written to" in str(ending.reason)
    assert len(digests(copy)) == 2


def test_what_it_will_cost_is_told_before_any_money_is_spent(aarlab: Aarlab, file: Path, copy: Path) -> None:
    live = ("--dry-run", "--set", "team.model=anthropic/claude-haiku-4-5", "--set", "budget_usd=5")
    told = aarlab(*arguments(file, copy.parent / "live", *live))
    assert "if earlier messages are read from the provider's cache" in " ".join(told.stdout.split())
    assert "at most $5 for all runs together" in " ".join(told.stdout.split())
    least, most = json.loads(aarlab(*arguments(file, copy.parent / "live", *live, "--json")).stdout)["cost_usd"]
    waiting = load_ablation(file, [*SMALL, *live[2::2]])
    each = {arm.name: estimate_cost(arm.scenario) for arm in waiting.arms}
    assert least == pytest.approx(sum(each[run.arm].low.usd or 0.0 for run in waiting.runs))
    assert most == pytest.approx(sum(each[run.arm].high.usd or 0.0 for run in waiting.runs))
    assert 0 < least < most
    unknown = aarlab(*arguments(file, copy.parent / "live", "--dry-run", "--set", "team.model=openai/of-my-own"))
    assert "no price is known: openai/of-my-own" in " ".join(unknown.stdout.split())


@pytest.mark.usefixtures("costly")
def test_what_runs_cost_is_foreseen_from_those_of_the_same_arm_that_are_done(file: Path) -> None:
    plan = load_ablation(file, [*SMALL, "seeds=3", "arms.staged.team.model=test/costly"])
    costs = CostForecast(plan.arms)
    assert (costs.per_run("free"), costs.per_run("staged"), costs.remaining(plan.runs)) == ((0.0, 0.0), None, None)
    costs.observe("staged", 2.0)
    costs.observe("staged", 1.0)
    assert costs.remaining(plan.runs[2:], [("staged", 0.5)]) == (3.75, 3.75)


@pytest.mark.long
def test_killed_at_any_point_and_started_again_it_comes_to_the_same(
    file: Path, whole: tuple[Path, Result], tmp_path: Path
) -> None:
    out = tmp_path / "pair"
    drafts, done = out / "unfinished", out / "runs"

    def found_something() -> bool:
        for path in drafts.glob("*.db"):
            try:
                with sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True) as connection:
                    return bool(connection.execute("SELECT count(*) FROM findings").fetchone()[0])
            except sqlite3.Error:
                pass
        return False

    # As a run begins, in its midst, and as it is moved to its place.
    for reached in (
        lambda: any(drafts.glob("*.db")),
        found_something,
        lambda: any(drafts.glob("*.partial")) or any(done.glob("*")),
    ):
        with started(file, out, "--jobs", "1") as running:
            until(reached, running)
            running.send_signal(signal.SIGKILL)
        assert digests(out).items() <= digests(whole[0]).items()
    with started(file, out, "--jobs", "1") as running:
        until(lambda: bool(workers_of(running)), running)
        os.kill(workers_of(running)[0], signal.SIGKILL)
        _, observer = running.communicate(timeout=240)
    assert running.returncode == 0, observer
    assert "failed and will be retried: its process ended early (signal 9)" in observer
    assert digests(out) == digests(whole[0])
    assert list(drafts.iterdir()) == []


@pytest.mark.long
def test_stopped_by_a_person_it_says_how_to_go_on(file: Path, tmp_path: Path) -> None:
    with started(file, tmp_path / "pair", "--jobs", "1") as running:
        until(lambda: any(tmp_path.glob("pair/unfinished/*.db")), running)
        running.send_signal(signal.SIGTERM)
        told, stderr = running.communicate(timeout=60)
    assert running.returncode == 3, stderr
    assert "0 of 2 runs are done" in told
    assert f"aarlab ablate {file} " in told
    assert sorted(record.status for record in open_ablation(tmp_path / "pair").records) == ["missing", "stopped"]


def test_the_example_in_the_documentation_runs(
    copy: Path, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "ablations.md").read_text()
    (example,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(copy.parent)
    shutil.copytree(copy, "ablations/workflow")
    shutil.copy("ablations/workflow/ablation.yaml", "workflow.yaml")
    exec(compile(example, "docs/ablations.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["free", "1"], ["staged", "1"]]
    assert lines[2].startswith("2 free 0.")
    assert lines[3] == f"done {digests(copy)[next(run for run in digests(copy) if run.startswith('free'))]}"


def test_a_folder_that_is_no_ablation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        open_ablation(tmp_path)
