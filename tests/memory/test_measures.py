"""Measures of a team, computed from its run file."""

import math
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aarlab.memory.events import (
    AgentSetup,
    Decider,
    Decision,
    DecisionKind,
    Edge,
    EdgeKind,
    Experiment,
    Fidelity,
    Finding,
    Published,
    RunClosed,
)
from aarlab.memory.measures import (
    RepeatedExperiments,
    autonomy_by_kind,
    autonomy_by_round,
    borrow_depth,
    borrow_depths,
    critique_uptake,
    decisions,
    development_pgr,
    difference_by_world,
    entropy,
    entropy_bits,
    frontier,
    mean_researcher_pgr,
    realised_autonomy,
    repeated_experiments,
    shannon_bits,
)
from aarlab.memory.run_writer import RunWriter


@pytest.fixture
def file(tmp_path: Path) -> RunWriter:
    scenario = {"budget": {"hours": 8.0}}
    return RunWriter.create(tmp_path / "run.db", run_id="run", version="0", seed=1, scenario=scenario)


def set_up_team(file: RunWriter, researchers: int) -> None:
    for i in range(researchers):
        file.append(f"r{i}", AgentSetup("researcher", "m", "", "", None), round=0, hours=0.0)


def post_families(file: RunWriter, round_: int, families: Iterable[str | None], *, code: str | None = "c") -> None:
    """Post a finding of the i-th family by researcher i; None posts nothing."""
    for i, family in enumerate(families):
        if family is not None:
            finding = Finding("f", f"r{i}", "result", "", "", family, "e", code, "full", 0.1, 0.1)
            file.append(f"r{i}", finding, round=round_, hours=1.0)


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40))
def test_entropy_is_between_zero_and_log2_of_labels(labels: list[str]) -> None:
    assert 0 <= shannon_bits(labels) <= math.log2(len(set(labels))) + 1e-12
    assert shannon_bits(labels) == shannon_bits(sorted(labels))


def test_entropy_averages_rounds_and_uses_latest_family(file: RunWriter) -> None:
    set_up_team(file, 8)
    post_families(file, 1, "a" * 8)
    post_families(file, 1, "aaaabbbb")
    post_families(file, 2, "abcdefgh")
    assert entropy_bits(file) == pytest.approx((1 + 3) / 2)


def test_rounds_below_min_active_are_excluded(file: RunWriter) -> None:
    set_up_team(file, 6)
    post_families(file, 1, ["a", "b", "c", "d", None, None])
    assert entropy_bits(file) is None
    post_families(file, 2, "aabbcc")
    assert entropy_bits(file) == pytest.approx(math.log2(3))


def test_small_team_needs_two_active_researchers(file: RunWriter) -> None:
    set_up_team(file, 3)
    post_families(file, 1, ["a", None, None])
    assert entropy_bits(file) is None
    post_families(file, 2, ["a", "b", None])
    assert entropy_bits(file) == 1.0


def test_findings_without_code_do_not_count_as_active(file: RunWriter) -> None:
    set_up_team(file, 2)
    post_families(file, 1, "ab", code=None)
    assert entropy_bits(file) is None


def test_realised_autonomy_is_share_decided_by_agents(file: RunWriter) -> None:
    assert realised_autonomy(file) is None
    deciders: tuple[Decider, ...] = ("agent", "agent", "structure", "reviewer")
    for decider in deciders:
        file.append("r0", Decision("next_step", "x", decider), round=1, hours=0.0)
    assert realised_autonomy(file) == 0.5


def record_decisions(file: RunWriter, *decisions_taken: tuple[int, DecisionKind, Decider]) -> None:
    for round_, kind, decider in decisions_taken:
        file.append("r0", Decision(kind, "x", decider), round=round_, hours=0.0)


def test_autonomy_is_available_by_kind_and_by_round(file: RunWriter) -> None:
    record_decisions(file, (0, "direction", "structure"), (1, "next_step", "agent"), (1, "next_step", "agent"))
    record_decisions(file, (2, "next_step", "agent"), (2, "fidelity", "reviewer"), (2, "publish", "person"))
    assert autonomy_by_kind(file) == {"direction": 0.0, "fidelity": 0.0, "next_step": 1.0, "publish": 0.0}
    assert autonomy_by_round(file) == {0: 0.0, 1: 1.0, 2: pytest.approx(1 / 3)}
    assert decisions(file)["next_step", "agent"] == 3
    assert sum(decisions(file).values()) == 6


def test_entropy_interval_is_deterministic(file: RunWriter) -> None:
    set_up_team(file, 9)
    post_families(file, 1, "aaaabbbcc")
    first = entropy(file)
    assert first is not None
    assert entropy(file) == first
    low, high = first.interval
    assert 0 < low < high <= math.log2(9)


