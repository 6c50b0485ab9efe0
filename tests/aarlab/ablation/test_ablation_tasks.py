"""Tasks as a factor of an ablation, and sensitivity settings: the planned runs and the faults of invalid files."""

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import Result

from aarlab.ablation.ablation_file import load_ablation
from aarlab.ablation.ablation_folder import AblationFolder
from aarlab.ablation.ablation_plan import CONTROL, AblationPlan
from aarlab.ablation.execution_options import Shard
from aarlab.ablation.records import open_ablation
from aarlab.config import ConfigError

SMALL = (
    "team.researchers=2", "budget.hours=4", "budget.round_hours=2", "scoring.full_worlds=2", "scoring.final_worlds=2",
    "scoring.screening_worlds=2", "scoring.finalists=1", "scoring.heldout_worlds=2", "scoring.shifted_worlds=0",
    "scoring.transfer_worlds=0", "controls=false", "seeds=1", "sensitivity.seeds=1", "sensitivity.tasks=[chat]",
    "sensitivity.grid={costs.pilot: [0.25, 1]}",
)  # fmt: skip
"""Overrides that make an ablation of two arms on two tasks with one other setting: six runs."""
TASK_FILE = (Path(__file__).parents[3] / "docs/example-task/aarlab_halfspace.py").read_text()
PAIR = """
    name: pair
    scenario: {budget: {hours: 8}}
    tasks: [chat, math]
    arms:
      free: {}
      staged: {structure: staged}
    seeds: 3
"""
SENSITIVE = (
    PAIR
    + """
    sensitivity:
      grid: {costs.pilot: [0.25, 1], budget.hours: [4, 8]}
      seeds: 2
"""
)


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AblationPlan]:
    """Return the plan of a file of this content, called `my.yaml`."""
    monkeypatch.chdir(tmp_path)

    def plan(text: str, *overrides: str) -> AblationPlan:
        Path("my.yaml").write_text(dedent(text).lstrip("\n"))
        return load_ablation("my.yaml", overrides)

    return plan


def test_every_arm_runs_on_every_task_under_every_seed(plan: Callable[..., AblationPlan]) -> None:
    planned = plan(PAIR)
    assert planned.tasks == ("chat", "math")
    first = [(run.arm, run.task, run.seed) for run in planned.runs[:7]]
    assert first == [
        *((arm, task, 1) for task in ("chat", "math") for arm in ("free", "staged", CONTROL)),
        ("free", "chat", 2),
    ]
    assert len(planned.runs) == 3 * 2 * 3
    assert {(run.task, run.scenario.task.name) for run in planned.runs} == {("chat", "chat"), ("math", "math")}
    assert planned.runs[3].stem.startswith("free-math-seed1-")
    assert planned.arms[0].settings == {}


def test_without_tasks_every_arm_runs_on_its_own(plan: Callable[..., AblationPlan]) -> None:
    planned = plan(PAIR.replace("    tasks: [chat, math]\n", ""), "task=code")
    assert planned.tasks == ("",)
    assert {run.scenario.task.name for run in planned.runs} == {"code"}
    assert planned.runs[0].stem.startswith("free-seed1-")


def test_tasks_may_be_files_and_parameters(plan: Callable[..., AblationPlan], tmp_path: Path) -> None:
    (tmp_path / "my_task.py").write_text(TASK_FILE)
    planned = plan(PAIR, "tasks=[{path: my_task.py}, chat, {name: chat, parameters: {unlabelled: 500}}]", "seeds=1")
    assert planned.tasks == ("halfspace", "chat", "chat (unlabelled=500)")
    folder = AblationFolder(tmp_path / "out")
    folder.prepare(planned)
    (tmp_path / "my_task.py").unlink()
    assert [run.stem for run in load_ablation(folder.file).runs] == [run.stem for run in planned.runs]


