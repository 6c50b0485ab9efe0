"""Reports agree with their runs: in sentences, in numbers and in every format."""

import csv
import json
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import pytest
from browser import CHROMIUM, FLAGS
from click.testing import Result
from synthetic_runs import ARMS, record, results, run_file

from aarlab.ablation.records import Results, RunRecord
from aarlab.report import analyse, markdown, tables
from aarlab.report.html_page import page
from aarlab.report.sentences import (
    caveats,
    context_sentences,
    design_sentences,
    result_sentence,
    title_line,
)


def map_records(given: Results, change: Callable[[RunRecord], RunRecord]) -> Results:
    return replace(given, records=tuple(change(one) for one in given.records))


def with_claude(one: RunRecord) -> RunRecord:
    team = {**one.scenario["team"], "model": "anthropic/claude-x"}
    return replace(one, scenario={**one.scenario, "team": team})


# -- sentences ---------------------------------------------------------------------------------------------------------


def test_only_a_planted_difference_is_reported() -> None:
    text = result_sentence(analyse(results()))
    found = re.match(
        r"Among simulated researchers staged was lower than free in held-out PGR: (\S+) "
        r"\(95 % interval (\S+) to (\S+); 12 pairs, p < \.001 after correction\); "
        r"1 other planned comparison is not significant: (equivalent within ±0\.05|inconclusive).*\.$",
        text.replace("\N{MINUS SIGN}", "-"),
    )
    assert found, text
    difference, low, high = (float(part) for part in found.groups()[:3])
    assert low < difference < high < -0.1


def test_no_difference_is_reported_with_the_detectable_one() -> None:
    text = result_sentence(analyse(results(effects={})))
    assert text.startswith(
        "None of 2 planned comparisons shows a significant difference in held-out PGR among simulated"
    )
    assert re.search(r"differences below 0\.0\d+ would probably not be detected; (equivalent|inconclusive)", text)


def test_equal_arms_are_equivalent_only_with_enough_runs() -> None:
    arms = {name: ARMS[name] for name in ("free", "staged")}
    many = analyse(results(seeds=60, arms=arms, effects={}))
    assert many.primary.comparisons[0].verdict == "equivalent"
    assert result_sentence(many).endswith("; equivalent within ±0.05 (TOST).")
    few = analyse(results(seeds=6, arms=arms, effects={}))
    assert few.primary.comparisons[0].verdict == "inconclusive"
    assert "inconclusive, as equivalence within ±0.05 (TOST) is not shown." in result_sentence(few)
    wide = analyse(results(seeds=6, arms=arms, effects={}, margin=0.5))
    assert wide.primary.comparisons[0].verdict == "equivalent"
    bits = analyse(results(seeds=6, arms=arms, effects={}, measures=["entropy_bits"]))
    assert "no margin for equivalence is set" in result_sentence(bits)


def test_nothing_is_higher_or_lower_below_five_pairs() -> None:
    analysis = analyse(results(seeds=4))
    assert analysis.primary.comparisons[0].difference.p is not None
    assert analysis.primary.comparisons[0].difference.p < 0.05
    for text in (result_sentence(analysis), *context_sentences(analysis)):
        assert not re.search("higher|lower|above|below (it|free)", text), text
    assert "no claim is made from fewer than 5 pairs" in result_sentence(analysis)


def test_a_single_run_per_arm_has_no_interval() -> None:
    analysis = analyse(results(seeds=1))
    before_the_regression = markdown(analysis).partition("realised autonomy")[0]
    text = " ".join([result_sentence(analysis), *context_sentences(analysis), before_the_regression])
    assert not re.search(r"\d to [+\N{MINUS SIGN}\d]", text)
    assert all(c.difference.mean.interval is None for c in analysis.primary.comparisons)


def test_a_figure_has_no_interval_of_a_single_pair() -> None:
    from aarlab.report import figures

    for seeds, shown in ((1, False), (2, True)):
        differences = [c.difference for c in analyse(results(seeds=seeds)).primary.comparisons]
        figure = figures.difference_forest(differences, [False] * len(differences), "held-out PGR")
        assert (" to " in figure.layout.annotations[0].text) == shown


