"""Sentences, caveats and pages of reports on synthetic results."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from xml.etree import ElementTree

import pytest
from synthetic_runs import ARMS, record, results

from aarlab.ablation.records import Results, RunRecord
from aarlab.report import analyse, figures, markdown, tables
from aarlab.report.arm_runs import differences
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
    for seeds, shown in ((1, False), (2, True)):
        differences = [c.difference for c in analyse(results(seeds=seeds)).primary.comparisons]
        figure = figures.difference_forest(differences, [False] * len(differences), "held-out PGR")
        assert (" to " in figure.root.markup()) == shown


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
    assert text[2].startswith("Runs that ended without held-out PGR are excluded: 1 of 6 of free.")
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


def test_texts_do_not_depend_on_the_order_of_sets() -> None:
    names = [f"dial{number}" for number in range(12)]
    violated = {"structure_violations": [f"{name}: a violation" for name in names]}
    changed = map_records(results(), lambda one: replace(one, summary={**one.summary, **violated}))
    (caveat,) = caveats(analyse(changed))
    assert f"{', '.join(f'{name} in 36' for name in names)}." in caveat
    fewer = differences({"seed": 1}, {"seed": 1, **dict.fromkeys(names, 2)})
    assert list(fewer) == names


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
    assert not re.search(r"<script|style=|(src|href)\s*=|@import|url\(", text)
    assert re.findall(r'<figure id="figure-([\w-]+)"><svg', text) == [
        "forest", "runs", "profiles", "panels", "forest-entropy_bits", "best_so_far_curves", "entropies", "autonomy",
    ]  # fmt: skip


def test_a_figure_is_a_file_of_its_own(tmp_path: Path) -> None:
    analysis = analyse(results(seeds=3, arms={"<free> & \x07": {}, "staged": {"structure": "staged"}}))
    drawing = figures.mean_curves(analysis.best_so_far_curves, "hours", "PGR", steps=True)
    drawing.save(tmp_path / "curves.svg")
    root = ElementTree.parse(tmp_path / "curves.svg").getroot()
    curves = [path for path in root.iter("{http://www.w3.org/2000/svg}path") if path.get("class") == "curve"]
    assert [path[0].text for path in curves] == ["<free> & \ufffd", "staged"]
    assert drawing._repr_svg_() == (tmp_path / "curves.svg").read_text()
