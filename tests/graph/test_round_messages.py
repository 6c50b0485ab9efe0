"""The messages that start a round: many new findings are listed once for all researchers that see them."""

from pathlib import Path

import pytest
from team_runs import TINY, run

from aarlab.graph.flow import round_messages
from aarlab.graph.flow.librarian_answers import MAX_FINDINGS_SENT, posts_for_question
from aarlab.graph.run.replay import replay_run
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.checks import violations
from aarlab.memory.board import Board
from aarlab.memory.events import Finding, Prompted
from aarlab.memory.run_writer import RunWriter


def test_a_long_listing_is_shared_capped_and_marks_own_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(round_messages, "MAX_NEW_FINDINGS", 2)
    scenario = Scenario.model_validate(
        {
            **TINY,
            "task": {"name": "nk", "parameters": {"n": 6, "k": 2}},
            "team": {"researchers": 3, "model": "simulated/local-search"},
            "structure": {"directions": "none", "authority": "senior"},
            "budget": {"hours": 3, "round_hours": 1},
        }
    )
    team = run(scenario, tmp_path / "run.db")
    posted = [entry.event for entry in team.entries_of(Finding) if entry.round == 1]
    listings = set()
    for name in ("r1", "r2", "r3"):
        prompts = [e for e in team.entries_of(Prompted, stream=name) if e.round == 2 and e.event.role == "researcher"]
        own, listing = (entry.event.message for entry in prompts[:2])
        listings.add(listing)
        ids = ", ".join(finding.id for finding in posted if finding.author == name) or "none"
        assert f"Yours among the new findings: {ids}." in team.file.message(own).text
    (text,) = {team.file.message(listing).text for listing in listings}
    assert f"+{len(posted) - 2} more" in text
    assert text.count('"finding": ') == 2
    assert violations(team.file) == []
    assert replay_run(team.file.path).digest == team.file.digest()


def test_librarian_gets_a_bounded_part_of_a_large_board(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path / "run.db", run_id="run", version="0.1.0", seed=7, scenario={}) as file:
        for i in range(1, 201):
            title = "A rare calibration" if i == 3 else "A probe"
            score = round(i / 1000, 3)
            finding = Finding(f"r1.f{i}", "r1", "result", title, "", "other", None, f"c{i}", "full", score, None)
            file.append("r1", finding, round=1, hours=1.0)
        posts = posts_for_question(Board(file), "r1", "What is known about calibration?")
    assert len(posts) == MAX_FINDINGS_SENT
    assert [post.finding.id for post in posts] == ["r1.f3", *(f"r1.f{i}" for i in range(102, 201))]