def test_controls_are_a_family_of_their_own() -> None:
    analysis = analyse(results())
    structures, controls = analysis.primary.structures, analysis.primary.controls
    assert [c.difference.arm for c in structures] == ["staged", "scripted"]
    assert [c.difference.arm for c in controls] == ["random search"]
    assert controls[0].p_holm == controls[0].difference.p
    assert max(c.p_holm or 0 for c in structures) == max(c.difference.p or 0 for c in structures)
    assert context_sentences(analysis)[0].startswith("Control: random search against free, ")
    worse = analyse(results(effects={"random search": -0.2}))
    assert context_sentences(worse)[0].startswith("Control: random search was lower than free, ")
    assert "random search" not in result_sentence(worse)


def test_looks_use_their_own_level() -> None:
    arms = {name: ARMS[name] for name in ("free", "staged")}
    plain = analyse(results(seeds=20, arms=arms, effects={"staged": -0.05}))
    look = analyse(results(seeds=20, arms=arms, effects={"staged": -0.05}, looks=[10, 20, 40]))
    assert look.look is not None
    assert (look.look.number, look.look.of) == (2, 3)
    (before,), (after,) = plain.primary.comparisons, look.primary.comparisons
    assert before.difference.p == after.difference.p
    assert (before.p_holm or 1) < (after.p_holm or 0)
    low, high = after.difference.mean.interval or (0, 0)
    assert after.significant == (low > 0 or high < 0) == ((after.difference.p or 1) < look.look.level)
    assert "99.695 % interval" in result_sentence(look)
    assert "This is look 2 of 3, at 20 seeds: p < .003 before correction is significant" in result_sentence(look)
    assert "mean (99.695 %)" in markdown(look)


def test_simulated_policies_are_named_in_the_title() -> None:
    given = results(seeds=3)
    assert "simulated researchers, not a language model" in title_line(analyse(given))
    half = map_records(given, lambda one: with_claude(one) if one.arm == "free" else one)
    assert "partly simulated" in title_line(analyse(half))
    live = map_records(results(seeds=3, arms={"free": {}, "staged": {"structure": "staged"}}), with_claude)
    assert title_line(analyse(live)) == "synthetic: anthropic/claude-x"
    assert "among simulated" not in result_sentence(analyse(live)).lower()
    assert "simulated researchers, not a language model" in page(analyse(given)).split("</title>")[0]


def test_the_most_serious_caveats_come_first() -> None:
    given = results(seeds=6)
    statuses = {("staged", 2): "missing", ("staged", 3): "failed"}
    given = map_records(given, lambda one: replace(one, status=statuses.get((one.arm, one.seed), "done")))  # type: ignore[arg-type]
    given = map_records(
        given,
        lambda one: record(one.arm, one.seed, None, ARMS["free"]) if (one.arm, one.seed) == ("free", 1) else one,
    )
    text = caveats(analyse(given))
    assert text[0].startswith("2 of 24 planned runs are not done.")
    assert text[1].startswith("Every arm has fewer than 10 runs.")
    assert text[2].startswith("1 of 6 runs of free ended without held-out PGR")
    left_out = next(table for table in tables(analyse(given)) if table.name == "left_out")
    assert [row[:4] for row in left_out.rows] == [
        ("free", "chat", 1, "done"),
        ("staged", "chat", 2, "missing"),
        ("staged", "chat", 3, "failed"),
    ]


def test_enough_runs_without_violations_have_no_caveats() -> None:
    assert caveats(analyse(results())) == []


def test_violations_by_controls_are_no_caveats() -> None:
    violated = {"structure_violations": ["directions: r4 did not follow its direction"]}

    def violating(arm: str) -> list[str]:
        return caveats(
            analyse(
                map_records(
                    results(),
                    lambda one: replace(one, summary={**one.summary, **violated}) if one.arm == arm else one,
                )
            )
        )

    assert violating("random search") == []
    (caveat,) = violating("staged")
    assert caveat.startswith("In 12 of 36 runs, not counting controls, events violated the configured structure")


def test_unequal_budgets_and_identical_arms_are_caveats() -> None:
    arms = {
        "short": {"budget": {"hours": 4}},
        "long": {"budget": {"hours": 16}},
        "long 2": {"budget": {"hours": 16}},
    }
    text = caveats(analyse(results(arms=arms)))
    assert text[0].startswith(
        "Budgets were not equal: from 36 research hours for the whole team in short to 144 in long."
    )
    assert text[1] == "long and long 2 have the same configuration: their difference is noise."


def test_seeds_that_were_added_after_the_start_are_a_caveat() -> None:
    (caveat,) = caveats(analyse(results(earlier_seeds=[4, 8])))
    assert caveat.startswith("The number of seeds was increased after the start, from 4 to 8 to 12.")


