"""Ablation files: the runs that they plan, and the errors of invalid files."""

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from click.testing import Result
from hypothesis import given, settings
from hypothesis import strategies as st

from aarlab.ablation.ablation_file import load_ablation, plan_of
from aarlab.ablation.ablation_plan import CONTROL, Ablation, AblationPlan
from aarlab.ablation.ablation_schema import ablation_schema
from aarlab.ablation.advance_checks import evidence_note
from aarlab.ablation.execution_options import Shard
from aarlab.config import ConfigError
from aarlab.config.scenario_files import shipped_ablations, shipped_studies
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.structure import PRESETS, Structure

TWO = """
    name: two
    scenario: {budget: {hours: 8}}
    arms:
      free: {}
      staged: {structure: staged, structure.review: gate}
    seeds: 3
"""


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AblationPlan]:
    """Return the plan of a file of this content, called `my.yaml`."""
    monkeypatch.chdir(tmp_path)

    def plan(text: str, *overrides: str) -> AblationPlan:
        Path("my.yaml").write_text(dedent(text).lstrip("\n"))
        return load_ablation("my.yaml", overrides)

    return plan


@pytest.fixture
def fault_text(plan: Callable[..., AblationPlan]) -> Callable[..., str]:
    """Return the error message for a file of this content."""

    def fault_text(text: str, *overrides: str) -> str:
        with pytest.raises(ConfigError) as raised:
            plan(text, *overrides)
        return str(raised.value)

    return fault_text


def test_runs_are_ordered_by_seed_with_the_control_last(plan: Callable[..., AblationPlan]) -> None:
    runs = plan(TWO).runs
    assert [(run.arm, run.seed) for run in runs[:4]] == [("free", 1), ("staged", 1), (CONTROL, 1), ("free", 2)]
    assert len(runs) == 9
    staged = runs[1].scenario
    assert (staged.structure.workflow, staged.structure.review, staged.budget.hours) == ("staged", "gate", 8)


def test_the_control_is_the_first_arm_with_random_search(plan: Callable[..., AblationPlan]) -> None:
    first, _, control = plan(TWO).arms
    team = first.scenario.team.model_copy(update={"model": "simulated/random-pilots"})
    assert control.scenario == first.scenario.model_copy(update={"team": team, "name": "random-search"})
    assert [arm.name for arm in plan(TWO, "controls=false").arms] == ["free", "staged"]
    already = plan("name: x\narms: {learns: {}, draws: {team.model: simulated/random-pilots}}")
    assert [arm.name for arm in already.arms] == ["learns", "draws"]


def test_a_grid_multiplies_named_arms(plan: Callable[..., AblationPlan]) -> None:
    grid = "name: x\ncontrols: false\ngrid: {structure.directions: [none, pool], team.researchers: [2, 3]}\n"
    names = [arm.name for arm in plan(grid).arms]
    assert names == [f"directions={d}, researchers={n}" for d in ("none", "pool") for n in (2, 3)]
    both = plan(f"{grid}arms: {{free: {{}}, staged: {{structure: staged}}}}")
    assert [arm.name for arm in both.arms] == [f"{arm}, {point}" for arm in ("free", "staged") for point in names]
    last = both.arms[-1].scenario
    assert (last.structure.workflow, last.structure.directions, last.team.researchers) == ("staged", "pool", 3)


def test_overrides_reach_ablation_arms_grid_and_scenario(plan: Callable[..., AblationPlan]) -> None:
    changed = plan(
        TWO, "seeds=[5, 2]", "arms.free.structure.review=advisory", "arms.new={costs.full: 1}", "budget.hours=4",
        "grid.task=[chat, math]", "scenario.team.researchers=2", "name=other",
    )  # fmt: skip
    assert changed.ablation.name == "other"
    assert [run.seed for run in changed.runs[:: len(changed.arms)]] == [2, 5]
    free, new = changed.arms[0].scenario, changed.arms[4].scenario
    assert (free.structure.review, free.budget.hours, free.team.researchers) == ("advisory", 4, 2)
    assert (changed.arms[4].name, new.costs.full) == ("new, task=chat", 1)


def test_a_scenario_is_found_by_name_or_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "ablations"
    folder.mkdir()
    (folder / "base.yaml").write_text("name: base\nseed: 77\nbudget: {hours: 6}\n")
    (folder / "mine.yaml").write_text("name: mine\nscenario: base.yaml\narms: {a: {}}\nseeds: 2\n")
    monkeypatch.chdir(tmp_path)
    runs = load_ablation("ablations/mine.yaml").runs
    assert {(run.scenario.budget.hours, run.seed) for run in runs} == {(6, 1), (6, 2)}
    named = load_ablation("ablations/mine.yaml", ["scenario=quickstart"])
    assert {run.scenario.budget.hours for run in named.runs} == {16}


