"""Reports explain their results: by task, mechanism, warnings, matched spend, sensitivity and signs of effects."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from synthetic_runs import record

from aarlab.ablation.ablation_plan import Ablation
from aarlab.ablation.records import Results, RunRecord, SettingResults
from aarlab.report import Analysis, analyse, markdown, tables
from aarlab.report.explanations import sensitivity_sentences, temperaments_sentence
from aarlab.report.html_page import page
from aarlab.report.mechanism import warnings
from aarlab.report.sentences import caveats

HOURS = {"think": 20.0, "pilot": 15.0, "full": 60.0, "idle": 5.0, "opening": 8.0, "close": 6.0}
SPENT: dict[str, Any] = {
    "hours_by_kind": HOURS, "full_experiments": 30, "pilots": 60, "distinct_recipes": 40, "known_method_share": 0.2,
    "novel_share": 0.7, "model_calls": 200, "tokens": 1000, "cost_usd": 2.0,
    "improvements": [
        {"at_hours": 2.0, "pgr": 0.2, "hours": 30.0, "tokens": 300, "cost_usd": 0.5},
        {"at_hours": 8.0, "pgr": 0.5, "hours": 80.0, "tokens": 700, "cost_usd": 1.5},
    ],
}  # fmt: skip
"""What a run spent, and its improvements."""
ARMS: dict[str, dict[str, Any]] = {"free": {}, "staged": {"structure": {"workflow": "staged"}}}


def run(arm: str, task: str, seed: int, pgr: float, **changes: Any) -> RunRecord:
    """Return a finished run on a task that has recorded what it spent."""
    scenario = ARMS[arm] | ({"task": task} if task else {})
    one = record(arm, seed, round(pgr, 4), scenario)
    summary = {**one.summary, **SPENT, "digest": f"{arm} {task} {seed}", "research_digest": f"{arm} {task} {seed}"}
    return replace(one, task=task, summary=summary | changes)


def records(effects: Mapping[str, float], seeds: int = 8, **changes: Mapping[str, Any]) -> tuple[RunRecord, ...]:
    """Return runs of two arms with this effect of `staged` by task, and changes of the summaries by arm."""
    draw = np.random.default_rng(3)
    noise = {(task, seed): draw.normal(0.5, 0.1) for task in effects for seed in range(1, seeds + 1)}
    return tuple(
        run(
            arm, task, seed, value + draw.normal(0, 0.02) + (effect if arm == "staged" else 0.0), **changes.get(arm, {})
        )
        for arm in ARMS
        for task, effect in effects.items()
        for (of_task, seed), value in noise.items()
        if of_task == task
    )


def ablation(**fields: Any) -> Ablation:
    """Return the ablation of these runs."""
    common = {"name": "pair", "question": "Does a workflow help?", "arms": {arm: {} for arm in ARMS}, "seeds": 8}
    return Ablation.model_validate({**common, "comparisons": [["staged", "free"]], "controls": False, **fields})


def analysis_of(effects: Mapping[str, float], settings: Mapping[str, Any] | None = None, **changes: Any) -> Analysis:
    """Return the analysis of runs with these effects by task, and of settings with these effects by task."""
    found = tuple(
        SettingResults(f"costs.pilot={value}", {"costs.pilot": value}, records(by_task))
        for value, by_task in (settings or {}).items()
    )
    return analyse(Results(ablation(), None, records(effects, **changes), found))


def table(analysis: Analysis, name: str) -> list[dict[str, Any]]:
    """Return the rows of a table."""
    return next(one.records() for one in tables(analysis) if one.name == name)


def test_hours_used_are_those_that_the_budget_limits() -> None:
    analysis = analysis_of({"": -0.1}, staged={"hours_by_kind": {**HOURS, "pilot": 10.0, "idle": 10.0}})
    assert "Mean hours used: from 90.0 in staged to 95.0 in free." in markdown(analysis)
    assert [row["hours"] for row in table(analysis, "usage")] == [95.0, 90.0]


def test_effects_are_given_by_task_and_over_tasks() -> None:
    analysis = analysis_of({"chat": -0.3, "math": 0.1})
    by_task = {row["task"]: row["difference"] for row in table(analysis, "effects_by_task")}
    assert by_task["chat"] == pytest.approx(-0.3, abs=0.02)
    assert by_task["math"] == pytest.approx(0.1, abs=0.02)
    assert by_task["all"] == pytest.approx((by_task["chat"] + by_task["math"]) / 2)
    (effects,) = analysis.effects.values()
    assert effects.interaction_p is not None
    assert effects.interaction_p < 0.001
    # The headline compares means over tasks.
    (comparison,) = analysis.primary.comparisons
    assert comparison.difference.mean.value == pytest.approx(by_task["all"])
    assert "Held-out PGR by task" in markdown(analysis)


def test_a_seed_without_a_score_on_one_task_is_excluded() -> None:
    analysis = analysis_of({"chat": 0.0, "math": 0.0})
    given = analysis.results.records
    changed = (replace(given[0], summary={**given[0].summary, "heldout": None}), *given[1:])
    again = analyse(replace(analysis.results, records=changed))
    assert again.primary.arm_summaries["free"].n == 7
    assert next(row["seed"] for row in table(again, "left_out")) == given[0].seed


def test_the_mechanism_is_given_by_arm_and_task() -> None:
    changes = {"staged": {"hours_by_kind": {**HOURS, "pilot": 0.0, "idle": 20.0}, "pilots": 0}}
    analysis = analysis_of({"chat": 0.0, "math": 0.0}, **changes)
    rows = {(row["arm"], row["task"]): row for row in table(analysis, "mechanism")}
    assert list(rows) == [(a, t) for t in ("all", "chat", "math") for a in ARMS]
    assert (rows["free", "all"]["used_hours"], rows["staged", "math"]["used_hours"]) == (95.0, 80.0)
    assert (rows["free", "chat"]["pilots"], rows["staged", "chat"]["pilots"]) == (60, 0)
    text = markdown(analysis)
    assert "| arm | think | pilot | full | idle | opening | close | used |" in text
    assert "| staged | 20.0 | 0.0 | 60.0 | 20.0 | 8.0 | 6.0 | 80.0 |" in text


def test_known_methods_are_weighted_by_full_experiments() -> None:
    given = [run("free", "", 1, 0.5, known_method_share=1.0, full_experiments=1),
             run("free", "", 2, 0.5, known_method_share=0.0, full_experiments=9)]  # fmt: skip
    (mechanism,) = analyse(Results(ablation(), None, tuple(given))).mechanisms
    assert mechanism.known_share == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"known_method_share": 0.6}, "More than half of the full experiments run known methods in staged (60 %)."),
        (
            {"hours_by_kind": {**HOURS, "full": 40.0}},
            "Hours used differ by more than a tenth between arms: 75.0 in stag",
        ),
        ({"tokens": 1200}, "Tokens differ by more than a tenth between arms: 1,000 in free, 1,200 in staged per run."),
        (
            {"cost_usd": 1.0},
            "Dollars differ by more than a tenth between arms: $1.00 in staged, $2.00 in free per run.",
        ),
        ({"tokens": 1099}, None),
    ],
)
def test_other_explanations_are_warnings(changes: dict[str, Any], expected: str | None) -> None:
    analysis = analysis_of({"": -0.2}, staged=changes)
    assert [text[: len(expected or "")] for text in analysis.warnings] == ([] if expected is None else [expected])
    assert caveats(analysis)[: len(analysis.warnings)] == list(analysis.warnings)


def test_known_methods_on_a_single_task_are_named() -> None:
    given = [replace(one, summary={**one.summary, "known_method_share": 0.9 if one.task == "math" else 0.0})
             if one.arm == "staged" else one for one in records({"chat": 0.0, "math": 0.0})]  # fmt: skip
    (text,) = analyse(Results(ablation(), None, tuple(given))).warnings
    assert "in staged on math (90 %)." in text


@pytest.mark.parametrize("field", ["digest", "research_digest"])
def test_equal_arms_are_named(field: str) -> None:
    given = records({"chat": 0.0, "math": 0.0})
    equal = [replace(one, summary={**one.summary, field: f"{one.task} {one.seed}"}) for one in given]
    (text,) = analyse(Results(ablation(), None, tuple(equal))).warnings
    what = "equal event by event" if field == "digest" else "equal in every experiment and finding"
    assert text.startswith(f"free and staged are {what} in 16 pairs of runs")
    one_differs = (replace(equal[0], summary={**equal[0].summary, field: "other"}), *equal[1:])
    assert analyse(Results(ablation(), None, one_differs)).warnings == ()


def test_matched_spend_reads_the_curve_at_the_cheaper_arm() -> None:
    # `staged` reaches 0.5 with 40 hours; `free` has 0.2 at that time and reaches 0.5 later.
    cheap = {"improvements": [{"at_hours": 8.0, "pgr": 0.5, "hours": 40.0, "tokens": 100, "cost_usd": None}],
             "hours_by_kind": {"full": 40.0, "idle": 60.0}}  # fmt: skip
    (comparison,) = analysis_of({"": 0.0}, staged=cheap).matched_spends
    assert comparison.equal_hours.mean.value == pytest.approx(0.0)
    assert comparison.spend["hours"] == (40.0, 95.0)
    assert comparison.matched["hours"].mean.value == pytest.approx(0.3)
    assert comparison.matched["tokens"].mean.value == pytest.approx(0.0)
    assert "cost_usd" not in comparison.matched


def test_runs_that_recorded_no_spend_have_no_matched_spend() -> None:
    given = tuple(replace(one, summary={k: v for k, v in one.summary.items() if k != "improvements"})
                  for one in records({"": 0.0}))  # fmt: skip
    analysis = analyse(Results(ablation(), None, given))
    assert analysis.matched_spends == ()
    assert "matched spend" not in markdown(analysis)


def test_the_share_of_settings_with_the_same_sign_is_reported() -> None:
    settings = {0.25: {"": -0.2}, 0.5: {"": -0.15}, 1: {"": -0.01}, 2: {"": 0.2}}
    analysis = analysis_of({"": -0.2}, settings)
    (found,) = analysis.sensitivity
    # The value of the scenario is shown but not counted.
    assert [setting.unchanged for setting in found.settings] == [True, False, False, False]
    assert (found.same_sign_significant, found.reversed_significant) == (1, 1)
    (text,) = sensitivity_sentences(analysis)
    assert "holds in 2 of 3 settings (67 %), significantly in 1; it is significantly reversed in 1." in text
    rows = table(analysis, "sensitivity")
    assert [(row["setting"], row["as_in_ablation"]) for row in rows[:2]] == [
        ("costs.pilot=0.25", "yes"), ("costs.pilot=0.5", "no"),
    ]  # fmt: skip
    assert "costs.pilot=0.25 (as above)" in markdown(analysis)


def test_untested_temperaments_are_named() -> None:
    analysis = analysis_of({"": 0.0})
    assert "from varied. Other temperaments were not tested" in (temperaments_sentence(analysis) or "")
    tested = SettingResults("team.temperament=bold", {"team.temperament": "bold"}, records({"": 0.0}))
    assert temperaments_sentence(analyse(replace(analysis.results, settings=(tested,)))) is None


def test_signs_are_searched_over_tasks_and_settings() -> None:
    analysis = analysis_of({"chat": -0.2, "math": 0.0}, {1: {"chat": 0.0, "math": 0.3}})
    (signs,) = analysis.signs
    assert (signs.name, signs.verdict, signs.environments) == ("workflow", "both signs", 4)
    assert signs.most_positive.environment == "math, costs.pilot=1"
    assert signs.most_negative.environment == "chat"
    assert signs.most_positive.confirmation("pair") == (
        "aarlab ablate pair --seeds-from 1001 --no-sensitivity --set 'tasks=[math]' --set costs.pilot=1"
    )
    assert analysis_of({"": 0.2}).signs == ()


def test_signs_at_an_early_look_need_a_smaller_p() -> None:
    analysis = analysis_of({"chat": -0.03, "math": 0.0})
    (signs,) = analysis.signs
    p = signs.most_negative.difference.p
    assert p is not None
    assert p * signs.environments < 0.05
    assert signs.verdict == "only negative"
    (early,) = analyse(replace(analysis.results, ablation=ablation(looks=[8, 40]))).signs
    assert early.verdict == "none significant"


def test_an_ablation_without_planned_comparisons_compares_nothing() -> None:
    analysis = analyse(replace(analysis_of({"": 0.2}).results, ablation=ablation(comparisons=[])))
    assert (analysis.primary.comparisons, analysis.effects, analysis.matched_spends) == ((), {}, ())


def test_a_page_shows_every_explanation() -> None:
    text = page(analysis_of({"chat": -0.2, "math": 0.1}, {1: {"chat": 0.0, "math": 0.0}}, staged={"tokens": 2000}))
    for heading in ("Held-out PGR by task", "What the teams did", "Equal hours and matched spend", "Sensitivity",
                    "Signs of effects"):  # fmt: skip
        assert f"<h2>{heading}</h2>" in text
    assert "Tokens differ by more than a tenth" in text


def test_warnings_need_only_summaries() -> None:
    from aarlab.report.arm_runs import arms_in

    given = [replace(one, scenario={}, frontier=(), entropy=()) for one in records({"": 0.0}, staged={"tokens": 1500})]
    assert len(warnings(arms_in(given))) == 1


def test_coordination_is_relative_to_the_arm_of_one_researcher() -> None:
    spent = {"message_density": 0.2, "redundancy": 0.4, "vendi_score": 3.0, "merged_share": 0.1}
    alone = {"team": {"researchers": 1}}
    scenarios: dict[str, dict[str, Any]] = {"other": {**alone, "costs": {"full": 1.0}}, "team": {}, "alone": alone}
    numbers = {"other": (50, 0.5, 0.1), "team": (250, 0.3, 0.5), "alone": (100, 0.1, 0.4)}
    given = [
        run("free", task, seed, pgr, model_calls=calls, failed_experiment_share=failed, **spent)
        for calls, failed, pgr in numbers.values()
        for task in ("chat", "math")
        for seed in (1, 2)
    ]
    named = [(name, one) for name, one in zip([n for n in numbers for _ in range(4)], given, strict=True)]
    records = [replace(one, arm=name, scenario={**one.scenario, **scenarios[name]}) for name, one in named]
    analysis = analyse(Results(ablation(arms={name: {} for name in numbers}, comparisons=None), None, tuple(records)))
    rows = {(row["arm"], row["task"]): row for row in table(analysis, "coordination")}
    assert list(rows) == [(arm, task) for task in ("all", "chat", "math") for arm in numbers]
    assert [rows[arm, "all"]["single"] for arm in numbers] == ["other", "alone", "alone"]
    team, single = rows["team", "all"], rows["alone", "math"]
    assert (team["overhead_percent"], team["efficiency"]) == pytest.approx((150.0, 0.2))
    assert (team["error_amplification"], team["vendi_score"]) == pytest.approx((3.0, 3.0))
    assert (single["overhead_percent"], single["error_amplification"]) == pytest.approx((0.0, 1.0))
    assert "relative to the arm of one researcher" in markdown(analysis)


@pytest.mark.parametrize(
    ("sign", "effect", "seeds", "expected"),
    [
        ("-", -0.3, 8, "agrees"), ("+", -0.3, 8, "contradicts"), ("0", -0.3, 8, "contradicts"),
        ("0", 0.0, 8, "agrees"), ("-", 0.0, 8, "contradicts"), ("-", -0.3, 2, "undecided"),
    ],
)  # fmt: skip
def test_published_signs_are_compared_with_the_runs(sign: str, effect: float, seeds: int, expected: str) -> None:
    published = {"comparison": ["staged", "free"], "sign": sign, "figure": "three points lower"}
    study = ablation(source="A and B (2026)", published=[published], differs=["Worlds are small."], seeds=seeds)
    analysis = analyse(Results(study, None, records({"chat": effect}, seeds)))
    (row,) = table(analysis, "published")
    assert (row["agreement"], row["published_sign"]) == (expected, sign)
    text = markdown(analysis)
    assert "The ablation repeats a published design: A and B (2026)." in text
    assert all(words in text for words in ("three points lower", f"| {expected} |", "Worlds are small."))
