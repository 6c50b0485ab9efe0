"""Reproductions of published results: short forms, copying rules, visibility and turnover."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarlab.graph.structure.topologies import neighbours_of
from aarlab.memory.board import Board
from aarlab.memory.events import TEAM, Finding, Published, RoundStarted
from aarlab.memory.run_writer import RunWriter
from aarlab.memory.seeds import rng
from aarlab.reproduce import lazer_friedman, zollman
from aarlab.reproduce.catalogue import REPRODUCTIONS, run_reproductions
from aarlab.reproduce.copying_rules import (
    NOBODY,
    best_member,
    best_visible,
    conformity,
    pooled_evidence,
    superior_majority,
)
from aarlab.reproduce.known_answers import FloatArray, KnownAnswer, Reproduced, ReproducedAnswer, reproduced
from aarlab.reproduce.turnover import replaced
from aarlab.reproduce.visibility import NeighbourLists, visibility
from aarlab.scenarios.search_problems.bandit import TwoArmedBandit
from aarlab.scenarios.search_problems.nk import NKLandscape

UNCERTAIN = {
    ("lazer-friedman", "ring minus complete, K = 5, step 5", -0.27),
    ("lazer-friedman", "ring minus complete, K = 5, step 200", 0.23),
    ("mason", "small world minus complete, several peaks, all rounds", "above 0"),
}
"""Answers that are not reproduced. Their notes name the uncertain constant."""


def reproduce_again(name: str) -> Reproduced:
    return REPRODUCTIONS[name].reproduce(True, lambda step, share: None)


quick = cache(reproduce_again)


@pytest.mark.long
@pytest.mark.parametrize("name", REPRODUCTIONS)
def test_short_form_gives_the_published_results(name: str) -> None:
    results = quick(name)
    failed = {
        (name, result.answer.quantity, result.answer.published) for result in results.answers if not result.passed
    }
    assert failed == {answer for answer in UNCERTAIN if answer[0] == name}
    assert all("uncertain" in result.answer.note for result in results.answers if not result.passed)
    assert all(np.isfinite(band.mean).all() for panel in results.panels for band in panel.curves.values())


def test_results_depend_on_the_seed_alone() -> None:
    assert reproduce_again("mason").answers == quick("mason").answers


@pytest.mark.long
def test_processes_give_the_same_answers_as_one_call() -> None:
    together = run_reproductions(["march", "mason"], quick=True, progress=lambda step, share: None)
    assert [timed.reproduction.name for timed in together] == ["march", "mason"]
    assert together[1].results.answers == quick("mason").answers


def test_answer_passes_inside_the_interval_or_with_its_sign() -> None:
    def passes(published: float | str, mean: float, half_width: float, published_half_width: float = 0.0) -> bool:
        answer = KnownAnswer("x", published, half_width=published_half_width)  # type: ignore[arg-type]
        return ReproducedAnswer(answer, mean, half_width, 10).passed

    assert passes(0.89, 0.92, 0.03)
    assert not passes(0.89, 0.93, 0.03)
    assert passes(0.89, 0.93, 0.03, 0.04)
    assert passes("above 0", 0.2, 0.1)
    assert not passes("above 0", 0.2, 0.3)
    assert passes("below 0", -0.2, 0.1)
    assert not passes("below 0", 0.2, 0.1)


def test_interval_of_the_mean_is_students_t() -> None:
    result = reproduced(KnownAnswer("x", 0.0), np.array([1.0, 2.0, 3.0]))
    assert (result.mean, result.runs) == (2.0, 3)
    assert result.half_width == pytest.approx(4.302653 / 3**0.5)


def test_visibility_follows_the_topology() -> None:
    assert (visibility("complete", 5) == ~np.eye(5, dtype=bool)).all()
    assert (visibility("ring", 6) == visibility("ring", 6).T).all()
    assert visibility("islands", 6, islands=2)[:3, 3:].sum() == 0
    assert visibility("islands", 6, islands=2, bridges=1)[:3, 3:].sum() == 1


@given(st.integers(0, 1000), st.integers(1, 3))
def test_samples_are_different_visible_agents(seed: int, size: int) -> None:
    visible = visibility("small-world", 12, seed=seed % 5, neighbours=4, rewired=0.3)
    if visible.sum(axis=1).min() < size:
        return
    sampled = NeighbourLists.of(visible).sample(np.random.default_rng(seed), 4, size)
    assert sampled.shape == (size, 4, 12)
    for run in range(4):
        for agent in range(12):
            chosen = sampled[:, run, agent]
            assert len(set(chosen)) == size
            assert visible[agent, chosen].all()


def test_every_visible_agent_is_sampled_equally_often() -> None:
    sampled = NeighbourLists.of(visibility("complete", 5)).sample(np.random.default_rng(1), 20_000, 2)
    shares = np.bincount(sampled[:, :, 0].ravel(), minlength=5) / 40_000
    assert shares == pytest.approx([0, 0.25, 0.25, 0.25, 0.25], abs=0.01)


def test_sample_larger_than_a_neighbourhood_is_refused() -> None:
    with pytest.raises(ValueError, match="sees 2 others; 3 are drawn"):
        NeighbourLists.of(visibility("ring", 5)).sample(np.random.default_rng(1), 1, 3)


def test_best_visible_ignores_agents_that_are_not_seen() -> None:
    payoffs = np.array([[0.1, 0.2, 0.9, 0.3]])
    ring = visibility("ring", 4)  # 0-1-2-3-0
    assert best_visible(payoffs, ring).tolist() == [[3, 2, 3, 2]]
    assert best_visible(payoffs, np.zeros((4, 4), dtype=bool)).tolist() == [[NOBODY] * 4]


def test_sampling_rules_choose_the_best_and_the_most_frequent() -> None:
    random, sampled = np.random.default_rng(1), np.array([[[1, 0]], [[2, 2]], [[3, 3]]])
    payoffs, options = np.array([[0.1, 0.2, 0.9, 0.3]]), np.array([[7, 5, 9, 5]])
    assert best_member(random, payoffs, sampled).tolist() == [[2, 2]]
    majority = conformity(random, options, sampled)
    assert options[0, majority[0, 0]] == 5
    assert majority[0, 1] == NOBODY


def test_pooled_evidence_adds_own_and_visible_evidence() -> None:
    evidence = np.array([[1.0, 2.0, 4.0, 8.0]])
    assert pooled_evidence(evidence, visibility("ring", 4)).tolist() == [[11, 7, 14, 13]]


def test_majority_counts_superior_visible_agents_only() -> None:
    beliefs = np.array([[0, 0], [1, -1], [1, 1], [-1, 1]], dtype=np.int8)
    payoffs = np.array([0.5, 0.6, 0.7, 0.1])
    assert superior_majority(beliefs, payoffs, visibility("complete", 4))[0].tolist() == [1, 0]
    assert superior_majority(beliefs, payoffs, visibility("complete", 4))[2].tolist() == [0, 0]


def test_turnover_replaces_whole_agents() -> None:
    beliefs = np.ones((50, 40, 30), dtype=np.int8)
    after = replaced(np.random.default_rng(1), beliefs, 0.25)
    changed = (after != 1).any(axis=-1)
    assert changed.mean() == pytest.approx(0.25, abs=0.03)
    assert replaced(np.random.default_rng(1), beliefs, 0.0) is beliefs


def test_a_clearly_better_arm_is_found_unless_all_doubt_it() -> None:
    found = zollman.share_found(visibility("complete", 3), TwoArmedBandit(0.1, 1000), 4000, seed=1)
    assert set(np.unique(found)) == {0.0, 1.0}
    assert found.mean() == pytest.approx(1 - 0.5**3, abs=0.02)


def test_known_arm_gives_no_evidence() -> None:
    pulling = np.array([[True, False]])
    evidence = TwoArmedBandit(0.1, 50).log_likelihood_ratios(rng(1, "x"), pulling)
    assert evidence[0, 1] == 0
    assert evidence[0, 0] != 0


def test_agents_on_the_board_of_a_run_file_act_like_the_simulation(tmp_path: Path) -> None:
    """The rule of Lazer and Friedman, with strings posted, published and read as findings."""
    table, visible, agents, steps = NKLandscape(3, 8, 3).table, visibility("ring", 6), 6, 8
    start, flips = np.random.default_rng(1).integers(0, 2**8, agents), np.random.default_rng(2)
    expected = lazer_friedman.mean_payoffs(table, visible, start, steps, np.random.default_rng(2))
    names = [f"r{i + 1}" for i in range(agents)]
    neighbours = neighbours_of("ring", {}, names, 0)
    codes, means = [int(code) for code in start], [table[start].mean()]
    with RunWriter.create(tmp_path / "run.db", run_id="run", version="0", seed=1, scenario={}) as file:
        board = Board(file, {1: neighbours})
        for step in range(steps):
            file.append(TEAM, RoundStarted(1.0), round=step + 1, hours=0.0)
            for name, code in zip(names, codes, strict=True):
                post = Finding(
                    f"{name}.f{step}", name, "result", str(code), "", "other", None, None, None, table[code], 0.0
                )
                file.append(name, post, round=step, hours=0.0)
                file.append(TEAM, Published(post.id), round=step, hours=0.0)
            flipped = [code ^ (1 << int(bit)) for code, bit in zip(codes, flips.integers(0, 8, agents), strict=True)]
            codes = [_next_code(board, name, step, flipped[i], table) for i, name in enumerate(names)]
            means.append(table[codes].mean())
    assert means == pytest.approx(expected)


def _next_code(board: Board, name: str, step: int, flipped: int, table: FloatArray) -> int:
    """Return the next string of an agent that reads the board."""
    posts = [post.finding for post in board.posts(visible_to=name) if post.round == step]
    scores = {post.author: (post.pgr or 0.0, int(post.title)) for post in posts}
    own, code = scores.pop(name)
    payoff, copied = max(scores.values(), key=lambda score: score[0])
    if payoff > own:
        return copied
    return flipped if table[flipped] > own else code


def test_the_table_in_the_docs_has_every_reproduction_and_its_failures() -> None:
    rows = (Path(__file__).parents[2] / "docs" / "reproduce.md").read_text(encoding="utf-8").splitlines()
    table = [[cell.strip() for cell in row.split(" | ")] for row in rows if row.count(" | ") == 7]
    assert {row[0].strip("| `") for row in table[1:]} == set(REPRODUCTIONS)
    failures = {(row[0].strip("| `"), row[1]) for row in table[1:] if row[6] == "no"}
    lattice = ("barkoczi-galesic", "mean payoff, conformity, lattice")
    assert failures == {(name, quantity) for name, quantity, _ in UNCERTAIN} | {lattice}
