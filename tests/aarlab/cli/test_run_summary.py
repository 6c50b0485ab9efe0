"""Tests of the summary text: scores, winner and its ancestry, measures."""

import re
import subprocess
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from aarlab.cli.command_hints import CommandHint, print_hints
from aarlab.cli.run_summary import ancestry, summary_text
from aarlab.memory.board import Board
from aarlab.memory.events import Edge, EdgeKind, Finding
from aarlab.memory.run_writer import RunWriter


@pytest.fixture
def family_tree(tmp_path: Path) -> RunWriter:
    """Return a run in which r3.f1 refines r2.f1, r2.f1 borrows r1.f1, and r2 criticises r1.f1."""
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


def references(mean: float, low: float, high: float, p: float) -> dict[str, Any]:
    """Return the section of the reference methods in a summary."""
    difference = {"mean": mean, "low": low, "high": high, "p": p, "worlds": 64}
    return {
        "published": {"name": "critic_like", "methods": 4, "hours": 8.0, "pgr": 0.2, "team_minus_reference": None},
        "library": {
            "name": "two_cluster_vote", "methods": 37, "hours": 74.0, "pgr": 0.55, "team_minus_reference": difference,
        },
    }  # fmt: skip


def outcome(file: RunWriter, *, width: int = 200, **changes: Any) -> str:
    """Return the printed text of a summary with these changes."""
    summary = {
        "run_id": "tree", "file": str(file.path), "task": "chat", "structure": {"workflow": "autonomous"}, "model": "m",
        "seed": 7, "rounds": 1, "hours": 3.0, "cost_usd": 0.0, "findings": 3, "borrows": 1, "critiques": 1,
        "experiments": 3, "evaluations": 9, "entropy_bits": 1.5, "realised_autonomy": 0.75, "digest": "",
        "wall_clock_s": 2,
        "structure_violations": [],
        "best": {"finding": "r3.f1", "title": "idea of r3", "family": "ensemble", "pgr": 0.5, "se": 0.02},
        "heldout": {"pgr": 0.61, "se": 0.03, "worlds": 64}, "references": references(0.06, 0.01, 0.11, 0.02),
    }  # fmt: skip
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(summary_text(summary | changes, file), crop=False)
    return capture.get()


def test_other_sandbox_modes_are_named(family_tree: RunWriter) -> None:
    assert not re.search("^sandbox ", outcome(family_tree, sandbox="strict"), re.MULTILINE)
    assert re.search("^sandbox +none: methods were not confined", outcome(family_tree, sandbox="none"), re.MULTILINE)
    assert re.search(
        "^sandbox +docker: methods ran in a container", outcome(family_tree, sandbox="docker"), re.MULTILINE
    )


def test_scores_are_compared_with_both_references(family_tree: RunWriter) -> None:
    output = outcome(family_tree)
    assert "The team reached a PGR of 0.61 ± 0.03 (standard error) on 64 held-out worlds." in output
    assert "The best of the 4 published methods (critic_like) reaches 0.20." in output
    assert (
        "The best of the library's 37 methods (two_cluster_vote; finding it takes 74 research hours) reaches 0.55: the "
        "team is above it (team minus reference +0.06, 95 % interval over worlds +0.01 to +0.11)."
    ) in output


@pytest.mark.parametrize(
    ("difference", "claim"),
    [
        ((-0.15, -0.2, -0.1, 0.001), "the team is below it"),
        ((0.06, -0.01, 0.13, 0.09), "inconclusive"),
        ((0.01, -0.02, 0.04, 0.3), "the team is equivalent to it within ±0.05"),
        ((0.0, 0.0, 0.0, 1.0), "the team has the same score on every world"),
    ],
)
def test_only_significant_differences_have_a_direction(
    family_tree: RunWriter, difference: tuple[float, float, float, float], claim: str
) -> None:
    assert f"reaches 0.55: {claim}" in outcome(family_tree, references=references(*difference))


def test_a_winner_that_is_a_known_method_is_named(family_tree: RunWriter) -> None:
    best = {"finding": "r3.f1", "title": "idea", "family": "ensemble", "pgr": 0.5, "se": 0.02}
    assert "known method" not in outcome(family_tree, best=best)
    output = outcome(family_tree, best={**best, "known_method": "critic_like"})
    assert "It is the known method critic_like, not an idea of the team." in output


