"""`aarlab doctor`: an honest account of what this machine can do, and an exit status to go by."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from aarlab.cli.machine_report import folder_status, key_variables
from aarlab.tools.sandbox import ALL_LAYERS, Sandbox, SandboxMode, SandboxUnavailable, layers

Aarlab = Callable[..., Result]


def works(mode: SandboxMode) -> bool:
    try:
        Sandbox(mode).close()
    except SandboxUnavailable:
        return False
    return True


def test_the_exit_status_is_whether_a_strict_run_can_work(aarlab: Aarlab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "hunter2")
    done = aarlab("doctor", "--json")
    told = json.loads(done.stdout)
    assert told["ready"] == (done.exit_code == 0) == works("strict")
    assert told["docker"]["on"] == works("docker") == (told["docker"]["problem"] is None)
    assert done.stderr == ""
    assert "hunter2" not in done.stdout
    assert {layer["name"] for layer in told["layers"]} == ALL_LAYERS
    assert {layer["name"]: layer["on"] for layer in told["layers"]} == {x.name: x.available for x in layers()}
    assert all(layer["reason"] for layer in told["layers"])
    assert {"Python", "aarlab", "numpy", "langgraph"} <= told["versions"].keys()
    assert told["cores"] >= 1
    assert list(Path.cwd().iterdir()) == []


def test_a_place_where_no_run_can_be_kept_is_trouble_and_a_cache_that_cannot_be_written_to_is_not(
    aarlab: Aarlab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AARLAB_CACHE", "/dev/null/cache")
    (tmp_path / "runs").write_text("these are notes")
    done = aarlab("doctor")
    assert done.exit_code == 1
    found, verdict = " ".join(done.stdout.split()).split("A strict run cannot work here.")
    assert "/dev/null is not a folder" in found
    assert "is not a folder" in verdict
    assert "/dev/null" not in verdict


def test_a_folder_tells_how_much_it_holds_and_one_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "b").write_bytes(b"678")
    (tmp_path / "below").mkdir()
    full, future = folder_status(tmp_path), folder_status(tmp_path / "not" / "yet")
    assert (full.files, full.size, full.problem) == (2, 8, None)
    assert (future.files, future.size, future.problem) == (0, 0, None)
    assert folder_status(tmp_path / "a" / "below").problem == f"{tmp_path / 'a'} is not a folder"
    assert not (tmp_path / "not").exists()


def test_the_keys_that_matter_are_those_that_models_ask_for() -> None:
    assert key_variables("a key in ANTHROPIC_API_KEY, or in OTHER_KEY") == ["ANTHROPIC_API_KEY", "OTHER_KEY"]
    assert key_variables("nothing") == []
