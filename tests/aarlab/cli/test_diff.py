"""Tests of `aarlab diff`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from aarlab.cli.diff_command import compare_runs
from aarlab.memory.run_reader import RunReader

Aarlab = Callable[..., Result]


@pytest.fixture(scope="module")
def forked(summary: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a fork with other settings from round 2 on."""
    from aarlab import fork

    out = tmp_path_factory.mktemp("forks")
    return Path(fork(summary["file"], 2, settings=["structure.workflow=staged"], out=out)["file"])


def test_run_equals_itself(aarlab: Aarlab, summary: dict[str, Any]) -> None:
    done = aarlab("diff", summary["file"], summary["file"])
    assert done.exit_code == 0
    assert "All events are the same." in done.stdout


def test_divergence_is_the_first_differing_event(summary: dict[str, Any], forked: Path) -> None:
    with RunReader.open(Path(summary["file"])) as one, RunReader.open(forked) as other:
        comparison = compare_runs(one, other)
        logs = [{(e.stream, e.ordinal): (e.round, e.hours, e.event) for e in file.entries()} for file in (one, other)]
    assert comparison.settings == {"structure.workflow": ("autonomous", "staged")}
    assert comparison.divergences
    for divergence in comparison.divergences:
        common = [(divergence.stream, ordinal) for ordinal in range(divergence.ordinal)]
        assert all(logs[0][position] == logs[1][position] for position in common)
        assert logs[0].get((divergence.stream, divergence.ordinal)) != logs[1].get(
            (divergence.stream, divergence.ordinal)
        )
        assert divergence.round >= 2
    assert set(comparison.decisions) >= {"r1", "r2"}
    assert all("(by agent)" in first and "(by structure)" in second for first, second in
               (comparison.decisions[name] for name in ("r1", "r2")))  # fmt: skip
    assert comparison.measures["realised autonomy"] == (summary["realised_autonomy"], pytest.approx(0.5, abs=0.45))


def test_diff_prints_text_and_json(aarlab: Aarlab, summary: dict[str, Any], forked: Path) -> None:
    done = aarlab("diff", summary["file"], str(forked))
    assert done.exit_code == 1
    for heading in ("Settings that differ", "The runs diverge in round 2", "First decision that differs",
                    "Best development score by team hours", "Measures that differ"):  # fmt: skip
        assert heading in done.stdout
    output = json.loads(aarlab("diff", summary["file"], str(forked), "--json").stdout)
    assert output["divergences"][0]["round"] == 2
    assert len(output["development_pgr"]) == 4


def test_diff_refuses_other_files(aarlab: Aarlab, summary: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("precious")
    done = aarlab("diff", summary["file"], "notes.db")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "is not a run file" in done.stderr
