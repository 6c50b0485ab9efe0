"""Tests of `aarlab import-study` with small files of the form that the study released."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from aarlab.memory.board import Board
from aarlab.memory.measures import frontier
from aarlab.memory.run_reader import RunReader

AarlabCommand = Callable[..., Result]
WEAK, STRONG = 0.5, 0.7


def _result(root: Path, method: str, seed: int, /, **fields: Any) -> Path:
    path = root / f"chat-0115_{method}" / "e5" / f"seed_{seed}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"dataset_name": "chat-0115", "seed": seed, "idea_name": method, **fields}))
    return path


def _method_result(root: Path, method: str, seed: int, transfer: float, /, **fields: Any) -> Path:
    fixed = {"fixed_weak_baseline": WEAK, "fixed_strong_baseline": STRONG}
    pgr = (transfer - WEAK) / (STRONG - WEAK)
    own = {"weak_acc": 0.55, "strong_acc": 0.75}  # accuracies of the seed, which PGR must not be computed from
    return _result(root, method, seed, **{**fixed, **own, "transfer_acc": transfer, "pgr": pgr, **fields})


@pytest.fixture
def study(tmp_path: Path) -> Path:
    root = tmp_path / "released"
    for seed, transfer in enumerate((0.52, 0.54, 0.59), 42):
        _method_result(root, "vanilla_w2s", seed, transfer)
        _result(root, "train_ceiling", seed, weak_acc=None, strong_acc=STRONG)
    for seed, transfer in enumerate((0.50, 0.48), 42):
        _method_result(root, "critic", seed, transfer)
    return root


def _findings(root: Path, *records: Any) -> Path:
    root.mkdir(exist_ok=True)
    (root / "findings.json").write_text(json.dumps(list(records)))
    return root


def test_lines_have_mean_and_se_over_seeds(aarlab: AarlabCommand, study: Path) -> None:
    done = aarlab("import-study", str(study), "--json")
    assert done.exit_code == 0, done.output
    output = json.loads(done.stdout)
    lines = {line["method"]: line for line in output["lines"]}
    assert lines.keys() == {"vanilla_w2s", "critic"}
    assert lines["vanilla_w2s"]["pgr"] == pytest.approx(0.25)
    assert lines["vanilla_w2s"]["pgr_se"] == pytest.approx(math.sqrt(0.0325 / 3))
    assert lines["critic"]["pgr"] == pytest.approx(-0.05)
    (task,) = output["tasks"]
    assert (task["weak"]["mean"], task["weak"]["origin"]) == (WEAK, "fixed")
    assert (task["strong"]["mean"], task["strong"]["seeds"]) == (pytest.approx(STRONG), 3)
    assert output["warnings"] == []
    assert "vanilla_w2s" in aarlab("import-study", str(study), "--out", "again.json").stdout


def test_missing_pgr_uses_the_tasks_fixed_accuracies(aarlab: AarlabCommand, study: Path) -> None:
    _method_result(study, "em", 42, 0.6, pgr=None)
    lines = json.loads(aarlab("import-study", str(study), "--json").stdout)["lines"]
    assert next(line["pgr"] for line in lines if line["method"] == "em") == pytest.approx(0.5)


def test_contents_that_contradict_names_are_warned_of(aarlab: AarlabCommand, study: Path) -> None:
    _method_result(study, "ue_zeroshot", 43, 0.52, seed=42, idea_name="vanilla_w2s")
    _method_result(study, "rounded", 42, 0.52, pgr=0.2)
    output = json.loads(aarlab("import-study", str(study), "--json").stdout)
    assert len(output["warnings"]) == 3
    assert any("ue_zeroshot: 1 of 1 files contain another seed" in warning for warning in output["warnings"])
    assert any("name the method vanilla_w2s" in warning for warning in output["warnings"])
    assert any("rounded: in 1 of 1 files the PGR differs" in warning for warning in output["warnings"])
    assert next(line for line in output["lines"] if line["method"] == "ue_zeroshot")["pgr_by_seed"].keys() == {"43"}


def test_power_uses_the_pooled_sd_of_a_study_file(aarlab: AarlabCommand, study: Path) -> None:
    aarlab("import-study", str(study))
    done = aarlab("power", "autonomy", "--study", "study.json")
    assert done.exit_code == 0, done.output
    assert "not the spread over teams" in " ".join(done.stdout.split())
    (design,) = json.loads(aarlab("power", "autonomy", "--study", "study.json", "--json").stdout)["comparisons"]
    pooled = (2 * 0.0325 + 1 * 0.005) / 3
    assert design["sd"] == pytest.approx(math.sqrt(2 * pooled))
    assert design["sd_from"] == "study"
    low, high = design["required_seeds_range"]
    assert low < design["required_seeds"] < high


def test_power_refuses_unusable_study_files(aarlab: AarlabCommand, study: Path, tmp_path: Path) -> None:
    for path in sorted(study.glob("*/*/seed_4[34].json")):
        path.unlink()
    aarlab("import-study", str(study))
    (tmp_path / "other.json").write_text("{}")
    refused = {
        ("autonomy", "--study", "study.json"): "no method has different results",
        ("autonomy", "--study", "other.json"): "not a study file",
        ("autonomy", "--study", "none.json"): "cannot be read",
        ("autonomy", "--study", "study.json", "--difference", "0"): "other than 0",
    }
    for arguments, reason in refused.items():
        done = aarlab("power", *arguments)
        assert (done.exit_code, reason in done.stderr) == (2, True), done.output


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        ({"pgr": float("nan")}, "pgr", "not finite"),
        ({"pgr": 10**400}, "pgr", "not finite"),
        ({"pgr": "0.2"}, "pgr", "type str"),
        ({"transfer_acc": 1.2}, "transfer_acc", "the accuracy 1.2"),
        ({"fixed_weak_baseline": 0.6}, "fixed_weak_baseline", "another one for the same task"),
        ({"pgr": None, "transfer_acc": 0.5, "dataset_name": 3}, "dataset_name", "type int"),
    ],
)
def test_invalid_results_are_refused_with_file_and_field(
    aarlab: AarlabCommand, study: Path, fields: dict[str, Any], field: str, problem: str
) -> None:
    path = _method_result(study, "vanilla_w2s", 45, 0.5, **fields)
    done = aarlab("import-study", str(study))
    assert done.exit_code == 2
    assert all(text in done.stderr for text in (path.name, field, problem)), done.stderr
    assert not Path("study.json").exists()


def test_files_that_are_not_results_are_refused(aarlab: AarlabCommand, study: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text("{}")
    link = study / "chat-0115_critic" / "e5" / "seed_99.json"
    for make, problem in {
        lambda: link.write_text("{"): "not JSON",
        lambda: link.write_text("[" * 100_000): "not JSON",
        lambda: link.write_bytes(b"\xff\xfe"): "not UTF-8",
        lambda: link.write_text("[1]"): "type list",
        lambda: link.symlink_to(outside): "outside of the folder",
    }.items():
        link.unlink(missing_ok=True)
        make()
        done = aarlab("import-study", str(study))
        assert (done.exit_code, problem in done.stderr) == (2, True), done.output
    link.unlink()
    twice = link.with_name("seed_042.json")
    twice.write_bytes(twice.with_name("seed_42.json").read_bytes())
    done = aarlab("import-study", str(study))
    assert (done.exit_code, "the same seed as seed_042.json" in done.stderr) == (2, True), done.output
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no results and no findings" in aarlab("import-study", str(empty)).stderr


def test_existing_files_are_not_overwritten(aarlab: AarlabCommand, study: Path) -> None:
    _findings(study, {"title": "An insight"})
    Path("study.json").write_text("mine")
    done = aarlab("import-study", str(study))
    assert (done.exit_code, "the file exists" in done.stderr) == (2, True)
    assert (Path("study.json").read_text(), Path("runs").exists()) == ("mine", False)


def _partial_run(aarlab: AarlabCommand, root: Path, *records: Any) -> RunReader:
    done = aarlab("import-study", str(_findings(root, *records)), "--json")
    assert done.exit_code == 0, done.output
    return RunReader.open(Path(json.loads(done.stdout)["run_file"]))


def test_findings_fill_board_leaderboard_and_curve(aarlab: AarlabCommand, tmp_path: Path) -> None:
    root = tmp_path / "released"
    (root / "snaps").mkdir(parents=True)
    (root / "snaps" / "em.py").write_text("def train(): ...")
    with _partial_run(
        aarlab, root,
        {"type": "result", "title": "Overlap", "pgr": 0.7, "pgr_se": 0.1, "num_seeds": 5, "run_id": "b",
         "created_at": "2026-02-02T00:00:00Z"},
        {"type": "hypothesis", "title": "Channel", "content": "why", "run_id": "a",
         "created_at": "2026-02-01T12:00:00"},
        {"type": "Result", "title": "EM", "pgr": 0.5, "run_id": "a", "created_at": "2026-02-01T18:00:00+00:00",
         "snapshots": ["snaps/em.py", {"path": "weights.bin"}]},
    ) as file:  # fmt: skip
        board = Board(file)
        assert [post.finding.title for post in board.leaderboard()] == ["Overlap", "EM"]
        assert {post.finding.author: post.hours for post in board.posts()} == {"r1": 6.0, "r2": 12.0}
        assert frontier(file) == [(12.0, 0.5), (24.0, 0.7)]
        code = next(post.finding.code for post in board.posts() if post.finding.title == "EM")
        assert code is not None
        assert "def train" in file.text(code)
        assert file.info().status == "partial"


def test_partial_runs_are_shown_checked_and_exported(aarlab: AarlabCommand, tmp_path: Path) -> None:
    record = {"title": "EM", "content": "a noisy channel", "pgr": 0.5, "run_id": "agent-7"}
    with _partial_run(aarlab, tmp_path / "released", record) as file:
        run = str(file.path)
        digest = file.digest()
    shown = aarlab("show", run, "--full").stdout
    assert all(text in shown for text in ("Partial run", "agent-7", "best development PGR", "a noisy channel"))
    checked = aarlab("check", run)
    assert (checked.exit_code, "Partial run" in checked.stdout) == (0, True), checked.output
    assert json.loads(aarlab("check", run, "--json").stdout)["partial"]
    for format in ("csv", "graphml", "jsonl"):
        assert aarlab("export", run, "--format", format, "--out", f"out-{format}").exit_code == 0
    back = json.loads(aarlab("import", "out-jsonl", "--out", "back", "--json").stdout)
    assert back["digest"] == digest


def test_partial_runs_cannot_be_executed(aarlab: AarlabCommand, tmp_path: Path) -> None:
    with _partial_run(aarlab, tmp_path / "released", {"title": "EM", "pgr": 0.5}) as file:
        run = str(file.path)
    for command in (("replay",), ("resume",), ("fork", "--round", "1")):
        done = aarlab(*command, run)
        assert (done.exit_code, "partial run" in done.stderr) == (2, True), done.output


def test_findings_may_lack_any_field(aarlab: AarlabCommand, tmp_path: Path) -> None:
    fields = ("type", "title", "content", "pgr", "pgr_se", "num_seeds", "run_id", "created_at", "snapshots")
    with _partial_run(
        aarlab, tmp_path / "released", {}, dict.fromkeys(fields), {"title": "\ud800 \u0000", "votes": 3, "pgr": -0.2}
    ) as file:
        posts = [post.finding for post in Board(file).posts()]
        assert [(post.type, post.pgr) for post in posts] == [("insight", None), ("insight", None), ("result", -0.2)]
    assert aarlab("check", str(file.path)).exit_code == 0


def test_findings_are_read_from_lines_and_single_files(aarlab: AarlabCommand, tmp_path: Path) -> None:
    root = tmp_path / "released"
    (root / "findings").mkdir(parents=True)
    (root / "findings.jsonl").write_text('{"title": "one"}\n\n{"title": "two"}\n')
    (root / "findings" / "3.json").write_text('{"title": "three"}')
    done = aarlab("import-study", str(root), "--json")
    assert json.loads(done.stdout)["findings"] == 3, done.output
    (root / "findings.jsonl").write_text('{"title": "one"}\n{"title"\n')
    assert "findings.jsonl:2" in aarlab("import-study", str(root), "--runs", "again").stderr


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ({"pgr": float("inf")}, "pgr"),
        ({"pgr_se": -0.1}, "pgr_se"),
        ({"num_seeds": 2.5}, "num_seeds"),
        ({"type": "rumour"}, "type"),
        ({"title": "x" * 1_000_001}, "title"),
        ({"content": ["x"]}, "content"),
        ({"run_id": "x" * 1000}, "run_id"),
        ({"created_at": "yesterday"}, "created_at"),
        ({"created_at": 1e30}, "created_at"),
        ({"snapshots": "../secret.py"}, "snapshots"),
        ({"snapshots": ["/etc/passwd"]}, "snapshots"),
        ({"snapshots": [{"path": None}]}, "snapshots"),
        ({"snapshots": "a\u0000.py"}, "snapshots"),
        ({"snapshots": "link.py"}, "snapshots"),
    ],
)
def test_invalid_findings_are_refused_with_their_field(
    aarlab: AarlabCommand, tmp_path: Path, record: dict[str, Any], field: str
) -> None:
    root = _findings(tmp_path / "released", {"title": "good"}, record)
    (tmp_path / "secret.py").write_text("secret")
    (root / "link.py").symlink_to(tmp_path / "secret.py")
    done = aarlab("import-study", str(root))
    assert (done.exit_code, f"findings.json[1]: {field}" in done.stderr) == (2, True), done.output
    assert not Path("runs").exists()