def test_a_dial_without_effect_is_a_caveat() -> None:
    given = results(arms={"free": {}, "advised": {"structure": {"review": "advisory"}}})
    scores = {one.seed: one.summary["heldout"] for one in given.records if one.arm == "free"}
    given = map_records(given, lambda one: replace(one, summary={**one.summary, "heldout": scores[one.seed]}))
    assert caveats(analyse(given)) == [
        "advised and free have the same held-out PGR with every seed: their different settings had no effect on "
        "these researchers."
    ]


def test_budgets_in_dollars_and_tokens_are_reported() -> None:
    arms = {
        name: {"structure": name, "budget": {"usd": 5, "tokens_per_agent": 20000}} for name in ("autonomous", "staged")
    }
    text = markdown(analyse(results(seeds=3, arms=arms)))
    assert "at most $5, at most 20,000 tokens per agent." in text
    arms["staged"]["budget"] = {"usd": 8}
    text = " ".join(caveats(analyse(results(seeds=3, arms=arms))))
    assert "Budgets were not equal: budget.usd: autonomous 5, staged 8; budget.tokens_per_agent" in text


def test_arms_are_compared_with_the_reference_methods() -> None:
    *_, published, text = context_sentences(analyse(results(effects={"staged": -0.3, "scripted": -0.15})))
    start = "The best published method, found in 8 research hours, reaches 0.20 on the same held-out worlds. "
    assert published.startswith(start)
    start = "The best method of the library, found in 74 research hours, reaches 0.40 on the same held-out worlds. "
    assert text.startswith(start)
    assert re.search(
        r"Above it: free, random search(; equivalent within ±0\.05: scripted|; inconclusive: scripted)?",
        text,
    )
    assert "elow it: staged" in text


def test_the_winners_curse_is_given_by_arm() -> None:
    analysis = analyse(results(seeds=6))
    for curse in analysis.winners_curses:
        losses = (curse.rescoring.value, curse.final.value, curse.total.value)
        assert losses == (pytest.approx(0.05), pytest.approx(0.03), pytest.approx(0.08))
    assert "| free | 6 | +0.050 (+0.050 to +0.050) | +0.030" in markdown(analysis)


def test_detectable_difference_pairing_and_noise_are_given() -> None:
    text = " ".join(design_sentences(analyse(results())))
    for expected in (r"Detectable difference: 0\.0\d+ at 80 % power for 12 pairs and a single comparison",
                     r"correlation \S+ \(",
                     r"A/A comparison: .* differ by more than 0\.0\d+ \("):  # fmt: skip
        assert re.search(expected, text), text


def test_held_out_scores_at_parts_of_the_budget() -> None:
    analysis = analyse(results())
    reached = analysis.checkpoints["free"]
    assert {point: round(reached[point][0].value, 4) for point in ("quarter", "half")} == {
        "quarter": 0.05,
        "half": 0.25,
    }
    assert reached["whole"][0].value == pytest.approx(analysis.primary.arm_summaries["free"].mean.value)
    text = markdown(analysis)
    assert "held-out PGR at a quarter" in text
    assert f"| free | {analysis.normalised_areas['free'].value:.3f} (" in text
    assert analysis.normalised_areas["free"].value == pytest.approx((0.25 * 0.1 + 0.4 * 0.3 + 0.1 * 0.58), abs=0.02)


def test_the_regression_excludes_the_control() -> None:
    analysis = analyse(results())
    assert analysis.between is not None
    assert analysis.between.units == 3
    assert analysis.within is not None
    assert analysis.within.units == 36


def test_runs_and_tables_can_be_data_frames() -> None:
    pytest.importorskip("pandas")
    given = results(seeds=3)
    runs = given.frame()
    assert (len(runs), runs["heldout.pgr"].mean()) == (12, pytest.approx(fmean(r["heldout.pgr"] for r in given.rows())))
    assert {"arm", "seed", "transfer.math.pgr", "realised_autonomy"} <= set(runs.columns)
    arms = next(table for table in tables(analyse(given)) if table.name == "arms").frame()
    assert list(arms[arms["measure"] == "heldout.pgr"]["arm"]) == list(ARMS)