def test_the_id_of_a_run_depends_only_on_its_configuration(plan: Callable[..., AblationPlan]) -> None:
    def stems(*overrides: str) -> set[str]:
        return {run.stem for run in plan(TWO, *overrides).runs}

    assert len(stems()) == 9
    assert stems() < stems("seeds=4", "arms.more.structure=scripted", "measures=[entropy_bits]", "question=Why?")
    assert not stems() & stems("budget.hours=4")


@settings(max_examples=25)
@given(shards=st.integers(1, 12), seeds=st.integers(1, 9))
def test_shards_partition_the_runs(shards: int, seeds: int) -> None:
    plan = plan_of(Ablation(name="x", arms={"a": {}, "b": {"structure": "staged"}}, seeds=seeds))
    parts = [plan.runs_of(Shard(i + 1, shards)) for i in range(shards)]
    assert sorted(run.stem for part in parts for run in part) == sorted(run.stem for run in plan.runs)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("name", [name for name in shipped_ablations() if name not in shipped_studies()])
def test_shipped_ablations_have_equal_compute(name: str) -> None:
    plan = load_ablation(name)
    assert plan.ablation.name == name
    assert plan.ablation.question.endswith("?")
    assert len({arm.scenario.budget.hours * arm.scenario.team.researchers for arm in plan.arms}) == 1
    if plan.ablation.controls:
        assert len({arm.scenario.scoring.heldout_worlds for arm in plan.arms}) == 1
        assert {"simulated/random-pilots"} < {arm.scenario.team.model for arm in plan.arms}


@pytest.mark.parametrize("name", shipped_studies())
def test_studies_name_their_source_and_what_differs(name: str) -> None:
    plan = load_ablation(name)
    study = plan.ablation
    assert name == f"studies/{study.name}"
    assert study.question.endswith("?")
    assert study.source
    assert study.published
    assert study.same
    assert study.differs
    assert evidence_note(plan) is not None
    live = load_ablation(name, ["team.model=openai/my-own", "team.librarian=openai/my-own"])
    assert {model for arm in live.arms for model in arm.scenario.models_used} == {"openai/my-own"}
    assert evidence_note(live) is None


def test_a_published_comparison_is_a_planned_one(plan: Callable[..., AblationPlan]) -> None:
    with pytest.raises(ConfigError, match="no planned comparison"):
        plan(TWO, 'published=[{comparison: [free, staged], sign: "+", figure: none}]')


def test_shipped_ablations_cover_presets_and_dials() -> None:
    autonomy, architectures = ([arm.name for arm in load_ablation(n).arms] for n in ("autonomy", "architectures"))
    assert [*(name for name in autonomy if name != CONTROL), *architectures][: len(PRESETS)] == list(PRESETS)
    free, *others = [arm.scenario.structure for arm in load_ablation("dials").arms[:-1]]
    changed = [{dial for dial in PRESETS["autonomous"] if getattr(arm, dial) != getattr(free, dial)} for arm in others]
    # A lead alone sees all findings only without sharing.
    assert all(len(dials - ({"sharing"} if "coordination" in dials else set())) == 1 for dials in changed)
    assert set().union(*changed) == set(PRESETS["autonomous"])


def test_the_shipped_schema_is_current() -> None:
    shipped = shipped_ablations()["autonomy"].parent / "schema.json"
    assert json.loads(shipped.read_text()) == ablation_schema(), (
        "python -m aarlab.ablation.ablation_schema > schema.json"
    )


def test_the_schema_has_every_field_of_an_arm() -> None:
    fields = ablation_schema()["$defs"]["Settings"]["properties"]
    assert {
        "structure",
        "structure.review",
        "task.name",
        "budget.hours",
        "scoring.full_experiment_cap",
        "team.model",
    } <= fields.keys()
    assert not {"seed", "name"} & fields.keys()


