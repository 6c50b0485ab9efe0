"""Tasks as a factor of an ablation, and sensitivity settings: the planned runs and the faults of invalid files."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from aarlab.ablation.ablation_file import load_ablation
from aarlab.ablation.ablation_folder import AblationFolder
from aarlab.ablation.ablation_plan import CONTROL, AblationPlan
from aarlab.ablation.execution_options import Shard
from aarlab.config import ConfigError

TASK_FILE = (Path(__file__).parents[2] / "docs/example-task/aarlab_halfspace.py").read_text()
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
