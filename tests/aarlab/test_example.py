"""docs/ablation_in_python.py runs unchanged."""

from pathlib import Path

import pytest

from aarlab.report import analyse, results_from
from aarlab.report.sentences import result_sentence

EXAMPLE = Path(__file__).parents[2] / "docs" / "ablation_in_python.py"


@pytest.mark.long
def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    # One worker process is enough for four short runs.
    monkeypatch.setattr("aarlab.ablation.execution.available_cores", lambda: 1)
    names: dict[str, object] = {"__name__": "__main__"}
    exec(compile(EXAMPLE.read_text(), str(EXAMPLE), "exec"), names)
    output = capsys.readouterr().out
    assert "simulated researchers, not a language model" in output
    assert output.count("held-out PGR") >= 4
    assert "seeds to detect 0.03 for an SD of 0.06 over runs: 64" in output
    analysis = analyse(results_from([tmp_path / "workflow"]))
    assert [len(arm.done) for arm in analysis.arms] == [2, 2]
    assert result_sentence(analysis) in output
