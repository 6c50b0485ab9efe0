"""`aarlab ablate`: results equal those of single runs after any interruption, and finished runs are kept."""

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
from aarlab.ablation.ablation_plan import AblationPlan, PlannedRun
from aarlab.ablation.execution_options import ExecutionOptions, Shard
from aarlab.ablation.forecast import Forecast, whole_runs
from aarlab.ablation.records import Results, open_ablation
from aarlab.ablation.run_task import RunProgress, RunTask, execute_task
from aarlab.ablation.scheduler import ExecutionResult, execute
from aarlab.ablation.spending_monitor import SpendingMonitor
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
question: Does a fixed workflow lower PGR?
scenario: quickstart
arms:
  free: {}
  staged: {structure: staged}
seeds: 1
controls: false
"""


def arguments(file: Path, out: Path, *more: str) -> list[str]:
    """Return the arguments that execute a small ablation."""
    settings = [word for setting in SMALL for word in ("--set", setting)]
    return ["ablate", str(file), "--out", str(out), *settings, *more]


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


def digests(folder: Path) -> dict[str, str]:
    """Return the digest of each finished run by its file's name."""
    found = {}
    for path in (folder / "runs").glob("*.db"):
        with RunReader.open(path) as file:
            found[path.stem] = file.digest()
    return found


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


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ablation of two arms and one seed."""
    path = tmp_path_factory.mktemp("file") / "pair.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture(scope="session")
def complete(file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """Its folder after an uninterrupted execution, and the output."""
    out = tmp_path_factory.mktemp("complete") / "pair"
    done = CliRunner().invoke(main, arguments(file, out, "--json", "--jobs", "2"))
    assert done.exit_code == 0, done.stderr
    return out, done


@pytest.fixture
def copy(complete: tuple[Path, Result], tmp_path: Path) -> Path:
    """A copy of that folder."""
    return Path(shutil.copytree(complete[0], tmp_path / "pair"))


@pytest.fixture(scope="session")
def plan(file: Path) -> AblationPlan:
    """The plan of the ablation."""
    return load_ablation(file, SMALL)


def test_progress_and_results_are_printed(complete: tuple[Path, Result]) -> None:
    folder, done = complete
    assert done.exit_code == 0, done.stderr
    output = json.loads(done.stdout)
    assert (output["status"], output["runs"]["planned"], output["runs"]["done"]) == ("done", 2, 2)
    assert [(arm["name"], arm["n"]) for arm in output["arms"]] == [("free", 1), ("staged", 1)]
    assert "[2 of 2]" in done.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["ablation.yaml", "locks", "runs", "unfinished"]
    assert list((folder / "unfinished").iterdir()) == []


def test_a_run_in_an_ablation_equals_a_single_run(
    complete: tuple[Path, Result], plan: AblationPlan, tmp_path: Path
) -> None:
    free = plan.runs[0]
    alone = run_scenario(free.scenario, tmp_path / "alone.db", sandbox="none")
    assert digests(complete[0])[free.stem] == alone["digest"]
    assert free.scenario == load_scenario(None, [*SMALL, "name=free"])


def test_records_equal_the_run_files(complete: tuple[Path, Result], plan: AblationPlan) -> None:
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
        assert record.autonomy[-1][0] == pytest.approx(12)
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


def test_limits_may_change_between_starts(aarlab: Aarlab, file: Path, copy: Path) -> None:
    assert aarlab(*arguments(file, copy, "--set", "budget_usd=3", "--set", "retries=0")).exit_code == 0
    assert load_ablation(copy / "ablation.yaml").ablation.budget_usd == 3


@pytest.mark.parametrize("damage", ["not a database", "cut short", "another run"])
def test_a_damaged_run_file_is_refused_and_kept(aarlab: Aarlab, file: Path, copy: Path, damage: str) -> None:
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
    damaged, valid = open_ablation(copy).records
    assert valid.status == "done"
    if damage != "another run":
        assert damaged.status == "failed"
        assert "cannot be read" in str(damaged.error)


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


class InlineWorkers:
    """Executes each task in this process when it is submitted."""

    def __init__(self) -> None:
        self._messages: list[RunProgress] = []

    def has_capacity(self) -> bool:
        """Return whether the messages of the last task were polled."""
        return not self._messages

    def submit(self, task: RunTask) -> None:
        """Execute the task."""
        execute_task(task, self._messages.append)

    def poll(self, timeout_s: float) -> list[RunProgress]:
        """Return the messages of the last task."""
        messages, self._messages = self._messages, []
        return messages

    def close(self) -> None:
        """Do nothing: there are no processes."""


class RecordingObserver:
    """Records how runs end."""

    def __init__(self) -> None:
        self.endings: list[tuple[str, bool]] = []
        self.resumed_runs = 0

    def run_started(self, run: PlannedRun, *, resumed: bool) -> None:
        """Count resumed runs."""
        self.resumed_runs += resumed

    def run_progressed(self, run: PlannedRun, progress: RunProgress, *, will_retry: bool) -> None:
        """Record an end."""
        if progress.kind != "progress":
            self.endings.append((progress.kind, will_retry))


class Costly:
    """A base model with replies that cost 0.25 dollars. It fails after the third."""

    def __init__(self) -> None:
        self.replies = 0

    async def reply(self, request: Request) -> Reply:
        """Reply, three times."""
        from aarlab.agents.models.simulated.simulated_researcher import SimulatedResearcher

        self.replies += 1
        if self.replies > 3:
            raise ModelError("the model is overloaded")
        reply = await SimulatedResearcher(1, "r1").reply(request)
        return Reply(reply.message, reply.stop_reason, reply.usage, reply.model, 0.25)


@pytest.fixture
def costly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register it as `test/costly`."""

    def opened(seed: int, agent: str, temperament: str) -> Model:
        return Costly()

    info = registry.ModelInfo("test/costly", "costs", "nothing", opened)
    monkeypatch.setattr(registry, "MODELS", {**registry.MODELS, info.name: info})


