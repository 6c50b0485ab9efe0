"""Tests of the faults of scenarios: location, problem, expected value and fix."""

from pathlib import Path
from textwrap import dedent

import pytest

from aarlab.agents.models.registry import model_names
from aarlab.config import ConfigError
from aarlab.config.scenario_files import load_scenario
from aarlab.graph.calls.budget import Budget

BUDGET_FIELDS = ", ".join(Budget.model_fields)


def complaint(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: tuple[str, ...] = ()) -> str:
    """Return the faults of a file `my.yaml` with this content."""
    monkeypatch.chdir(tmp_path)
    Path("my.yaml").write_text(dedent(text).lstrip("\n"))
    with pytest.raises(ConfigError) as raised:
        load_scenario("my.yaml", overrides)
    return str(raised.value)


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (
            "budget:\n  hours: -1\n",
            """
            my.yaml:2: budget.hours
              problem   invalid value -1
              expected  a number greater than 0 (Research hours of each researcher.)
            """,
        ),
        (
            "seed: 3\nbudget:\n  huors: 3\n",
            f"""
            my.yaml:3: budget.huors
              problem   unknown key
              expected  {BUDGET_FIELDS}
              fix       did you mean hours?
            """,
        ),
        (
            'team:\n  researchers: "9"\n',
            """
            my.yaml:2: team.researchers
              problem   invalid value '9'
              expected  a whole number of 1 or more and at most 10000 (Number of researchers.)
            """,
        ),
        (
            "team: {researchers: true}\n",
            """
            my.yaml:1: team.researchers
              problem   invalid value true
              expected  a whole number of 1 or more and at most 10000 (Number of researchers.)
            """,
        ),
        (
            "team:\n  turnover: {every_round: 2}\n",
            """
            my.yaml:2: team.turnover.every_rounds
              problem   missing
              expected  a whole number of 1 or more (Number of rounds between replacements.)

            my.yaml:2: team.turnover.every_round
              problem   unknown key
              expected  every_rounds, members
              fix       did you mean every_rounds?
            """,
        ),
        (
            "team:\n  model: simulated/reseacher\n",
            f"""
            my.yaml:2: team.model
              problem   invalid value 'simulated/reseacher'
              expected  {", ".join(model_names())}
              fix       did you mean simulated/researcher?
            """,
        ),
        (
            "structure:\n  review: gat\n",
            """
            my.yaml:2: structure.review
              problem   invalid value 'gat'
              expected  one of none, advisory, gate (No review, comments on findings, or approval of full runs.)
              fix       did you mean gate?
            """,
        ),
        (
            "team:\n  turnover: 3\n",
            """
            my.yaml:2: team.turnover
              problem   invalid value 3
              expected  a section with some of the keys every_rounds, members or nothing (Researchers that leave and are replaced: `{every_rounds: 3, members: 2}` replaces two after every three rounds. The new ones have no memory, and the direction and the remaining hours of those whose places they take. Not set: none.)
            """,  # noqa: E501
        ),
        (
            "budget:\n",
            f"""
            my.yaml:1: budget
              problem   invalid value nothing
              expected  a section with some of the keys {BUDGET_FIELDS}
            """,
        ),
        (
            "budget:\n  hours: 2\n  round_hours: 4\n",
            """
            my.yaml:1: budget
              problem   round_hours (4) is longer than the whole budget, hours (2)
            """,
        ),
        (
            "seed: 1\nseed: 2\nbudget:\n  hours: 3\n  hours: 4\n",
            """
            my.yaml:2: seed
              problem   duplicate key, first in line 1
              expected  each key once

            my.yaml:5: budget.hours
              problem   duplicate key, first in line 4
              expected  each key once
            """,
        ),
        (
            "- seed\n",
            """
            my.yaml:1
              problem   a list
              expected  keys with values, such as `task: chat`
            """,
        ),
        (
            "chat\n",
            """
            my.yaml:1
              problem   a single value
              expected  keys with values, such as `task: chat`
            """,
        ),
        (
            "# nothing but a remark\n",
            """
            my.yaml
              problem   an empty file
              expected  at least one key, such as `task: chat`
            """,
        ),
        (
            "seed: 1\nbudget: {hours: 3\n",
            """
            my.yaml:3:1
              problem   not YAML: while parsing a flow mapping expected ',' or '}', but got '<stream end>'
            """,
        ),
        (
            "seed: 1\nbudget:\n\thours: 3\n",
            """
            my.yaml:3:1
              problem   not YAML: while scanning for the next token found character '\\t' that cannot start any token
            """,
        ),
    ],
)
def test_fault_has_place_problem_and_expected_value(
    text: str, faults: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert complaint(text, tmp_path, monkeypatch) == dedent(faults).strip("\n")


def test_unknown_task_lists_the_known_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = complaint("task: digitz\n", tmp_path, monkeypatch).splitlines()
    assert faults[:2] == ["my.yaml:1: task", "  problem   invalid value 'digitz'"]
    assert faults[2].startswith("  expected  chat, ")
    assert faults[3] == "  fix       did you mean digits?"


def test_unknown_task_parameter_is_located(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = complaint("task:\n  name: chat\n  parameters:\n    wheels: 4\n", tmp_path, monkeypatch)
    assert faults.startswith("my.yaml:4: task.parameters.wheels\n  problem   chat has no parameter 'wheels'; it has: ")


def test_all_faults_are_reported_in_file_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "scoring: {finalists: 0}\nnme: x\ntask: chatt\nteam: {model: x/y, researchers: 0}\nseed: -1\n"
    faults = complaint(text, tmp_path, monkeypatch, ("budget.hours=0",))
    heads = [block.splitlines()[0] for block in faults.split("\n\n")]
    assert heads == [
        "my.yaml:1: scoring.finalists",
        "my.yaml:2: nme",
        "my.yaml:3: task",
        "my.yaml:4: team.model",
        "my.yaml:4: team.researchers",
        "my.yaml:5: seed",
        "--set budget.hours=0: budget.hours",
    ]


@pytest.mark.parametrize(
    ("overrides", "faults"),
    [
        (
            ["budget.hours=-1"],
            """
            --set budget.hours=-1: budget.hours
              problem   invalid value -1
              expected  a number greater than 0 (Research hours of each researcher.)
            """,
        ),
        (
            ["budget.hours=1", "budget.round_hours=4"],
            """
            --set budget.hours=1, --set budget.round_hours=4: budget
              problem   round_hours (4) is longer than the whole budget, hours (1)
            """,
        ),
        (
            ["budget={huors: 3}"],
            f"""
            --set budget={{huors: 3}}: budget.huors
              problem   unknown key
              expected  {BUDGET_FIELDS}
              fix       did you mean hours?
            """,
        ),
        (
            ["seed=1", "seed=2"],
            """
            --set seed=2: seed
              problem   it contradicts --set seed=1
              expected  one value for a field
            """,
        ),
        (
            ["budget={hours: 3}", "budget.round_hours=1"],
            """
            --set budget.round_hours=1: budget.round_hours
              problem   it contradicts --set budget={hours: 3}
              expected  either the whole section or its fields
            """,
        ),
        (
            ["budget.hours"],
            """
            --set budget.hours
              problem   the value is missing
              expected  PATH=VALUE, such as budget.hours=12
            """,
        ),
        (
            ["seed=[1"],
            """
            --set seed=[1: seed
              problem   '[1' is not a YAML value: expected ',' or ']', but got '<stream end>'
            """,
        ),
    ],
)
def test_fault_of_an_override_names_it(overrides: list[str], faults: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_scenario(None, overrides)
    assert str(raised.value) == dedent(faults).strip("\n")


def test_override_into_a_scalar_names_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = complaint("name: mine\nbudget: 3\n", tmp_path, monkeypatch, ("budget.hours=4",))
    assert faults == "--set budget.hours=4: budget.hours\n  problem   budget is 3 (my.yaml:2) and has no fields"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("quickstrt", "no such file"),
        ("nowhere/x.yaml", "no such file"),
        (".", "it is a folder"),
        ("/dev/null", "an empty file"),
    ],
)
def test_other_files_are_refused(source: str, problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_scenario(source)
    (fault,) = raised.value.faults
    assert (fault.where, fault.problem) == (source, problem)


def test_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="the file is not UTF-8"):
        load_scenario(path)


def test_nested_and_cyclic_aliases_are_cheap(tmp_path: Path) -> None:
    bomb = "\n".join(["a0: &a0 {x: 1}", *(f"a{i}: &a{i} {{l: *a{i - 1}, r: *a{i - 1}}}" for i in range(1, 60))])
    circle = "b: &b {again: *b}"
    path = tmp_path / "x.yaml"
    path.write_text(f"{bomb}\n{circle}\n")
    with pytest.raises(ConfigError) as raised:
        load_scenario(path)
    assert len(raised.value.faults) == 61
