"""Tables and sentences for readers that explain a result: by task, mechanism, matched spend, sensitivity, signs."""

from aarlab.agents.models.registry import is_simulated
from aarlab.cli.formatting import counted, percent_text
from aarlab.graph.run.spending_measures import HOUR_KINDS
from aarlab.report.analysis import Analysis
from aarlab.report.effect_signs import EnvironmentEffect
from aarlab.report.explanation_tables import SPEND_LABELS
from aarlab.report.formatted_tables import estimate_text, number, p_value
from aarlab.report.mechanism import Mechanism
from aarlab.report.parts import Cell, Table
from aarlab.report.sensitivity import Sensitivity
from aarlab.statistics import mean_estimate

_TEMPERAMENT = "team.temperament"


def arms_by_task_table(analysis: Analysis) -> Table:
    """Return the primary measure by arm and task."""
    tasks, measure = analysis.results.tasks, analysis.primary.measure
    rows = []
    for arm in analysis.arms:
        values = [list(arm.on(task).values(measure).values()) for task in tasks]
        if any(values):
            rows.append((arm.name, *(estimate_text(mean_estimate(v)) if v else None for v in values)))
    return Table("arms_by_task", "", ("arm", *(f"{task}, mean (95 %)" for task in tasks)), tuple(rows))


def effects_by_task_table(analysis: Analysis) -> Table:
    """Return the planned comparisons by task and over tasks."""
    tasks, rows = analysis.results.tasks, []
    for (arm, against), effects in analysis.effects.items():
        by_task = effects.by_task
        rows.append((
            f"{arm} \N{MINUS SIGN} {against}", estimate_text(effects.mean, sign="+"), p_value(effects.p),
            p_value(effects.interaction_p),
            *(estimate_text(by_task[task].mean, digits=2, sign="+") if task in by_task else None for task in tasks),
        ))  # fmt: skip
    columns = ("comparison", "over tasks (95 %)", "p", "p, equal on all", *(f"{task} (95 %)" for task in tasks))
    return Table("effects_by_task", "", columns, tuple(rows))


def hours_table(analysis: Analysis, *, by_task: bool) -> Table:
    """Return the mean research hours of a run by kind; kinds that no arm used are omitted."""
    shown = [m for m in analysis.mechanisms if bool(m.task) == by_task and m.hours]
    kinds = [k for k in HOUR_KINDS if any(m.hours.get(k, 0.0) >= 0.05 for m in shown)]
    rows = [(*_names(m, by_task=by_task), *(_hours(m.hours.get(k, 0.0)) for k in kinds), _hours(m.used_hours))
            for m in shown]  # fmt: skip
    names = ("arm", "task") if by_task else ("arm",)
    return Table("hours_by_kind", "", (*names, *kinds, "used"), tuple(rows))


def mechanism_table(analysis: Analysis, *, by_task: bool) -> Table:
    """Return what the teams did, as means over runs, and shares of full experiments; empty columns are omitted."""
    shown = [m for m in analysis.mechanisms if bool(m.task) == by_task]
    cells: dict[str, list[Cell]] = {
        "full experiments": [_count(m.full_experiments) for m in shown],
        "pilots": [_count(m.pilots) for m in shown],
        "distinct recipes": [_count(m.distinct_recipes) for m in shown],
        "known methods": [_share(m.known_share) for m in shown],
        "novel": [_share(m.novel_share) for m in shown],
        "model calls": [_count(m.model_calls) for m in shown],
        "tokens": [_count(m.tokens) for m in shown],
    }
    columns = {name: column for name, column in cells.items() if any(cell not in (None, "0.0") for cell in column)}
    names = [_names(m, by_task=by_task) for m in shown]
    rows = [(*name, *cells) for name, cells in zip(names, zip(*columns.values(), strict=True), strict=True)]
    return Table("mechanism", "", (*(("arm", "task") if by_task else ("arm",)), *columns), tuple(rows))


def _names(mechanism: Mechanism, *, by_task: bool) -> tuple[str, ...]:
    return (mechanism.arm, mechanism.task) if by_task else (mechanism.arm,)


def _hours(value: float | None) -> Cell:
    return None if value is None else f"{value:.1f}"


def _count(value: float | None) -> Cell:
    return None if value is None else f"{value:.1f}" if value < 1000 else f"{value:,.0f}"


def _share(value: float | None) -> Cell:
    return None if value is None else percent_text(value)