ALONE = "arms={only: {team.researchers: 1}}"
"""A single researcher, so that the number of calls per attempt is fixed."""


def execute_in_process(
    file: Path, out: Path, *settings: str
) -> tuple[ExecutionResult, list[tuple[str, bool]], AblationFolder]:
    """Execute an ablation in this process, and return its result, the ends of its runs, and its folder."""
    plan = load_ablation(file, [*SMALL, "team.model=test/costly", *settings])
    folder, observer = AblationFolder(out), RecordingObserver()
    folder.prepare(plan)
    monitor = SpendingMonitor(plan.ablation, plan.runs, folder)
    retries = plan.ablation.retries
    options = ExecutionOptions(sandbox="none")
    result = execute(plan.runs, folder, InlineWorkers(), monitor, observer, options, retries=retries)
    return result, observer.endings, folder


@pytest.mark.usefixtures("costly")
def test_a_failed_run_is_retried_and_then_reported(file: Path, tmp_path: Path) -> None:
    result, endings, folder = execute_in_process(file, tmp_path / "out", ALONE)
    assert result == ExecutionResult("done")
    assert endings == [("failed", True), ("failed", False)]
    (record,) = open_ablation(folder.root).records
    assert (record.status, record.summary) == ("failed", {})
    assert record.error == "ModelError: the model is overloaded"
    with RunReader.open(record.path) as kept:
        assert len(list(kept.entries(ModelCall))) == 6, "the second attempt resumes the first"


@pytest.mark.usefixtures("costly")
def test_the_budget_counts_failed_attempts_of_earlier_starts(file: Path, tmp_path: Path) -> None:
    result, endings, folder = execute_in_process(file, tmp_path / "out", ALONE, "budget_usd=1.4", "retries=5")
    assert result == ExecutionResult("stopped", "budget_usd is exhausted: $1.50 of $1.40")
    assert len(endings) == 2
    second, endings, _ = execute_in_process(file, folder.root, ALONE, "budget_usd=1.5", "retries=0")
    assert (second, endings) == (ExecutionResult("stopped", "budget_usd is exhausted: $1.50 of $1.50"), [])