def test_no_report_contains_the_secret_of_the_worlds() -> None:
    arms = {"free": {"scoring": {"secret": "my-secret"}}, "staged": {"structure": "staged"}}
    given = results(seeds=3, arms=arms)
    described = given.ablation.model_copy(update={"arms": {"free": {"scoring.secret": "my-secret"}, "staged": {}}})
    analysis = analyse(replace(given, ablation=described))
    assert "my-secret" not in page(analysis) + markdown(analysis)
    assert "(not shown)" in page(analysis)


def test_names_from_files_are_escaped_on_the_page() -> None:
    arms = {"<b>free</b>": {}, "</script><script>alert(1)</script>": {"structure": "staged"}}
    text = page(analyse(results(seeds=3, arms=arms)))
    body = text[text.index("<body>") :]
    assert "<b>free" not in body
    assert "<script>alert" not in body


def test_a_page_loads_nothing() -> None:
    text = page(analyse(results(seeds=3)))
    without_plotly = re.sub(r"<script>.*?</script>", "", text, count=1, flags=re.DOTALL)
    assert not re.search(r"(src|href)\s*=|@import|url\(", without_plotly)
    assert '"format": "svg"' in text


# -- numbers -----------------------------------------------------------------------------------------------------------


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
    with sqlite3.connect(copy) as connection:
        connection.execute("UPDATE runs SET summary = json_set(summary, '$.digest', 'another')")
    connection.close()
    results = results_from([*small_runs, copy])
    assert [one.arm for one in results.records][-1] == "autonomous (repetition 2)"
    assert "have the same configuration" in " ".join(caveats(analyse(results)))


def test_a_single_run_has_a_page_of_its_own(
    aarlab: Callable[..., Result], small_runs: list[Path], tmp_path: Path
) -> None:
    done = aarlab("report", str(small_runs[0]), "--out", str(tmp_path / "run.html"))
    assert done.exit_code == 0, done.output
    text = (tmp_path / "run.html").read_text()
    for name in ("figure-best_so_far", "figure-timeline", "figure-lineage"):
        assert name in text
    assert "No comparison" not in text
    assert "simulated researchers, not a language model" in text
    assert {path.name for path in (tmp_path / "run-tables").iterdir()} == {"researchers.csv", "findings.csv"}
    done = aarlab("report", str(small_runs[0]), "--out", str(tmp_path / "run.md"))
    assert "## Timeline of the researchers" in (tmp_path / "run.md").read_text()


def test_runs_on_several_tasks_are_no_separate_arms(small_runs: list[Path], tmp_path: Path) -> None:
    from aarlab.report import results_from

    copies = []
    for path in small_runs:
        copies.append(Path(shutil.copy(path, tmp_path / f"math-{path.name}")))
        with sqlite3.connect(copies[-1]) as connection:
            connection.execute("UPDATE runs SET summary = json_set(summary, '$.digest', hex(randomblob(8)))")
            connection.execute("UPDATE runs SET scenario = json_set(scenario, '$.task.name', 'math')")
        connection.close()
    results = results_from([*small_runs, *copies])
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


@pytest.mark.parametrize("form", ["md", "csv"])
def test_markdown_and_csv_need_no_plotly(
    process: Callable[..., "subprocess.CompletedProcess[str]"], small_runs: list[Path], tmp_path: Path, form: str
) -> None:
    (tmp_path / "plotly.py").write_text("raise ImportError('there is no plotly here')")
    done = process("report", "--format", form, "--out", f"r{'.md' if form == 'md' else ''}", *map(str, small_runs))
    assert done.returncode == 0, done.stderr
    if form == "md":
        assert "| staged \N{MINUS SIGN} autonomous | 2 pairs |" in (tmp_path / "r.md").read_text()
    else:
        assert {"runs.csv", "arms.csv", "differences.csv"} <= {path.name for path in (tmp_path / "r").iterdir()}


# -- the page in a browser -----------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_browser_shows_the_figures_without_a_network(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page(analyse(results())))
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000"]
    done = subprocess.run([*command, "--dump-dom", file.as_uri()], capture_output=True, text=True, timeout=120)
    figures = re.findall(r'<figure id="([\w-]+)"[^>]*>(.*?)</figure>', done.stdout, re.DOTALL)
    assert [name for name, _ in figures] == [
        "figure-forest", "figure-runs", "figure-profiles", "figure-panels", "figure-forest-entropy_bits",
        "figure-best_so_far_curves", "figure-entropies", "figure-autonomy",
    ]  # fmt: skip
    assert all('class="main-svg"' in html for _, html in figures)