def test_uniform_team_has_zero_width_interval(file: RunWriter) -> None:
    set_up_team(file, 9)
    post_families(file, 1, "a" * 9)
    result = entropy(file)
    assert result is not None
    assert (result.bits, result.interval) == (0.0, (0.0, 0.0))


def test_interval_of_diverse_team_ends_at_its_entropy(file: RunWriter) -> None:
    set_up_team(file, 9)
    post_families(file, 1, "abcdefghi")
    result = entropy(file)
    assert result is not None
    assert result.bits == pytest.approx(math.log2(9))
    assert result.interval[0] < result.bits
    assert result.interval[1] == pytest.approx(result.bits)


@given(st.lists(st.text("abcde", min_size=7, max_size=7), min_size=1, max_size=3))
@settings(max_examples=25)
def test_entropy_lies_inside_its_interval(rounds: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.db"
        file = RunWriter.create(path, run_id="run", version="0", seed=1, scenario={"budget": {"hours": 8.0}})
        set_up_team(file, 7)
        for round_, families in enumerate(rounds, start=1):
            post_families(file, round_, families)
        result = entropy(file)
        file.close()
    assert result is not None
    for bits, (low, high) in [(result.bits, result.interval), *((r.bits, r.interval) for r in result.rounds)]:
        assert 0 <= low <= bits + 1e-9
        assert bits <= high + 1e-9 <= math.log2(7) + 2e-9


def test_entropy_accepts_families_derived_from_code(file: RunWriter) -> None:
    set_up_team(file, 2)
    for name, family in (("r0", "a"), ("r1", "b")):
        finding = Finding(f"{name}.f1", name, "result", "", "", family, "e", "c", "full", 0.1, 0.1)
        file.append(name, finding, round=1, hours=1.0)
    assert entropy_bits(file) == 1.0
    derived = entropy(file, {"r0.f1": "a", "r1.f1": "a"})
    assert derived is not None
    assert derived.bits == 0.0


def run_experiment(
    file: RunWriter, stream: str, hours: float, pgr: float | None, *, code: str = "c", fidelity: Fidelity = "full"
) -> None:
    """Record an experiment of a researcher; rounds take two hours."""
    experiment = Experiment("e", "m.py", code, fidelity, None, pgr, None, [])
    file.append(stream, experiment, round=math.ceil(hours / 2), hours=hours)


def test_development_pgr_at_budget_fractions(file: RunWriter) -> None:
    set_up_team(file, 2)
    run_experiment(file, "r0", 6.0, 0.6)
    run_experiment(file, "r1", 2.0, 0.2)
    run_experiment(file, "r1", 3.0, 0.1)
    run_experiment(file, "r0", 1.0, 0.9, fidelity="pilot")
    progress = development_pgr(file)
    assert (progress.quarter, progress.half, progress.whole) == (0.2, 0.2, 0.6)
    assert progress.mean == pytest.approx((2 * 0 + 4 * 0.2 + 2 * 0.6) / 8)


def test_researchers_count_zero_before_their_first_score(file: RunWriter) -> None:
    set_up_team(file, 2)
    run_experiment(file, "r0", 2.0, 0.4)
    run_experiment(file, "r1", 3.0, -0.2)
    run_experiment(file, "r1", 6.0, 0.8)
    run_experiment(file, "r1", 7.0, 0.1)
    pgr = mean_researcher_pgr(file)
    assert (pgr.quarter, pgr.half, pgr.whole) == pytest.approx((0.2, 0.1, 0.6))


def test_negative_pgr_adds_nothing_to_mean_progress(file: RunWriter) -> None:
    set_up_team(file, 1)
    run_experiment(file, "r0", 4.0, -0.5)
    progress = development_pgr(file)
    assert (progress.quarter, progress.half, progress.whole, progress.mean) == (None, -0.5, -0.5, 0.0)


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(1, 32), st.integers(-20, 100)), max_size=12),
    st.integers(1, 32),
    st.integers(-20, 100),
)
def test_one_more_experiment_never_lowers_progress(
    tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[int, int]], quarter_hours: int, percent: int
) -> None:
    path = tmp_path_factory.mktemp("progress") / "run.db"
    with RunWriter.create(path, run_id="r", version="0", seed=1, scenario={"budget": {"hours": 8.0}}) as file:
        set_up_team(file, 1)
        for quarters, pgr in runs:
            run_experiment(file, "r0", quarters / 4, pgr / 100)
        before = development_pgr(file)
        run_experiment(file, "r0", quarter_hours / 4, percent / 100)
        after = development_pgr(file)
    assert after.mean >= before.mean - 1e-12
    assert after.mean <= max([0.0, percent / 100, *(pgr / 100 for _, pgr in runs)]) + 1e-12
    assert before.whole is None or (after.whole is not None and after.whole >= before.whole)