def test_an_ablation_in_python_equals_its_file(plan: Callable[..., AblationPlan]) -> None:
    ablation = Ablation(
        name="two", scenario=Scenario.model_validate({"budget": {"hours": 8}, "seed": 9}).model_dump(exclude_unset=True,
        exclude={"seed"}), arms={"free": {}, "staged": {"structure": "staged", "structure.review": "gate"}}, seeds=3,
    )  # fmt: skip
    assert [run.stem for run in plan_of(ablation).runs] == [run.stem for run in plan(TWO).runs]
    from_scenario = Ablation(name="two", scenario=Scenario.model_validate({"budget": {"hours": 8}, "seed": 9}),
                             arms=ablation.arms, seeds=3)  # type: ignore[arg-type]  # fmt: skip
    assert plan_of(from_scenario) == plan_of(ablation)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "name: x\narms:\n  a: {}\n  b:\n    structure.revew: gate\n",
            f"""
            my.yaml:5: structure.revew (arm b)
              problem   unknown key
              expected  {", ".join(Structure.model_fields)}
              fix       did you mean review?
            """,
        ),
        (
            "name: x\narms:\n  a: {}\n  b:\n    structure.sharing: none\n    structure.topology: ring\n",
            """
            my.yaml:5, my.yaml:6: structure (arm b)
              problem   sharing none and topology ring contradict each other: no findings are shared
            """,
        ),
        (
            "name: x\nscenario:\n  budget: {hours: 0}\narms: {a: {}, b: {structure: staged}}\n",
            """
            my.yaml:3: budget.hours
              problem   invalid value 0
              expected  a number greater than 0 (Research hours of each researcher.)
            """,
        ),
        (
            "name: x\narms: {a: {budget: {hours: 3}, budget.hours: 4}}\ncontrols: false\n",
            """
            my.yaml:2: budget.hours (arm a)
              problem   it contradicts my.yaml:2
              expected  either the whole section or its fields
            """,
        ),
        (
            "name: x\narms:\n  a: {}\n  b: {seed: 4}\n",
            """
            my.yaml:4: arms.b.seed
              problem   an arm cannot set this field
              expected  `seeds` of the ablation: all arms run under the same seeds
            """,
        ),
        (
            "name: x\nscenario: {seed: 4}\narms: {a: {}}\n",
            """
            my.yaml:2: scenario.seed
              problem   the ablation sets this field for each run
              expected  `seeds` of the ablation
            """,
        ),
        (
            "name: x\narms: {a: {}}\nseeds: [1, 2, 1]\n",
            """
            my.yaml:3: seeds
              problem   1 occurs more than once
              expected  at least one seed, each once
            """,
        ),
        (
            "name: x\narms: {a: {}, b: {structure: staged}}\ncomparisons: [[b, zz]]\n",
            """
            my.yaml:3: comparisons
              problem   unknown arm 'zz'
              expected  a, b, random search
            """,
        ),
        (
            "name: x\n",
            """
            my.yaml
              problem   no arms
              expected  `arms` with the settings of each by name, a `grid`, or both
            """,
        ),
        (
            "name: x\narms: {a b: {}, a-b: {structure: staged}}\n",
            """
            my.yaml:2
              problem   the arms 'a b' and 'a-b' have the same file name
              expected  names that differ in letters or digits
            """,
        ),
        (
            "name: x\narms: {a: {}, random search: {structure: staged}}\n",
            """
            my.yaml:2: arms.random search
              problem   this name is reserved for the control arm
              expected  another name, or `controls: false`
            """,
        ),
        (
            "name: x\ngrid: {team.researchers: [3, 3]}\n",
            """
            my.yaml:2: grid.team.researchers
              problem   a value is repeated
              expected  a list of different values
            """,
        ),
        (
            "name: x\narms: {a: {team.researchers: 3}}\ngrid: {team.researchers: [3, 4]}\n",
            """
            my.yaml:2: arms.a.team.researchers
              problem   grid.team.researchers sets this field, too (my.yaml:3)
              expected  each field either in arms or in the grid
            """,
        ),
        (
            "name: x\narms: {a: {structure.workflow: stagd}, b: {}}\nseeds: [1, 1]\ncomparisons: [[b, z]]\n"
            "sensitivity: {grid: {costs.pilot: []}}\n",
            """
            my.yaml:3: seeds
              problem   1 occurs more than once
              expected  at least one seed, each once

            my.yaml:2: structure.workflow (arm a and 1 more)
              problem   invalid value 'stagd'
              expected  one of autonomous, suggested, staged (Whether researchers choose their next steps (autonomous, or suggested: with a suggested order) or follow fixed stages (staged).)
              fix       did you mean staged?

            my.yaml:5: sensitivity.grid.costs.pilot
              problem   the list is empty
              expected  a list of different values

            my.yaml:4: comparisons
              problem   unknown arm 'z'
              expected  a, b, random search
            """,  # noqa: E501
        ),
        (
            "name: x\narms: {a: {}}\nseeds: [1, x]\n",
            """
            my.yaml:3: seeds
              problem   invalid value [1, 'x']
              expected  a whole number of 1 or more and at most 100000 or a list, each item a whole number of 0 or more and less than 9223372036854775808 (Number of seeds (5 means 1 to 5), or a list of seeds. All arms run under the same seeds.)
            """,  # noqa: E501
        ),
        (
            "name: x\narms: {a: {}}\nsedes: 3\nseeds: three\n",
            """
            my.yaml:3: sedes
              problem   unknown key
              expected  name, question, source, published, same, differs, scenario, fork_from, arms, grid, tasks, seeds, seeds_from, sensitivity, looks, earlier_seeds, margin, measures, comparisons, controls, budget_usd, budget_tokens, retries
              fix       did you mean seeds?

            my.yaml:4: seeds
              problem   invalid value 'three'
              expected  a whole number of 1 or more and at most 100000 or a list, each item a whole number of 0 or more and less than 9223372036854775808 (Number of seeds (5 means 1 to 5), or a list of seeds. All arms run under the same seeds.)
            """,  # noqa: E501
        ),
        (
            "arms: {a: 3}\n",
            """
            my.yaml: name
              problem   missing
              expected  a string that matches ^[A-Za-z0-9][A-Za-z0-9._-]*$ (Name of the ablation and of its default folder.)

            my.yaml:1: arms.a
              problem   invalid value 3
              expected  a section in which each key has a value
            """,  # noqa: E501
        ),
    ],
)
def test_faults_have_a_location_and_an_arm(fault_text: Callable[..., str], text: str, expected: str) -> None:
    assert fault_text(text) == dedent(expected).strip("\n")