def matched_spend_table(analysis: Analysis) -> Table:
    """Return the planned comparisons in best development PGR at equal hours and at matched spend."""
    shown = analysis.matched_spends
    kinds = [kind for kind in SPEND_LABELS if any(kind in comparison.matched for comparison in shown)]
    rows = []
    for comparison in shown:
        cells: list[Cell] = [estimate_text(comparison.equal_hours.mean, sign="+")]
        for kind in kinds:
            if kind in comparison.matched:
                own, other = (_spend(kind, value) for value in comparison.spend[kind])
                cells += [f"{own} / {other}", estimate_text(comparison.matched[kind].mean, sign="+")]
            else:
                cells += [None, None]
        rows.append((f"{comparison.arm} \N{MINUS SIGN} {comparison.against}", *cells))
    per_kind = [column for kind in kinds for column in (SPEND_LABELS[kind], f"at matched {SPEND_LABELS[kind]} (95 %)")]
    return Table("matched_spend", "", ("comparison", "at equal hours (95 %)", *per_kind), tuple(rows))


def _spend(kind: str, value: float) -> str:
    return {"hours": f"{value:.1f}", "tokens": f"{value:,.0f}", "cost_usd": f"${value:.2f}"}[kind]


def sensitivity_sentences(analysis: Analysis) -> list[str]:
    """Return for each planned comparison in how many settings its sign holds."""
    return [_sensitivity_sentence(comparison) for comparison in analysis.sensitivity if comparison.changed]


def _sensitivity_sentence(comparison: Sensitivity) -> str:
    n, name = len(comparison.changed), f"{comparison.arm} \N{MINUS SIGN} {comparison.against}"
    reference = "" if comparison.reference is None else f" of {number(comparison.reference.value, sign='+')}"
    text = (
        f"{name}: the sign{reference} holds in {comparison.same_sign} of {counted(n, 'setting')} "
        f"({percent_text(comparison.same_sign / n)}), significantly in {comparison.same_sign_significant}"
    )
    reversed_ = comparison.reversed_significant
    return f"{text}; it is significantly reversed in {reversed_}." if reversed_ else f"{text}."


def temperaments_sentence(analysis: Analysis) -> str | None:
    """Return that other temperaments were not tested; None if they were, or without simulated researchers."""
    models = [model for arm in analysis.arms for model in arm.models]
    tested = any(_TEMPERAMENT in setting.values for setting in analysis.results.settings)
    if tested or not any(map(is_simulated, models)):
        return None
    names = sorted({str(arm.scenario.get("team", {}).get("temperament")) for arm in analysis.arms if arm.scenario})
    return (
        f"All simulated researchers draw their temperaments from {', '.join(names)}. Other temperaments were not "
        f"tested: add `{_TEMPERAMENT}` to the section `sensitivity` of the ablation."
    )


def sensitivity_table(analysis: Analysis) -> Table:
    """Return the planned comparisons by setting, one column for each comparison."""
    names = list(dict.fromkeys(setting.setting for c in analysis.sensitivity for setting in c.settings))
    unchanged = {setting.setting for c in analysis.sensitivity for setting in c.settings if setting.unchanged}
    by_comparison = [{s.setting: estimate_text(s.effects.mean, sign="+") for s in c.settings}
                     for c in analysis.sensitivity]  # fmt: skip
    # Settings are rows and comparisons columns, unless there are many comparisons.
    if len(by_comparison) <= 4:
        rows = [
            (f"{name} (as above)" if name in unchanged else name, *(effects.get(name) for effects in by_comparison))
            for name in names
        ]
        columns = ("setting", *(f"{c.arm} \N{MINUS SIGN} {c.against} (95 %)" for c in analysis.sensitivity))
        return Table("sensitivity", "", columns, tuple(rows))
    rows = [
        (f"{c.arm} \N{MINUS SIGN} {c.against}", *(effects.get(name) for name in names))
        for c, effects in zip(analysis.sensitivity, by_comparison, strict=True)
    ]
    heads = [f"{name} (as above)" if name in unchanged else name for name in names]
    return Table("sensitivity", "", ("comparison", *heads), tuple(rows))


def signs_table(analysis: Analysis) -> Table:
    """Return the environments with the clearest effects of each dial."""
    rows = [
        (d.name, _environment_text(d.most_positive), _environment_text(d.most_negative), d.verdict, d.environments)
        for d in analysis.signs
    ]
    columns = ("dial", "most positive effect (95 %)", "most negative effect (95 %)", "found", "selected from")
    return Table("effect_signs", "", columns, tuple(rows))


def _environment_text(effect: EnvironmentEffect) -> str:
    return f"{estimate_text(effect.difference.mean, sign='+')} {effect.arm}; {effect.environment}"


def signs_text() -> str:
    """Return how the environments of the signs were selected and how to confirm an effect."""
    return (
        "For each dial, the environments (task and setting) with the clearest positive and the clearest negative "
        "effect on the primary measure, and which signs remain after Bonferroni's correction for the number of "
        "environments and for the planned looks. The environments were selected from the runs that they are shown "
        "with: these effects are overestimates, and their intervals do not account for the selection. Confirm an "
        "effect with fresh seeds before you claim it; effect_signs.csv has the command for each, such as"
    )


def confirmation_example(analysis: Analysis) -> str:
    """Return the command that confirms the first effect."""
    return analysis.signs[0].most_negative.confirmation(analysis.results.ablation.name)
