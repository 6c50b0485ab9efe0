"""Runs of the task nk through the whole stack: researchers, tools, evaluator, close and replay."""

import re
from pathlib import Path
from typing import Any

import pytest
from team_runs import TINY, Run, run

from aarlab.agents.models.base import ModelError
from aarlab.config.scenario_files import load_scenario
from aarlab.graph.run.prompt_preview import render_prompts
from aarlab.graph.run.replay import replay_run
from aarlab.graph.scenario import Scenario
from aarlab.memory.board import Board
from aarlab.memory.events import Evaluation, Experiment, Finding
from aarlab.memory.measures import mean_researcher_pgr
from aarlab.report import analyse, markdown, results_from
from aarlab.report.html_page import page
from aarlab.report.run_report import run_report

COSTS = {"think": 0.05, "read": 0.05, "write": 0.05, "share": 0.05, "full": 0.5}


def scenario(**fields: Any) -> Scenario:
    """Return a small scenario of the task nk."""
    nk = {"task": {"name": "nk", "parameters": {"n": 6, "k": 2}}, "costs": TINY["costs"] | COSTS}
    return Scenario.model_validate({**TINY, **nk, **fields})


@pytest.fixture(scope="module")
def local_search(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run of four local searchers on a ring."""
    path = tmp_path_factory.mktemp("nk") / "run.db"
    team = {"researchers": 4, "model": "simulated/local-search"}
    structure = {"directions": "none", "topology": "ring"}
    return run(scenario(team=team, structure=structure, budget={"hours": 12, "round_hours": 1}), path)


def test_all_scores_of_a_run_are_on_one_landscape(local_search: Run) -> None:
    evaluations = local_search.of(Evaluation)
    assert len({(score.weak_acc, score.strong_acc) for score in evaluations}) == 1
    assert {(score.worlds, score.se, score.shuffled_pgr) for score in evaluations} == {(1, None, None)}
    by_code: dict[str, set[float | None]] = {}
    for score in evaluations:
        by_code.setdefault(score.code, set()).add(score.pgr)
    assert all(len(scores) == 1 for scores in by_code.values())
    assert {score.panel for score in evaluations} == {"development", "final", "heldout"}


def test_local_search_takes_one_step_per_round(local_search: Run) -> None:
    steps = {(entry.stream, entry.round) for entry in local_search.file.entries(Experiment)}
    assert len(steps) == len(local_search.of(Experiment)) == 4 * 12


def test_local_search_posts_improvements_and_copies_better_strings(local_search: Run) -> None:
    findings: dict[str, list[float]] = {}
    for finding in local_search.of(Finding):
        findings.setdefault(finding.author, []).append(finding.pgr or 0.0)
    assert all(scores == sorted(set(scores)) for scores in findings.values())
    relations = {edge.event.relation for edge in Board(local_search.file).edges()}
    assert relations == {"replicates"}
    mean = mean_researcher_pgr(local_search.file)
    assert mean.whole >= mean.half >= mean.quarter > 0


def test_report_names_the_score_of_the_task(local_search: Run) -> None:
    analysis = analyse(results_from([local_search.file.path]))
    for text in (page(analysis), markdown(analysis), str(run_report(analysis.results.records[0]))):
        assert "elative payoff" in text
        assert not re.findall(r".{30}\bPGR\b.{30}", text)


def test_researcher_reads_the_score_name_of_the_task() -> None:
    prompts = render_prompts(load_scenario("nk", ["structure={selection: evolutionary, evaluation: open}"]))
    assert "evolutionary search on relative payoff" in prompts["r1"]
    assert "PGR" not in prompts["r1"]


def test_summary_has_the_score_name_and_no_known_method(local_search: Run) -> None:
    summary = local_search.summary
    assert (summary["score_name"], summary["references"], summary["shifted"]) == ("relative payoff", {}, None)
    assert (summary["transfer"], summary["structure_violations"]) == ({}, [])
    assert summary["heldout"]["pgr"] == summary["development_pgr"]["whole"]


def test_nk_runs_replay_from_the_tape(local_search: Run) -> None:
    assert replay_run(local_search.file.path, "live").differences == ()


def test_ordinary_researcher_works_on_nk(tmp_path: Path) -> None:
    done = run(scenario(structure="autonomous"), tmp_path / "run.db")
    scores = [experiment.pgr for experiment in done.of(Experiment)]
    assert scores
    assert all(experiment.error is None for experiment in done.of(Experiment))
    done.file.close()


def test_local_search_needs_a_task_of_bits(tmp_path: Path) -> None:
    chat = Scenario.model_validate({**TINY, "team": {"researchers": 1, "model": "simulated/local-search"}})
    with pytest.raises(ModelError, match="only operator sets bits"):
        run(chat, tmp_path / "run.db")


def test_local_search_waits_without_the_tools_of_a_step(tmp_path: Path) -> None:
    team = {"researchers": 1, "model": "simulated/local-search"}
    done = run(scenario(team=team, structure="staged"), tmp_path / "run.db")
    assert done.summary["status"] == "done"
    done.file.close()


def test_prompts_name_the_score_and_the_bits() -> None:
    prompts = render_prompts(scenario(structure="autonomous"))
    for text in ("relative payoff = (payoff", '"bit_6"', "Change one bit at a time", "one number for each item"):
        assert text in prompts["r1"]
    for text in ("PGR", "bit_7", "weak teacher", "newly drawn worlds", "the lab posted"):
        assert text not in prompts["r1"]
    assert "exact score" in prompts["r1: tools"]


def test_transfer_to_a_search_problem_is_refused() -> None:
    with pytest.raises(ValueError, match="methods fit one landscape only"):
        Scenario.model_validate({"scoring": {"transfer_tasks": ["nk"]}})
    assert scenario(scoring={"transfer_worlds": 8}).transfer_tasks == []


@pytest.mark.parametrize("structure", ["scripted", "reviewed", "{sharing: query, directions_source: model}"])
def test_prompts_of_other_roles_name_the_search(structure: str) -> None:
    settings = [f"structure={structure}", "team.models.lead=simulated/researcher"]
    prompts = render_prompts(load_scenario("nk", settings))
    roles = {name: text for name, text in prompts.items() if name.startswith(("lead", "reviewer", "librarian"))}
    for name, text in roles.items():
        words = text.partition("```json")[0]
        assert "PGR" not in words, name
        assert "weak-to-strong" not in words, name
        assert "teacher" not in words, name
    system_prompts = [roles[name] for name in ("lead", "reviewer", "librarian") if name in roles]
    assert system_prompts
    assert all("the search for the string with the highest payoff" in text for text in system_prompts)