def test_a_topology_that_is_invalid_under_one_seed_is_refused(plan: Callable[..., AblationPlan]) -> None:
    drawn = "{topology: networkx, topology_parameters: {generator: random_lobster_graph, p1: 0.2, p2: 0.2}}"
    settings = (f"arms.free.structure={drawn}", "team.researchers=2")
    assert len(plan(TWO, *settings, "seeds=[11]").runs) == 3
    with pytest.raises(ConfigError, match=r"topology networkx has \d nodes and team\.researchers is 2"):
        plan(TWO, *settings, "seeds=[11, 1]")


def test_a_faulty_override_is_named(fault_text: Callable[..., str]) -> None:
    expected = fault_text(TWO, "arms.free.structure.review=gat", "measures=[heldout.prg]").split("\n\n")
    assert expected[0].startswith("--set measures=[heldout.prg]: measures\n  problem   unknown measure 'heldout.prg'\n")
    assert expected[0].endswith("did you mean heldout.pgr?")
    assert expected[1].startswith("--set arms.free.structure.review=gat: structure.review (arm free and 1 more)\n")


def test_a_dry_run_shows_the_arms_and_writes_nothing(aarlab: Callable[..., Result], tmp_path: Path) -> None:
    output = aarlab("ablate", "reviewer", "--dry-run", "--set", "seeds=4").stdout
    assert "8 arms x 3 tasks x 4 seeds = 96 runs, 0 done" in " ".join(output.split())
    assert "structure.review: gate, team.reviewer: simulated/reviewer-bad" in output
    assert "50 research hours of the team in each run" in output
    expected = json.loads(aarlab("ablate", "diversity", "--dry-run", "--json", "--no-sensitivity").stdout)
    assert (expected["status"], expected["runs"]["in_this_shard"], expected["cost_usd"]) == ("planned", 420, [0.0, 0.0])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (["looks=[10, 20]", "seeds=15"], "15 seeds are no planned look"),
        (["looks=[20, 10]", "seeds=10"], "is not ascending"),
        (["looks=[10, 10]", "seeds=10"], "is not ascending"),
        (["looks=[1, 10]", "seeds=10"], "looks"),
        (["margin=0"], "margin"),
    ],
)
def test_faulty_looks_and_margins_are_refused(
    plan: Callable[..., AblationPlan], overrides: list[str], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        plan(TWO, *overrides)
    assert plan(TWO, "looks=[10, 20]", "seeds=20").ablation.looks == [10, 20]


def test_validate_accepts_ablations(aarlab: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text(dedent(TWO))
    assert "Valid: 3 arms, 9 runs." in aarlab("validate", "my.yaml").stdout
    expected = json.loads(aarlab("validate", "dials", "--json", "--set", "budget.hours=2").stdout)
    assert expected["arms"]["review gate"]["structure"]["review"] == "gate"
    assert expected["arms"]["autonomous"]["budget"]["hours"] == 2
    assert aarlab("validate", "my.yaml", "--set", "seeds=0").exit_code == 2


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), 4),
        (("seeds=2",), 2),
        (("seeds=9",), 4),
        (("seeds=2", "sensitivity.seeds=3"), 3),
        (("seeds=[7]",), 4),
    ],
)
def test_fewer_seeds_apply_to_sensitivity_too(
    plan: Callable[..., AblationPlan], overrides: tuple[str, ...], expected: int
) -> None:
    text = TWO + "    sensitivity: {grid: {costs.pilot: [1.0]}, seeds: 4}\n"
    (setting,) = plan(text, *overrides).settings
    assert len({run.seed for run in setting.runs}) == expected
