"""Tests of `aarlab doctor`: its report and its exit status."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from aarlab.cli.doctor_command import folder_status, key_variables
from aarlab.tools.sandbox import ALL_LAYERS, Sandbox, SandboxUnavailable, layers

Aarlab = Callable[..., Result]


def strict_sandbox_works() -> bool:
    try:
        Sandbox("strict").close()
    except SandboxUnavailable:
        return False
    return True


def test_exit_status_is_whether_the_strict_sandbox_works(aarlab: Aarlab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "hunter2")
    done = aarlab("doctor", "--json")
    output = json.loads(done.stdout)
    assert output["ready"] == (done.exit_code == 0) == strict_sandbox_works()
    assert output["docker"]["available"] == (output["docker"]["problem"] is None)
    assert done.stderr == ""
    assert "hunter2" not in done.stdout
    assert {layer["name"] for layer in output["layers"]} == ALL_LAYERS
    assert {layer["name"]: layer["available"] for layer in output["layers"]} == {x.name: x.available for x in layers()}
    assert all(layer["reason"] for layer in output["layers"])
    assert {"Python", "aarlab", "numpy", "langgraph"} <= output["versions"].keys()
    assert output["cores"] >= 1
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.usefixtures("no_container_engine")
def test_unwritable_run_folder_is_a_problem_and_cache_is_not(
    aarlab: Aarlab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AARLAB_CACHE", "/dev/null/cache")
    (tmp_path / "runs").write_text("these are notes")
    done = aarlab("doctor")
    assert done.exit_code == 1
    report, verdict = " ".join(done.stdout.split()).split("Runs in the strict sandbox do not work here.")
    assert "docker: it is not installed" in report
    assert "/dev/null is not a folder" in report
    assert "is not a folder" in verdict
    assert "/dev/null" not in verdict


def test_folder_status_counts_files_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "b").write_bytes(b"678")
    (tmp_path / "below").mkdir()
    full, future = folder_status(tmp_path), folder_status(tmp_path / "not" / "yet")
    assert (full.files, full.size, full.problem) == (2, 8, None)
    assert (future.files, future.size, future.problem) == (0, 0, None)
    assert folder_status(tmp_path / "a" / "below").problem == f"{tmp_path / 'a'} is not a folder"
    assert not (tmp_path / "not").exists()


def test_key_variables_come_from_the_requirements() -> None:
    assert key_variables("a key in ANTHROPIC_API_KEY, or in OTHER_KEY") == ["ANTHROPIC_API_KEY", "OTHER_KEY"]
    assert key_variables("nothing") == []
