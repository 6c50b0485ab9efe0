"""Numbers of reports on real run files agree with the files."""

import csv
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
from click.testing import Result
from synthetic_runs import ARMS, results, run_file

from aarlab.config import run_file_cache
from aarlab.report import analyse, markdown
from aarlab.report.sentences import (
    caveats,
    result_sentence,
)


@pytest.fixture(scope="module")
def small_runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Run files of two structures under two seeds."""
    folder = tmp_path_factory.mktemp("runs")
    scores = {("autonomous", 1): 0.5, ("autonomous", 2): 0.62, ("staged", 1): 0.41, ("staged", 2): 0.44}
    return [
        run_file(folder / f"{structure}-{seed}.db", seed=seed, structure=structure, pgr=pgr, agent_decisions=seed + 1)
        for (structure, seed), pgr in scores.items()
    ]


def scalar(path: Path, query: str) -> Any:
    with sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchone()[0]


def heldout(path: Path) -> float:
    """Return the winner's held-out PGR from its evaluations, not from the summary."""
    query = "SELECT pgr FROM evaluations WHERE panel = 'heldout' AND subject = (SELECT best FROM run_results)"
    return float(scalar(path, query))


def test_numbers_equal_those_recomputed_from_the_run_files(
    aarlab: Callable[..., Result], small_runs: list[Path], tmp_path: Path
) -> None:
    done = aarlab("report", "--json", "--out", str(tmp_path / "r.html"), *map(str, small_runs))
    assert done.exit_code == 0, done.output
    text = json.loads(done.stdout)
    values = {path.stem: heldout(path) for path in small_runs}
    free, staged = ([values[f"{structure}-{seed}"] for seed in (1, 2)] for structure in ("autonomous", "staged"))
    assert text["arms"]["autonomous"]["mean"]["value"] == pytest.approx(fmean(free), abs=1e-6)
    assert text["arms"]["staged"]["sd"] == pytest.approx(stdev(staged), abs=1e-6)
    (compared,) = text["comparisons"]
    assert compared["mean"]["value"] == pytest.approx(fmean(staged) - fmean(free), abs=1e-6)

    table = list(csv.DictReader((tmp_path / "r-tables" / "runs.csv").read_text().splitlines()))
    for row, path in zip(table, small_runs, strict=True):
        assert float(row["heldout.pgr"]) == pytest.approx(values[path.stem], abs=1e-6)
        autonomy = scalar(path, "SELECT avg(taken_by = 'agent') FROM decisions")
        assert float(row["realised_autonomy"]) == pytest.approx(autonomy, abs=1e-4)
    page_text = (tmp_path / "r.html").read_text()
    page_text = page_text[page_text.index("<body>") :]
    assert f"<td class=i>{fmean(free):.3f} (" in page_text
    assert f">{fmean(staged) - fmean(free):+.3f} (".replace("-", "\N{MINUS SIGN}") in page_text


def test_reference_differences_are_paired_by_world(small_runs: list[Path]) -> None:
    from aarlab.report import results_from

    line = analyse(results_from(small_runs)).references[0]
    staged = fmean([0.41, 0.44]) - 0.3
    assert line.over_runs["staged"].mean.value == pytest.approx(staged)
    # Every method has the same profile over the worlds, so the difference does not vary.
    over_worlds = line.over_worlds["staged"]
    assert (over_worlds.mean, over_worlds.worlds) == (pytest.approx(staged), 8)
    assert (over_worlds.low, over_worlds.high) == (pytest.approx(staged), pytest.approx(staged))


def test_a_run_stopped_by_a_limit_is_included(small_runs: list[Path], tmp_path: Path) -> None:
    from aarlab.report import results_from

    stopped = run_file(
        tmp_path / "stopped.db", seed=3, structure="staged", pgr=0.3, agent_decisions=1, status="stopped"
    )
    text = analyse(results_from([*small_runs, stopped]))
    assert text.primary.arm_summaries["staged"].n == 3
    assert not any("planned runs are not done" in caveat for caveat in caveats(text))


def test_the_normalised_area_equals_the_summary(small_runs: list[Path]) -> None:
    from aarlab.report import results_from
    from aarlab.statistics import normalised_area

    for one in results_from(small_runs).records:
        assert normalised_area(one.frontier, 2 * 24.0) == pytest.approx(
            one.summary["development_pgr"]["mean"], abs=1e-3
        )


def test_run_files_are_grouped_by_configuration(small_runs: list[Path], tmp_path: Path) -> None:
    from aarlab.config import ConfigError
    from aarlab.report import results_from

    text = results_from([small_runs[0].parent])
    assert [one.arm for one in text.records] == ["autonomous", "autonomous", "staged", "staged"]
    copy = shutil.copy(small_runs[0], tmp_path / "copy.db")
    with pytest.raises(ConfigError, match="the same run as"):
        results_from([*small_runs, copy])
    again = run_file(tmp_path / "again.db", seed=1, structure="autonomous", pgr=0.51, agent_decisions=2)
    results = results_from([*small_runs, again])
    assert [one.arm for one in results.records][-1] == "autonomous (repetition 2)"
    assert "have the same configuration" in " ".join(caveats(analyse(results)))