def test_the_opening_has_its_own_line(family_tree: RunWriter) -> None:
    start = {"start": 0.3, "quarter": None, "half": 0.4, "whole": 0.5, "mean": 0.2}
    output = outcome(family_tree, opening_hours=8.0, development_pgr=start)
    assert re.search(r"^opening +known methods up to PGR 0\.30 on the board, 8 research hours", output, re.MULTILINE)


def test_the_winners_curse_is_stated(family_tree: RunWriter) -> None:
    best = {"finding": "r3.f1", "title": "i", "family": "ensemble", "development_pgr": 0.7, "pgr": 0.5, "se": 0.02}
    output = " ".join(outcome(family_tree, best=best).split())
    assert "PGR when the finalists were rescored: 0.50 ± 0.02. In development it had 0.70" in output
    assert "development minus held-out is +0.09 (winner's curse if positive)." in output


def test_run_without_result_has_no_winner(family_tree: RunWriter) -> None:
    output = outcome(family_tree, best=None, heldout=None, references={}, entropy_bits=None, realised_autonomy=None)
    assert "No result was scored" in output
    assert "Winner" not in output
    assert "--agent" not in output


def test_ancestry_of_the_winner_is_listed(family_tree: RunWriter) -> None:
    assert ancestry(Board(family_tree), "r3.f1") == [
        "r3.f1 refines r2.f1 “idea of r2” (r2)",
        "r2.f1 borrows r1.f1 “idea of r1” (r1)",
    ]
    assert ancestry(Board(family_tree), "r1.f1") == ["It builds on no other finding."]


def test_unknown_cost_is_not_zero(family_tree: RunWriter) -> None:
    assert "cost unknown" in outcome(family_tree, cost_usd=None)
    assert "$0.00" in outcome(family_tree)


def test_each_measure_has_a_row(family_tree: RunWriter) -> None:
    output = outcome(
        family_tree,
        development_pgr={"quarter": None, "half": 0.4, "whole": 0.5, "mean": 0.2},
        autonomy_by_kind={"direction": 0.0, "fidelity": 0.5, "next_step": 1.0}, entropy_interval=[0.5, 1.75],
        novelty=0.3, known_method_share=0.5, novel_share=0.25, distinct_recipes=7,
        repeated_experiment_share=0.25, borrow_depth=2,
    )  # fmt: skip
    assert "best –, 0.40, 0.50 after 25 %, 50 % and 100 % of the budget" in output
    assert "agents took 75 % of the decisions (direction 0 %, fidelity 50 %)" in output
    assert "entropy of method families 1.50 bits (0.50 to 1.75 over researchers), novelty 0.30" in output
    assert "50 % of full experiments ran known methods, 25 % novel recipes; 7 distinct recipes tested" in output
    assert "25 % of full experiments were repeats, two changes of author in the winner's lineage" in output


def test_missing_measures_are_dashes(family_tree: RunWriter) -> None:
    nothing = {"quarter": None, "half": None, "whole": None, "mean": 0.0}
    output = outcome(
        family_tree, development_pgr=nothing, entropy_bits=None, novelty=None, repeated_experiment_share=None
    )
    for name in ("development PGR", "diversity", "idea reuse"):
        assert re.search(rf"^{name} +– *$", output, re.MULTILINE)


def test_next_commands_are_not_wrapped(family_tree: RunWriter) -> None:
    lines = outcome(family_tree, width=40).splitlines()
    assert lines[lines.index("  # the winner's conversation") + 1] == f"  aarlab show {family_tree.path} --agent r3"


def test_commands_on_a_terminal_are_copied_and_executed_as_meant() -> None:
    words = ("echo", "runs/my team's run.db", "--round", "1", "--set", "structure={preset: staged, review: gate}")
    console = Console(width=40, force_terminal=True, color_system=None, file=StringIO())
    with console.capture() as capture:
        print_hints(console, CommandHint(words, "a purpose"))
    text = capture.get()
    assert text.splitlines()[0] == "  # a purpose"
    assert max(map(len, text.splitlines()[:3])) <= 40
    shell = subprocess.run(["sh"], input=text, capture_output=True, text=True)
    assert shell.stdout == " ".join(words[1:]) + "\n"