def post_finding(file: RunWriter, name: str, *, round: int, code: str | None = "c", published: bool = True) -> None:
    """Post a finding by the author in its id, and publish it at the end of the round."""
    author = name.partition(".")[0]
    finding = Finding(name, author, "result", "", "", "ensemble", "e", code, "full", 0.1, 0.1)
    file.append(author, finding, round=round, hours=2.0 * round)
    if published:
        file.append("team", Published(name), round=round, hours=2.0 * round)


def add_edge(file: RunWriter, relation: EdgeKind, source: str, target: str, *, round: int) -> None:
    file.append(source.partition(".")[0], Edge(relation, source, target, ""), round=round, hours=2.0 * round)


def test_borrow_depth_counts_changes_of_author(file: RunWriter) -> None:
    set_up_team(file, 3)
    for round_, name in enumerate(["r0.f1", "r1.f1", "r1.f2", "r2.f1", "r0.f2"], 1):
        post_finding(file, name, round=round_)
    add_edge(file, "borrows", "r1.f1", "r0.f1", round=2)
    add_edge(file, "refines", "r1.f2", "r1.f1", round=3)
    add_edge(file, "replicates", "r2.f1", "r1.f2", round=4)
    add_edge(file, "borrows", "r2.f1", "r0.f1", round=4)
    add_edge(file, "critiques", "r0", "r2.f1", round=5)
    assert borrow_depths(file) == {"r0.f1": 0, "r1.f1": 1, "r1.f2": 1, "r2.f1": 2, "r0.f2": 0}
    assert (borrow_depth(file).winner, borrow_depth(file).mean) == (None, pytest.approx(4 / 5))
    file.append("team", RunClosed("r2.f1", 0.0), round=6, hours=8.0)
    assert borrow_depth(file).winner == 2


def test_criticising_ones_own_finding_is_no_uptake(file: RunWriter) -> None:
    set_up_team(file, 2)
    post_finding(file, "r0.f1", round=1, code="a")
    add_edge(file, "critiques", "r0", "r0.f1", round=1)
    post_finding(file, "r0.f2", round=2, code="b")
    add_edge(file, "refines", "r0.f2", "r0.f1", round=2)
    uptake = critique_uptake(file)
    assert (uptake.critiques, uptake.by_author, uptake.uncriticised) == (0, 0, 2)


def test_critique_uptake_needs_a_later_changed_method(file: RunWriter) -> None:
    set_up_team(file, 3)
    post_finding(file, "r0.f1", round=1, code="a")
    post_finding(file, "r1.f1", round=1, code="b")
    post_finding(file, "r1.f9", round=1, code=None)
    add_edge(file, "critiques", "r1", "r0.f1", round=2)
    add_edge(file, "critiques", "r2", "r1.f9", round=2)
    post_finding(file, "r2.f1", round=2, code="z")
    add_edge(file, "refines", "r2.f1", "r0.f1", round=2)
    assert (critique_uptake(file).critiques, critique_uptake(file).by_anyone) == (1, 0), (
        "r2 could not have read the critique"
    )
    post_finding(file, "r2.f2", round=3, code="a")
    add_edge(file, "replicates", "r2.f2", "r0.f1", round=3)
    assert critique_uptake(file).by_anyone == 0, "the method was not changed"
    post_finding(file, "r0.f2", round=3, code="a2")
    add_edge(file, "refines", "r0.f2", "r0.f1", round=3)
    uptake = critique_uptake(file)
    assert (uptake.by_author, uptake.by_anyone, uptake.share) == (1, 1, 1.0)


def test_critic_can_take_up_own_critique_in_same_round(file: RunWriter) -> None:
    set_up_team(file, 2)
    post_finding(file, "r0.f1", round=1, code="a")
    add_edge(file, "critiques", "r1", "r0.f1", round=2)
    post_finding(file, "r1.f1", round=2, code="b")
    add_edge(file, "refines", "r1.f1", "r0.f1", round=2)
    uptake = critique_uptake(file)
    assert (uptake.by_author, uptake.by_anyone) == (0, 1)


def test_base_rate_uses_uncriticised_findings(file: RunWriter) -> None:
    set_up_team(file, 2)
    for name, code in (("r0.f1", "a"), ("r0.f2", "b"), ("r0.f3", None)):
        post_finding(file, name, round=1, code=code)
    assert critique_uptake(file).share is None
    assert critique_uptake(file).base_rate == 0.0
    post_finding(file, "r1.f1", round=2, code="c")
    add_edge(file, "borrows", "r1.f1", "r0.f1", round=2)
    assert critique_uptake(file).base_rate == pytest.approx(1 / 3)


