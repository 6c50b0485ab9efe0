"""docs/ablation_in_python.py runs as it is written."""

from pathlib import Path

import pytest

from aarlab.report import analyse, results_from
from aarlab.report.sentences import result_sentence

EXAMPLE = Path(__file__).parents[2] / "docs" / "ablation_in_python.py"


@pytest.mark.long
def test_the_example_runs_from_the_first_cell_to_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # The walls of the sandbox are tested elsewhere, and not to be had everywhere.
    code = EXAMPLE.read_text().replace('sandbox="strict"', 'sandbox="none"')
    names: dict[str, object] = {"__name__": "__main__"}
    exec(compile(code, str(EXAMPLE), "exec"), names)
    told = capsys.readouterr().out
    assert "simulated researchers, not a language model" in told
    assert told.count("held-out PGR") >= 4
    assert "seeds to see 0.03 if runs spread by 0.06: 64" in told
    again = analyse(results_from([tmp_path / "workflow"]))
    assert [len(arm.done) for arm in again.arms] == [2, 2]
    assert result_sentence(again) in told
