"""`aarlab studies` lists the published designs, and `aarlab ablate studies/NAME` plans them."""

import json
from collections.abc import Callable

from click.testing import Result

from aarlab.config.scenario_files import shipped_studies

Aarlab = Callable[..., Result]


def test_studies_are_listed_with_source_runs_and_figures(aarlab: Aarlab) -> None:
    listed = json.loads(aarlab("studies", "--json").stdout)["studies"]
    assert [study["name"] for study in listed] == list(shipped_studies())
    assert all(study["source"] and study["question"] and study["runs"] and study["published"] for study in listed)


def test_one_study_shows_what_differs_and_the_command(aarlab: Aarlab) -> None:
    page = " ".join(aarlab("studies", "workflow").stdout.split())
    assert "Wen, Qiu, Benton, Kirchner and Leike (2026)" in page
    assert "Different" in page
    assert "no evidence about language models" in page
    assert "aarlab ablate studies/workflow" in page


def test_an_unknown_study_is_refused_with_a_suggestion(aarlab: Aarlab) -> None:
    done = aarlab("studies", "workflows")
    assert done.exit_code == 2
    assert "workflow" in done.stderr


def test_a_study_is_planned_with_a_live_model_for_all_agents(aarlab: Aarlab) -> None:
    simulated, live = (
        json.loads(aarlab("ablate", "studies/sharing_forms", "--dry-run", "--json", *options).stdout)
        for options in ((), ("--model", "openai/my-own"))
    )
    assert "no evidence about language models" in simulated["evidence_note"]
    assert live["evidence_note"] is None
    assert {entry["model"] for entry in live["missing"]} == {"openai/my-own"}
    team = live["ablation"]["scenario"]["team"]
    assert (team["model"], team["librarian"]) == ("openai/my-own", "openai/my-own")