def test_a_task_file_outside_the_folder_is_refused(plan: Callable[..., AblationPlan], tmp_path: Path) -> None:
    (tmp_path.parent / "outside.py").write_text(TASK_FILE)
    with pytest.raises(ConfigError, match="is outside the folder of the ablation file"):
        AblationFolder(tmp_path / "out").check(plan(PAIR, "tasks=[{path: ../outside.py}, chat]"))


def test_each_setting_changes_one_field(plan: Callable[..., AblationPlan]) -> None:
    planned = plan(SENSITIVE)
    names = [setting.name for setting in planned.settings]
    assert names == ["costs.pilot=0.25", "costs.pilot=1", "budget.hours=4", "budget.hours=8"]
    changed = planned.settings[1].runs[0].scenario
    assert (changed.costs.pilot, changed.budget.hours) == (1, 8)
    # Two arms without the control, two tasks and two seeds.
    assert [len(setting.runs) for setting in planned.settings] == [8, 8, 8, 8]
    crossed = plan(SENSITIVE, "sensitivity.cross=true")
    assert [setting.name for setting in crossed.settings][:2] == [
        "costs.pilot=0.25, budget.hours=4",
        "costs.pilot=0.25, budget.hours=8",
    ]


def test_runs_at_the_values_of_the_scenario_are_not_repeated(plan: Callable[..., AblationPlan]) -> None:
    planned = plan(SENSITIVE)
    own = {run.stem for run in planned.runs}
    assert [all(run.stem in own for run in setting.runs) for setting in planned.settings] == [True, False, False, True]
    assert len(planned.sensitivity_runs) == 16
    assert len({run.stem for run in planned.sensitivity_runs}) == 16


def test_parts_and_shards_divide_the_runs(plan: Callable[..., AblationPlan]) -> None:
    planned = plan(SENSITIVE)
    both = [planned.runs_of(Shard(), "comparison"), planned.runs_of(Shard(), "sensitivity")]
    assert both == [planned.runs, planned.sensitivity_runs]
    shards = [run.stem for i in (1, 2) for run in planned.runs_of(Shard(i, 2))]
    assert sorted(shards) == sorted(run.stem for part in both for run in part)


def test_sensitivity_can_have_own_tasks_arms_and_seeds(plan: Callable[..., AblationPlan]) -> None:
    runs = plan(SENSITIVE, "sensitivity.tasks=[math]", "sensitivity.seeds=[7]", "sensitivity.grid.costs.full=[4]")
    assert {(run.task, run.seed) for run in runs.sensitivity_runs} == {("math", 7)}
    assert runs.settings[-1].name == "costs.full=4"
    with_control = plan(SENSITIVE, f"sensitivity.arms=[free, {CONTROL}]").settings[0].runs
    assert {run.arm for run in with_control} == {"free", CONTROL}


