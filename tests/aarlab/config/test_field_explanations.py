"""Scenario fields and values of dials are explained by the commands and by the schema; wrong files are recognised."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from click.testing import Result
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from aarlab.ablation.ablation_plan import Ablation
from aarlab.config.field_text import explained_fields
from aarlab.config.scenario_files import ABLATION_FIELDS, load_scenario, shipped_scenarios
from aarlab.config.scenario_schema import scenario_schema
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.structure import DIALS

Aarlab = Callable[..., Result]


def test_the_explanation_is_the_scenario_with_comments() -> None:
    scenario = load_scenario(None, ["structure=scripted", "team.models={r1: human/terminal}"])
    text = explained_fields(scenario)
    assert YAML(typ="safe", pure=True).load(StringIO(text)) == scenario.model_dump(mode="json")
    assert max(map(len, text.splitlines())) <= 80
    lines = text.splitlines()
    assert lines[lines.index("  review: gate") - 1].endswith(
        "gate: a reviewer comments, and every full run needs its approval"
    )
    assert "# Research hours of each researcher." in text


def test_every_value_of_every_dial_is_explained(aarlab: Aarlab) -> None:
    pages = [aarlab(*command).stdout for command in (("structure", "--dials"), ("validate", "--explain"))]
    for page in (" ".join(page.replace("#", "").split()) for page in pages):
        for dial in DIALS:
            missing = [value for value, meaning in dial.values.items() if " ".join(meaning.split()) not in page]
            assert missing == [], dial.name
    output = json.loads(aarlab("structure", "--dials", "--json").stdout)["dials"]
    assert output["review"]["values"]["none"] == "no reviewer"
    assert "aarlab structure --dials" in aarlab("structure").stdout
    assert "add --explain" in aarlab("validate").stdout
    assert aarlab("structure", "staged", "--dials").exit_code == 2


def test_the_shipped_scenario_schema_is_current() -> None:
    shipped = shipped_scenarios()["quickstart"].parent / "schema.json"
    assert json.loads(shipped.read_text()) == scenario_schema(), (
        "python -m aarlab.config.scenario_schema > scenarios/schema.json"
    )


@pytest.mark.parametrize("name", shipped_scenarios())
def test_shipped_scenarios_fit_their_schema(name: str) -> None:
    path = shipped_scenarios()[name]
    validator = Draft202012Validator(scenario_schema())
    assert list(validator.iter_errors(YAML(typ="safe", pure=True).load(path))) == []
    assert path.read_text().startswith("# yaml-language-server: $schema=schema.json\n")


@pytest.mark.parametrize("wrong", ["budget: {hours: -1}", "structure: stagd", "structure: {review: gat}", "tem: {}"])
def test_the_schema_refuses_what_a_run_refuses(wrong: str) -> None:
    assert list(Draft202012Validator(scenario_schema()).iter_errors(YAML(typ="safe", pure=True).load(wrong)))


def test_the_schema_explains_every_field_and_value() -> None:
    schema = scenario_schema()
    structure = schema["$defs"]["Structure"]["properties"]
    for dial in DIALS:
        assert structure[dial.name]["enum"] == list(dial.values)
        assert structure[dial.name]["enumDescriptions"] == list(dial.values.values())
    for name in ("TeamConfig", "Budget", "StepCosts", "Scoring", "LiveSettings"):
        assert all("description" in field for field in schema["$defs"][name]["properties"].values()), name


def test_fields_that_mark_an_ablation_are_its_own() -> None:
    assert Ablation.model_fields.keys() >= ABLATION_FIELDS
    assert not Scenario.model_fields.keys() & ABLATION_FIELDS


@pytest.mark.parametrize(
    ("command", "file", "problem", "fix"),
    [
        ("run", "autonomy", "it is an ablation", "aarlab ablate autonomy"),
        ("run", "arms.yaml", "it is an ablation", "aarlab ablate arms.yaml"),
        ("prompts", "arms.yaml", "it is an ablation", "aarlab ablate arms.yaml"),
        ("ablate", "small", "it is a scenario", "aarlab run small"),
        ("ablate", "team.yaml", "it is a scenario", "aarlab run team.yaml"),
        ("ablate", "folder", "it is a folder", "aarlab ablate folder/ablation.yaml --out folder"),
        ("run", "run.db", "it is a run file", "aarlab show run.db"),
        ("ablate", "run.db", "it is a run file", "aarlab show run.db"),
        ("validate", "run.db", "it is a run file", "aarlab show run.db"),
    ],
)
def test_a_file_of_another_kind_is_recognised(
    aarlab: Aarlab, tmp_path: Path, command: str, file: str, problem: str, fix: str
) -> None:
    (tmp_path / "arms.yaml").write_text("name: x\narms: {a: {}, b: {structure: staged}}\n")
    (tmp_path / "team.yaml").write_text("team: {researchers: 2}\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "ablation.yaml").write_text("name: x\narms: {a: {}}\n")
    (tmp_path / "run.db").write_bytes(b"SQLite format 3\0" + bytes(100))
    before = sorted(tmp_path.rglob("*"))
    done = aarlab(command, file)
    assert done.exit_code == 2
    assert f"{file}\n  problem   {problem}\n" in done.stderr
    assert f"  fix       {fix}" in done.stderr.replace("to continue this ablation: ", "")
    assert sorted(tmp_path.rglob("*")) == before
