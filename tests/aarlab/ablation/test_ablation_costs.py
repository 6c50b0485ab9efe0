"""Retries, budgets, full disks and forecasts of ablations with runs that cost money."""

import json
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from small_ablations import SMALL, arguments, digests

from aarlab.ablation.ablation_file import load_ablation
from aarlab.ablation.ablation_folder import AblationFolder
from aarlab.ablation.ablation_plan import PlannedRun
from aarlab.ablation.execution_options import ExecutionOptions
from aarlab.ablation.forecast import Forecast, whole_runs
from aarlab.ablation.records import open_ablation
from aarlab.ablation.run_task import RunProgress, RunTask, execute_task
from aarlab.ablation.scheduler import ExecutionResult, execute
from aarlab.ablation.spending import Spending, spending_in
from aarlab.ablation.spending_monitor import SpendingMonitor
from aarlab.agents.models import registry
from aarlab.agents.models.base import Model, ModelError, Reply, Request
from aarlab.agents.models.pricing import FREE
from aarlab.graph.run.cost_estimate import estimate_cost
from aarlab.memory.events import ModelCall
from aarlab.memory.run_reader import RunReader

Aarlab = Callable[..., Result]


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
    """Register it as `test/costly`, and with a price as `test/priced`."""

    def opened(seed: int, agent: str, temperament: str) -> Model:
        return Costly()

    costly = registry.ModelInfo("test/costly", "costs", "nothing", opened)
    priced = registry.ModelInfo("test/priced", "costs", "nothing", opened, FREE)
    monkeypatch.setattr(registry, "MODELS", {**registry.MODELS, costly.name: costly, priced.name: priced})


ALONE = "arms={only: {team.researchers: 1, budget.hours: 6}}"
"""A single researcher, so that the number of calls per attempt is fixed."""


def execute_in_process(
    file: Path, out: Path, *settings: str
) -> tuple[ExecutionResult, list[tuple[str, bool]], AblationFolder]:
    """Execute an ablation in this process, and return its result, the ends of its runs, and its folder."""
    model = [] if any("team.model=" in setting for setting in settings) else ["team.model=test/costly"]
    plan = load_ablation(file, [*SMALL, *model, *settings])
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
    result, endings, folder = execute_in_process(
        file, tmp_path / "out", ALONE, "team.model=test/priced", "budget_usd=1.4", "retries=5"
    )
    assert result == ExecutionResult("stopped", "budget_usd is exhausted: $1.50 of $1.40")
    assert len(endings) == 2
    second, endings, _ = execute_in_process(
        file, folder.root, ALONE, "team.model=test/priced", "budget_usd=1.5", "retries=0"
    )
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


def test_a_full_disk_of_an_ablation_gives_status_3(aarlab: Aarlab, file: Path, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (80_000, before[1]))
    try:
        done = aarlab(*arguments(file, tmp_path / "full", "--json", "--jobs", "1", "--no-cache"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    output = json.loads(done.stdout)
    assert (done.exit_code, output["status"]) == (3, "stopped"), done.stderr
    assert "full cannot be written to: " in output["reason"]


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


def test_the_spending_of_a_damaged_file_is_unknown_and_not_zero(file: Path, tmp_path: Path) -> None:
    plan, folder = load_ablation(file, ["budget_usd=1"]), AblationFolder(tmp_path / "out")
    folder.prepare(plan)
    draft = folder.draft(plan.runs[0])
    draft.write_bytes(b"")
    assert spending_in(draft) == Spending()  # its process was killed before it called a model
    draft.write_text("these are notes, and not a run file\n" * 30)
    assert spending_in(draft) == Spending(None)
    reason = SpendingMonitor(plan.ablation, plan.runs, folder).exceeded_limit({})
    assert "cannot be read" in str(reason)
    assert draft.name in str(reason)
    draft.unlink()
    assert spending_in(draft) == Spending()  # another process has moved it