def test_fresh_seeds_start_from_a_given_one(plan: Callable[..., AblationPlan]) -> None:
    planned = plan(SENSITIVE, "seeds_from=1001")
    assert {run.seed for run in planned.runs} == {1001, 1002, 1003}
    assert {run.seed for run in planned.sensitivity_runs} == {1001, 1002}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["tasks=[chat, chatt]"], "--set tasks=[chat, chatt]: task\n  problem   invalid value 'chatt'"),
        (["tasks=[chat, chat]"], "a task is repeated"),
        (["arms.staged.task=math"], "`tasks` sets this field, too (my.yaml:3)"),
        (["sensitivity.grid.structure=[staged]"], "arms.staged.structure sets this field, too (my.yaml:6)"),
        (["sensitivity.grid.costs.pilot=[1, 1]"], "sensitivity.grid.costs.pilot\n  problem   a value is repeated"),
        (["sensitivity.grid.costs.pilot=[-1]"], "costs.pilot (setting costs.pilot=-1)\n  problem   invalid value -1"),
        (["sensitivity.tasks=[code]"], "unknown task 'code'"),
        (["sensitivity.arms=[free, stged]"], "did you mean staged?"),
        (["seeds=[1, 2]", "seeds_from=5"], "`seeds` is a list and contains its first seed"),
    ],
)
def test_invalid_tasks_and_settings_are_refused(
    plan: Callable[..., AblationPlan], overrides: list[str], expected: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        plan(SENSITIVE, *overrides)
    assert expected in str(raised.value)


def test_a_dry_run_shows_runs_and_cost_of_each_part(
    plan: Callable[..., AblationPlan], aarlab: Callable[..., Result]
) -> None:
    plan(SENSITIVE)
    lines = [line.split() for line in aarlab("ablate", "my.yaml", "--dry-run").stdout.splitlines()]
    for part in (["task", "chat", "9"], ["task", "math", "9"], ["sensitivity", "16"]):
        assert any(line[: len(part)] == part and line[-1] == "$0.00" for line in lines)
    printed = json.loads(aarlab("ablate", "my.yaml", "--dry-run", "--json", "--only-sensitivity").stdout)
    assert [(part["part"], part["runs"]) for part in printed["parts"]] == [("sensitivity", 16)]
    assert (printed["runs"]["planned"], printed["runs"]["in_this_shard"]) == (34, 16)
    fresh = aarlab("ablate", "my.yaml", "--dry-run", "--seeds-from", "1001").stdout
    assert "(seeds 1001 to 1003)" in fresh
    assert "ablations/pair-from-1001" in fresh


def test_sensitivity_options_that_contradict_are_refused(
    plan: Callable[..., AblationPlan], aarlab: Callable[..., Result]
) -> None:
    plan(PAIR)
    assert "the ablation has no `sensitivity`" in aarlab("ablate", "my.yaml", "--only-sensitivity").stderr
    both = aarlab("ablate", "my.yaml", "--only-sensitivity", "--no-sensitivity")
    assert (both.exit_code, "it contradicts --no-sensitivity" in both.stderr) == (2, True)


@pytest.mark.long
def test_parts_are_executed_apart_and_reported_together(
    plan: Callable[..., AblationPlan], aarlab: Callable[..., Result]
) -> None:
    planned = plan(SENSITIVE)
    settings = [word for setting in SMALL for word in ("--set", setting)]
    command = ["ablate", "my.yaml", "--out", "out", "--json", "--jobs", "1", *settings]
    first = aarlab(*command, "--no-sensitivity")
    assert first.exit_code == 0, first.stderr
    assert all(
        f"{arm} on {task}, seed 1: held-out" in first.stderr for arm in ("free", "staged") for task in planned.tasks
    )
    output = json.loads(first.stdout)
    assert output["runs"] == {"planned": 6, "in_this_shard": 4, "done": 4, "failed": 0, "missing_in_folder": 2}
    assert [(row["name"], row["task"]) for row in output["arms"]] == [
        ("free", "chat"), ("staged", "chat"), ("free", "math"), ("staged", "math"),
    ]  # fmt: skip
    again = json.loads(aarlab(*command).stdout)
    assert (again["runs"]["done"], again["runs"]["missing_in_folder"]) == (6, 0)
    results = open_ablation("out")
    assert [(r.arm, r.task, r.scenario["task"]["name"]) for r in results.records] == [
        ("free", "chat", "chat"), ("free", "math", "math"), ("staged", "chat", "chat"), ("staged", "math", "math"),
    ]  # fmt: skip
    unchanged, changed = results.settings
    # The setting with the values of the scenario has the runs of the comparison.
    assert [r.path for r in unchanged.records] == [r.path for r in results.records if r.task == "chat"]
    assert [r.scenario["costs"]["pilot"] for r in changed.records] == [1, 1]
    assert {r.status for r in changed.records} == {"done"}
    hours = results.records[0].summary["hours_by_kind"]
    assert sum(used for kind, used in hours.items() if kind not in ("opening", "close")) == pytest.approx(8.0, abs=2.1)
    report = json.loads(aarlab("report", "out", "--format", "csv", "--json").stdout)
    names = {Path(file).stem for file in report["files"]}
    assert {"effects_by_task", "mechanism", "hours_by_kind", "matched_spend", "sensitivity", "effect_signs"} <= names
