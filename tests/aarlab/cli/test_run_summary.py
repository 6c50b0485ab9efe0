"""A run's result in words: honest about what was reached, and about where the winner came from."""

import re
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from aarlab.cli.run_summary import ancestry, summary_text
from aarlab.memory.board import Board
from aarlab.memory.events import Edge, EdgeKind, Finding
from aarlab.memory.run_writer import RunWriter


@pytest.fixture
def family_tree(tmp_path: Path) -> RunWriter:
    """A board on which r3.f1 refines r2.f1, which borrows r1.f1, which came from nobody; r2 criticised r1.f1."""
    file = RunWriter.create(tmp_path / "tree.db", run_id="tree", version="0", seed=1, scenario={})
    for author in ("r1", "r2", "r3"):
        finding = Finding(
            f"{author}.f1", author, "result", f"idea of {author}", "", "ensemble", "e", "c", "full", 0.5, 0.1
        )
        file.append(author, finding, round=1, hours=1.0)
    edges: list[tuple[EdgeKind, str, str]] = [
        ("refines", "r3.f1", "r2.f1"), ("borrows", "r2.f1", "r1.f1"), ("critiques", "r2", "r1.f1"),
    ]  # fmt: skip
    for relation, source, target in edges:
        file.append(source[:2], Edge(relation, source, target, ""), round=1, hours=1.0)
    return file


def outcome(file: RunWriter, *, width: int = 200, **changes: Any) -> str:
    """Return what is printed of a summary that says this."""
    summary = {
        "run_id": "tree", "file": str(file.path), "task": "chat", "structure": {"workflow": "autonomous"}, "model": "m",
        "seed": 7, "rounds": 1, "hours": 3.0, "cost_usd": 0.0, "findings": 3, "borrows": 1, "critiques": 1,
        "experiments": 3, "evaluations": 9, "entropy_bits": 1.5, "realised_autonomy": 0.75, "digest": "", "wall_clock_s": 2,
        "structure_violations": [],
        "best": {"finding": "r3.f1", "title": "idea of r3", "family": "ensemble", "pgr": 0.5, "se": 0.02},
        "heldout": {"pgr": 0.61, "se": 0.03, "worlds": 64}, "baseline": {"name": "two_cluster_vote", "pgr": 0.55},
    }  # fmt: skip
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(summary_text(summary | changes, file), crop=False)
    return capture.get()


def test_a_sandbox_other_than_the_strict_one_is_named(family_tree: RunWriter) -> None:
    assert not re.search("^sandbox ", outcome(family_tree, sandbox="strict"), re.MULTILINE)
    assert re.search("^sandbox +none: methods were not confined", outcome(family_tree, sandbox="none"), re.MULTILINE)
    assert re.search(
        "^sandbox +docker: methods ran in a container", outcome(family_tree, sandbox="docker"), re.MULTILINE
    )


def test_what_was_reached_stands_beside_the_best_baseline(family_tree: RunWriter) -> None:
    told = outcome(family_tree)
    assert "The team reached a PGR of 0.61 ± 0.03 (standard error) on 64 held-out worlds." in told
    assert "two_cluster_vote, reaches 0.55: the team is ahead by 0.06." in told


@pytest.mark.parametrize(
    ("pgr", "standing"), [(0.4, "behind by 0.15"), (0.5501, "level with it"), (-1.0, "behind by 1.55")]
)
def test_a_team_that_is_not_ahead_is_told_so(family_tree: RunWriter, pgr: float, standing: str) -> None:
    told = outcome(family_tree, heldout={"pgr": pgr, "se": 0.1, "worlds": 64})
    assert f"the team is {standing}." in told


def test_a_run_without_a_result_says_so(family_tree: RunWriter) -> None:
    told = outcome(family_tree, best=None, heldout=None, baseline=None, entropy_bits=None, realised_autonomy=None)
    assert "No result was scored" in told
    assert "Winner" not in told
    assert "--agent" not in told


def test_the_winner_is_followed_back_to_its_source(family_tree: RunWriter) -> None:
    assert ancestry(Board(family_tree), "r3.f1") == [
        "r3.f1 refines r2.f1 “idea of r2” (r2)",
        "r2.f1 borrows r1.f1 “idea of r1” (r1)",
    ]
    assert ancestry(Board(family_tree), "r1.f1") == ["It was not taken from any other finding."]


def test_an_unknown_cost_is_not_nothing(family_tree: RunWriter) -> None:
    assert "cost unknown" in outcome(family_tree, cost_usd=None)
    assert "$0.00" in outcome(family_tree)


def test_measures_of_the_team_stand_in_a_line_each(family_tree: RunWriter) -> None:
    told = outcome(
        family_tree,
        development_pgr={"quarter": None, "half": 0.4, "whole": 0.5, "mean": 0.2},
        autonomy_by_kind={"direction": 0.0, "fidelity": 0.5, "next_step": 1.0}, entropy_interval=[0.5, 1.25],
        novelty=0.3, repeated_experiment_share=0.25, borrow_depth=2,
    )  # fmt: skip
    assert "best development PGR –, 0.40, 0.50 after a quarter, half and all of the budget" in told
    assert "75% of all decisions were taken by the agents (direction 0%, fidelity 50%)" in told
    assert "1.50 bits of entropy over method families (0.50 to 1.25 in resampled teams), novelty 0.30" in told
    assert "25% of full experiments had been run before, the winner's idea changed hands twice" in told


def test_what_was_not_measured_is_left_out(family_tree: RunWriter) -> None:
    nothing = {"quarter": None, "half": None, "whole": None, "mean": 0.0}
    told = outcome(
        family_tree, development_pgr=nothing, entropy_bits=None, novelty=None, repeated_experiment_share=None
    )
    for name in ("climb", "diversity", "exchange"):
        assert re.search(rf"^{name} +– *$", told, re.MULTILINE)


def test_commands_can_be_copied_whole(family_tree: RunWriter) -> None:
    lines = outcome(family_tree, width=40).splitlines()
    assert any(line.startswith(f"  aarlab show {family_tree.path} --agent r3  # ") for line in lines)