def test_presets_with_the_same_dials_are_arms_with_their_own_names(small_runs: list[Path], tmp_path: Path) -> None:
    from aarlab.report import results_from

    structures: list[dict[str, Any]] = [
        {"preset": "autonomous", "workflow": "staged"},
        {"preset": "autonomous", "workflow": "staged", "review": "advisory"},
    ]
    others = [
        run_file(tmp_path / f"{number}.db", seed=1, structure=structure, pgr=0.5, agent_decisions=2)
        for number, structure in enumerate(structures)
    ]
    names = [one.arm for one in results_from([small_runs[2], *others]).records]
    assert len(set(names)) == 3
    assert not any("repetition" in name for name in names)


def test_unchanged_files_are_opened_once(
    small_runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aarlab.report import results_from

    monkeypatch.setenv("AARLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(run_file_cache, "_MIN_AGE_S", 0.0)
    connect, opened = sqlite3.connect, []

    def connect_and_note(database: object, *arguments: Any, **options: Any) -> sqlite3.Connection:
        opened.append(str(database))
        return connect(database, *arguments, **options)

    monkeypatch.setattr(sqlite3, "connect", connect_and_note)
    first = markdown(analyse(results_from(small_runs)))
    assert sum(small_runs[0].name in name for name in opened) == 1
    opened.clear()
    assert markdown(analyse(results_from(small_runs))) == first
    assert not any(path.name in name for path in small_runs for name in opened)


def test_a_file_that_is_altered_later_is_named(
    small_runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aarlab.config import ConfigError
    from aarlab.report import results_from

    monkeypatch.setenv("AARLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(run_file_cache, "_MIN_AGE_S", 0.0)
    path = Path(shutil.copy(small_runs[0], tmp_path / "run.db"))
    assert len(results_from([path]).records) == 1
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE runs SET scenario = replace(scenario, 'autonomous', 'undirected')")
        connection.commit()
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"run\.db(?s:.*)was altered"):
            results_from([path])


def test_the_cache_has_no_secret(
    aarlab: Callable[..., Result], small_runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aarlab.report import results_from

    cache = tmp_path / "cache"
    monkeypatch.setenv("AARLAB_CACHE", str(cache))
    monkeypatch.setattr(run_file_cache, "_MIN_AGE_S", 0.0)
    path = Path(shutil.copy(small_runs[0], tmp_path / "run.db"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE runs SET scenario = json_set(scenario, '$.scoring.secret', 'mellon')")
        connection.commit()
    records = [results_from([path]).records[0] for _ in range(2)]
    assert records[0] == records[1]
    assert records[0].scenario["scoring"]["secret"].startswith("laboratory:")
    files = [file for file in cache.rglob("*") if file.is_file()]
    assert files
    assert not any(b"mellon" in file.read_bytes() for file in files)
    assert (cache / "run-files.db").stat().st_mode & 0o077 == 0


def test_a_single_run_has_a_page_of_its_own(
    aarlab: Callable[..., Result], small_runs: list[Path], tmp_path: Path
) -> None:
    done = aarlab("report", str(small_runs[0]), "--out", str(tmp_path / "run.html"))
    assert done.exit_code == 0, done.output
    text = (tmp_path / "run.html").read_text()
    assert '"result":"The team reached' in text
    assert "simulated/" in text
    assert {path.name for path in (tmp_path / "run-tables").iterdir()} == {"researchers.csv", "findings.csv"}
    done = aarlab("report", str(small_runs[0]), "--out", str(tmp_path / "run.md"))
    assert "simulated researchers, not a language model" in (tmp_path / "run.md").read_text()


def test_runs_on_several_tasks_are_no_separate_arms(small_runs: list[Path], tmp_path: Path) -> None:
    from aarlab.report import results_from

    on_math = [
        run_file(tmp_path / f"{kind}.db", seed=1, structure=kind, pgr=0.4, agent_decisions=2, task="math")
        for kind in ("autonomous", "staged")
    ]
    results = results_from([*small_runs, *on_math])
    assert [arm.name for arm in analyse(results).arms] == ["autonomous", "staged"]
    assert len(results.tasks) == 2
    assert "math" in results.tasks


def test_one_pair_is_reported_without_an_interval_or_claim() -> None:
    text = result_sentence(analyse(results(seeds=1, arms={name: ARMS[name] for name in ("free", "staged")})))
    assert text.startswith("No claim from a single pair of runs: among simulated researchers staged minus free ")
    assert " to " not in text


def test_invalid_sources_are_refused_before_writing(
    aarlab: Callable[..., Result], small_runs: list[Path], tmp_path: Path
) -> None:
    run = str(small_runs[0])
    (tmp_path / "no.db").write_text("no run")
    refused = {
        ("report", str(tmp_path / "nowhere")): "no such file or folder",
        ("report", str(tmp_path / "no.db")): "is not a run file",
        ("report", run, "--out", run): "another suffix",
        ("report", run, "--out", str(tmp_path / "away" / "r.html")): "is not a folder",
    }
    for arguments, reason in refused.items():
        done = aarlab(*arguments)
        assert (done.exit_code, reason in done.stderr) == (2, True), done.output
    assert {path.name for path in tmp_path.iterdir()} == {"no.db"}


def test_a_report_without_a_path_says_what_it_is_on(
    aarlab: Callable[..., Result], small_runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    none = aarlab("report")
    assert (none.exit_code, "no ablation and no run in this folder" in none.stderr) == (2, True)
    (tmp_path / "runs").mkdir()
    shutil.copy(small_runs[0], tmp_path / "runs")
    done = aarlab("report")
    assert done.exit_code == 0, done.output
    assert f"Report on runs/{small_runs[0].name}, the newest run here." in done.stderr
    assert (tmp_path / "runs" / "report.html").exists()