def test_repeats_are_split_into_own_visible_and_unseen(file: RunWriter) -> None:
    set_up_team(file, 4)
    assert repeated_experiments(file).share is None
    run_experiment(file, "r0", 1.0, 0.3)
    run_experiment(file, "r1", 2.0, 0.3)
    post_finding(file, "r0.f1", round=1)
    run_experiment(file, "r2", 4.0, None)
    run_experiment(file, "r0", 4.0, 0.4)
    run_experiment(file, "r3", 5.0, 0.4, fidelity="pilot")
    run_experiment(file, "r3", 6.0, 0.4, code="another")
    assert repeated_experiments(file) == RepeatedExperiments(full=5, own=1, visible=1, unseen=1)
    assert repeated_experiments(file).share == pytest.approx(3 / 5)


def test_repeat_of_unpublished_finding_is_unseen(file: RunWriter) -> None:
    set_up_team(file, 2)
    run_experiment(file, "r0", 1.0, 0.3)
    post_finding(file, "r0.f1", round=1, published=False)
    run_experiment(file, "r1", 4.0, 0.3)
    assert repeated_experiments(file) == RepeatedExperiments(full=2, own=0, visible=0, unseen=1)


def test_repeat_of_non_neighbours_finding_is_unseen(file: RunWriter) -> None:
    neighbours_by_name: dict[str, list[str] | None] = {"r0": None, "r1": ["r2"], "r2": ["r0", "r1"]}
    for name, neighbours in neighbours_by_name.items():
        file.append(name, AgentSetup("researcher", "m", "", "", None, neighbours), round=0, hours=0.0)
    run_experiment(file, "r0", 1.0, 0.3)
    post_finding(file, "r0.f1", round=1)
    run_experiment(file, "r1", 4.0, 0.3)
    run_experiment(file, "r2", 4.0, 0.3)
    assert repeated_experiments(file) == RepeatedExperiments(full=3, own=0, visible=1, unseen=1)


def test_measures_do_not_depend_on_arrival_order(tmp_path: Path) -> None:
    """Two logs have the same events, which arrived in a different order."""
    files = []
    for order in (("r0", "r1"), ("r1", "r0")):
        path = tmp_path / f"{order[0]}.db"
        file = RunWriter.create(path, run_id="r", version="0", seed=1, scenario={"budget": {"hours": 8.0}})
        set_up_team(file, 2)
        for name in order:
            run_experiment(file, name, 2.0, 0.1 if name == "r0" else 0.2)
            post_finding(file, f"{name}.f1", round=1, published=False)
        files.append(file)
    one, other = files
    assert [entry.stream for entry in one.by_research_hours(Experiment)] == ["r0", "r1"]
    for measure in (entropy, frontier, development_pgr, borrow_depths, repeated_experiments, critique_uptake):
        assert measure(one) == measure(other)


def test_frontier_uses_team_hours_and_full_experiments(file: RunWriter) -> None:
    set_up_team(file, 2)
    runs: list[tuple[str, float, str, float | None]] = [
        ("r0", 3.0, "full", 0.4), ("r1", 2.0, "full", 0.2), ("r1", 4.0, "full", 0.3), ("r0", 1.0, "pilot", 0.9),
        ("r1", 6.0, "full", None), ("r0", 7.0, "full", 0.5),
    ]  # fmt: skip
    for stream, hours, fidelity, pgr in runs:
        experiment = Experiment("e", "m.py", "c", fidelity, None, pgr, None, [])  # type: ignore[arg-type]
        file.append(stream, experiment, round=1, hours=hours)
    assert frontier(file) == [(4.0, 0.2), (6.0, 0.4), (14.0, 0.5)]


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=2, max_size=20))
def test_world_interval_excludes_zero_if_p_is_below_5_percent(pairs: list[tuple[float, float]]) -> None:
    own, other = ([round(pair[i], 3) for pair in pairs] for i in (0, 1))
    result = difference_by_world(own, other)
    assert result is not None
    assert result.mean == pytest.approx(sum(own) / len(own) - sum(other) / len(other))
    assert (result.p < 0.05) == (result.low > 0 or result.high < 0)


def test_difference_by_world_equals_scipys_paired_test() -> None:
    own, other = [0.5, 0.7, 0.4, 0.9], [0.4, 0.7, 0.1, 0.5]
    result, expected = difference_by_world(own, other), stats.ttest_rel(own, other)
    assert result is not None
    interval = expected.confidence_interval(0.95)
    assert (result.low, result.high, result.p) == pytest.approx((interval.low, interval.high, expected.pvalue))
    assert difference_by_world(own[:1], other[:1]) is None
    assert difference_by_world(None, other) is None
    with pytest.raises(ValueError, match="shorter"):
        difference_by_world(own, other[:3])
