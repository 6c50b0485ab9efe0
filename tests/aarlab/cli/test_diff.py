"""`aarlab diff` shows where two runs part, and what followed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from aarlab.cli.run_comparison import compare_runs
from aarlab.memory.run_reader import RunReader

Aarlab = Callable[..., Result]


@pytest.fixture(scope="module")
def forked(summary: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that goes another way from the second round on."""
    from aarlab import fork

    out = tmp_path_factory.mktemp("forks")
    return Path(fork(summary["file"], 2, settings=["structure.workflow=staged"], out=out)["file"])


def test_a_run_does_not_differ_from_itself(aarlab: Aarlab, summary: dict[str, Any]) -> None:
    done = aarlab("diff", summary["file"], summary["file"])
    assert done.exit_code == 0
    assert "The same from the first event to the last." in done.stdout


def test_two_runs_part_where_the_log_first_differs(summary: dict[str, Any], forked: Path) -> None:
    with RunReader.open(Path(summary["file"])) as one, RunReader.open(forked) as other:
        found = compare_runs(one, other)
        logs = [{(e.stream, e.ordinal): (e.round, e.hours, e.event) for e in file.entries()} for file in (one, other)]
    assert found.settings == {"structure.workflow": ("autonomous", "staged")}
    assert found.divergences
    for divergence in found.divergences:
        common = [(divergence.stream, ordinal) for ordinal in range(divergence.ordinal)]
        assert all(logs[0][place] == logs[1][place] for place in common)
        assert logs[0].get((divergence.stream, divergence.ordinal)) != logs[1].get(
            (divergence.stream, divergence.ordinal)
        )
        assert divergence.round >= 2
    assert set(found.decisions) >= {"r1", "r2"}
    assert all("(by agent)" in first and "(by structure)" in second for first, second in
               (found.decisions[name] for name in ("r1", "r2")))  # fmt: skip
    assert found.measures["realised autonomy"] == (summary["realised_autonomy"], pytest.approx(0.5, abs=0.45))


def test_it_can_be_read_by_people_and_by_programs(aarlab: Aarlab, summary: dict[str, Any], forked: Path) -> None:
    done = aarlab("diff", summary["file"], str(forked))
    assert done.exit_code == 1
    for heading in ("Configured otherwise", "They part in round 2", "First decision that is different",
                    "Best development PGR by team hours", "Measures that differ"):  # fmt: skip
        assert heading in done.stdout
    told = json.loads(aarlab("diff", summary["file"], str(forked), "--json").stdout)
    assert told["divergences"][0]["round"] == 2
    assert len(told["development_pgr"]) == 4


def test_what_is_no_run_is_refused(aarlab: Aarlab, summary: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("precious")
    done = aarlab("diff", summary["file"], "notes.db")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "is not a run file" in done.stderr
