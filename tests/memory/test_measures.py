"""Measures of a team, read from its run file."""

import math
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarlab.memory.events import Brief, Decider, Decision, Experiment, Finding
from aarlab.memory.measures import entropy_bits, frontier, realised_autonomy, shannon_bits
from aarlab.memory.runfile import RunFile


@pytest.fixture
def file(tmp_path: Path) -> RunFile:
    return RunFile.create(tmp_path / "run.db", run_id="run", version="0", seed=1, scenario={})


def brief(file: RunFile, researchers: int) -> None:
    for i in range(researchers):
        file.append(f"r{i}", Brief("researcher", "m", "", "", None), round=0, hours=0.0)


def post(file: RunFile, round_: int, families: Iterable[str | None], *, code: str | None = "c") -> None:
    """Let researcher i post a finding of the i-th family, None for nothing."""
    for i, family in enumerate(families):
        if family is not None:
            finding = Finding("f", f"r{i}", "result", "", "", family, "e", code, "full", 0.1, 0.1)
            file.append(f"r{i}", finding, round=round_, hours=1.0)


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40))
def test_entropy_lies_between_none_and_all_alike(labels: list[str]) -> None:
    assert 0 <= shannon_bits(labels) <= math.log2(len(set(labels))) + 1e-12
    assert shannon_bits(labels) == shannon_bits(sorted(labels))


def test_entropy_is_averaged_over_rounds_and_counts_the_last_family_of_each(file: RunFile) -> None:
    brief(file, 8)
    post(file, 1, "a" * 8)
    post(file, 1, "aaaabbbb")
    post(file, 2, "abcdefgh")
    assert entropy_bits(file) == pytest.approx((1 + 3) / 2)


def test_rounds_with_few_active_researchers_are_left_out(file: RunFile) -> None:
    brief(file, 6)
    post(file, 1, ["a", "b", "c", "d", None, None])
    assert entropy_bits(file) is None
    post(file, 2, "aabbcc")
    assert entropy_bits(file) == pytest.approx(math.log2(3))


def test_a_small_team_counts_from_two(file: RunFile) -> None:
    brief(file, 3)
    post(file, 1, ["a", None, None])
    assert entropy_bits(file) is None
    post(file, 2, ["a", "b", None])
    assert entropy_bits(file) == 1.0


def test_ideas_without_code_are_not_activity(file: RunFile) -> None:
    brief(file, 2)
    post(file, 1, "ab", code=None)
    assert entropy_bits(file) is None


def test_autonomy_is_the_agents_share_of_decisions(file: RunFile) -> None:
    assert realised_autonomy(file) is None
    takers: tuple[Decider, ...] = ("agent", "agent", "structure", "reviewer")
    for taker in takers:
        file.append("r0", Decision("next_step", "x", taker), round=1, hours=0.0)
    assert realised_autonomy(file) == 0.5


def test_the_frontier_is_in_team_hours_and_counts_full_runs_only(file: RunFile) -> None:
    brief(file, 2)
    runs: list[tuple[str, float, str, float | None]] = [
        ("r0", 3.0, "full", 0.4), ("r1", 2.0, "full", 0.2), ("r1", 4.0, "full", 0.3), ("r0", 1.0, "pilot", 0.9),
        ("r1", 6.0, "full", None), ("r0", 7.0, "full", 0.5),
    ]  # fmt: skip
    for stream, hours, fidelity, pgr in runs:
        experiment = Experiment("e", "m.py", "c", fidelity, None, pgr, None, [])  # type: ignore[arg-type]
        file.append(stream, experiment, round=1, hours=hours)
    assert frontier(file) == [(4.0, 0.2), (6.0, 0.4), (14.0, 0.5)]