@pytest.mark.usefixtures("costly")
def test_a_full_disk_stops_and_keeps_finished_runs(file: Path, copy: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        (copy / "ablation.yaml").unlink()
        result, endings, _ = execute_in_process(file, copy)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert endings == [("disk full", False)]
    assert result.status == "disk full"
    assert f"{copy} cannot be written to" in str(result.reason)
    assert len(digests(copy)) == 2


def test_a_dry_run_estimates_the_cost(aarlab: Aarlab, file: Path, copy: Path) -> None:
    live = ("--dry-run", "--set", "team.model=anthropic/claude-haiku-4-5", "--set", "budget_usd=5")
    output = " ".join(aarlab(*arguments(file, copy.parent / "live", *live)).stdout.split())
    assert "if earlier messages are read from the provider's cache" in output
    assert "at most $5 for all runs together" in output
    low, high = json.loads(aarlab(*arguments(file, copy.parent / "live", *live, "--json")).stdout)["cost_usd"]
    waiting = load_ablation(file, [*SMALL, *live[2::2]])
    each = {arm.name: estimate_cost(arm.scenario) for arm in waiting.arms}
    assert low == pytest.approx(sum(each[run.arm].low.usd or 0.0 for run in waiting.runs))
    assert high == pytest.approx(sum(each[run.arm].high.usd or 0.0 for run in waiting.runs))
    assert 0 < low < high
    unknown = aarlab(*arguments(file, copy.parent / "live", "--dry-run", "--set", "team.model=openai/of-my-own"))
    assert "no price is known: openai/of-my-own" in " ".join(unknown.stdout.split())


@pytest.mark.usefixtures("costly")
def test_costs_are_forecast_from_finished_runs_of_the_arm(file: Path) -> None:
    plan = load_ablation(file, [*SMALL, "seeds=3", "arms.staged.team.model=test/costly"])
    forecast, waiting = Forecast(plan.runs), whole_runs(plan.runs)
    free, staged = plan.runs[:2]
    assert (forecast.run_cost(free), forecast.run_cost(staged), forecast.cost(waiting)) == ((0.0, 0.0), None, None)
    forecast.observe(staged, {"cost_usd": 2.0, "wall_clock_s": 30.0})
    forecast.observe(staged, {"cost_usd": 1.0, "wall_clock_s": 50.0})
    assert forecast.cost([*waiting[2:], (staged, 0.5)]) == (3.75, 3.75)
    assert forecast.seconds([(staged, 0.5), (free, 1.0)], jobs=2) == 30.0


@pytest.mark.long
def test_results_are_the_same_after_kills_at_any_point(
    file: Path, complete: tuple[Path, Result], tmp_path: Path
) -> None:
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

    # At the start of a run, in the middle, and while its file is moved to runs/.
    for reached in (
        lambda: any(drafts.glob("*.db")),
        has_findings,
        lambda: any(done.glob("*")),
    ):
        with started(file, out, "--jobs", "1") as running:
            until(reached, running)
            running.send_signal(signal.SIGKILL)
        assert digests(out).items() <= digests(complete[0]).items()
    with started(file, out, "--jobs", "1") as running:
        until(lambda: bool(workers_of(running)), running)
        os.kill(workers_of(running)[0], signal.SIGKILL)
        _, stderr = running.communicate(timeout=240)
    assert running.returncode == 0, stderr
    assert "failed and will be retried: its process ended early (signal 9)" in stderr
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
        stdout, stderr = running.communicate(timeout=60)
    assert running.returncode == 3, stderr
    assert "0 of 2 runs are finished" in stdout
    assert f"aarlab ablate {file} " in stdout
    assert sorted(record.status for record in open_ablation(tmp_path / "pair").records) == ["missing", "stopped"]


def test_the_example_of_the_page_runs(
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


def test_a_folder_without_an_ablation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        open_ablation(tmp_path)
