"""Tables with exact numbers that explain a result: by task, mechanism, matched spend, sensitivity, signs of effects."""

from aarlab.report.analysis import Analysis
from aarlab.report.coordination import coordination_table
from aarlab.report.mechanism import Mechanism
from aarlab.report.parts import Cell, Table, ends

SPEND_LABELS = {"hours": "hours used", "tokens": "tokens", "cost_usd": "US dollars"}
"""Names of the kinds of spend."""


def explanation_tables(analysis: Analysis) -> list[Table]:
    """Return the tables, some of which may be empty."""
    return [
        _effects_by_task(analysis), _mechanism(analysis), _hours(analysis), _matched_spend(analysis),
        _sensitivity(analysis), _signs(analysis), coordination_table(analysis.arms),
    ]  # fmt: skip


def _effects_by_task(analysis: Analysis) -> Table:
    columns = ("measure", "arm", "against", "task", "pairs", "difference", "low", "high", "p", "interaction_p")
    rows: list[tuple[Cell, ...]] = []
    measure = analysis.primary.measure
    for (arm, against), effects in analysis.effects.items() if len(analysis.results.tasks) > 1 else ():
        for task, d in effects.by_task.items():
            rows.append((measure, arm, against, task, d.n, *ends(d.mean), d.p, None))
        n = sum(d.n for d in effects.by_task.values())
        rows.append((measure, arm, against, "all", n, *ends(effects.mean), effects.p, effects.interaction_p))
        others = ends(effects.over_other_tasks)
        rows.append((measure, arm, against, "other tasks", n, *others, None, None))
    return Table("effects_by_task", "Effects by task", columns, tuple(rows))


def _mechanism(analysis: Analysis) -> Table:
    columns = (
        "arm", "task", "runs", "used_hours", "full_experiments", "pilots", "distinct_recipes", "known_method_share",
        "novel_share", "model_calls", "tokens", "cost_usd",
    )  # fmt: skip
    rows = [
        (
            m.arm, _task(m), m.runs, m.used_hours, m.full_experiments, m.pilots, m.distinct_recipes, m.known_share,
            m.novel_share, m.model_calls, m.tokens, m.cost_usd,
        )
        for m in analysis.mechanisms
    ]  # fmt: skip
    return Table("mechanism", "What the teams did, means per run", columns, tuple(rows))


def _hours(analysis: Analysis) -> Table:
    rows = [(m.arm, _task(m), kind, hours) for m in analysis.mechanisms for kind, hours in m.hours.items()]
    title = "Research hours by kind, means per run"
    return Table("hours_by_kind", title, ("arm", "task", "kind", "hours"), tuple(rows))


def _task(mechanism: Mechanism) -> str:
    return mechanism.task or "all"


def _matched_spend(analysis: Analysis) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for comparison in analysis.matched_spends:
        names = (comparison.arm, comparison.against)
        rows.append((*names, "equal hours", None, None, *ends(comparison.equal_hours.mean), comparison.equal_hours.p))
        rows += [
            (*names, SPEND_LABELS[kind], *comparison.spend[kind], *ends(effects.mean), effects.p)
            for kind, effects in comparison.matched.items()
        ]
    columns = ("arm", "against", "matched", "spend", "spend_against", "difference", "low", "high", "p")
    title = f"Best development {analysis.score_name} at equal hours and at matched spend"
    return Table("matched_spend", title, columns, tuple(rows))


def _sensitivity(analysis: Analysis) -> Table:
    columns = (
        "arm", "against", "setting", "as_in_ablation", "task", "pairs", "difference", "low", "high", "p",
    )  # fmt: skip
    rows: list[tuple[Cell, ...]] = []
    for comparison in analysis.sensitivity:
        for setting in comparison.settings:
            names = (comparison.arm, comparison.against, setting.setting, "yes" if setting.unchanged else "no")
            effects, by_task = setting.effects, setting.effects.by_task
            n = sum(d.n for d in by_task.values())
            rows.append((*names, "all", n, *ends(effects.mean), effects.p))
            if len(by_task) > 1:
                rows += [(*names, task, d.n, *ends(d.mean), d.p) for task, d in by_task.items()]
    return Table("sensitivity", "Differences by sensitivity setting", columns, tuple(rows))


def _signs(analysis: Analysis) -> Table:
    columns = (
        "dial", "sign", "environments", "arm", "against", "task", "setting", "pairs", "difference", "low", "high",
        "verdict", "confirm_with",
    )  # fmt: skip
    name = analysis.results.ablation.name
    rows: list[tuple[Cell, ...]] = []
    for dial in analysis.signs:
        for sign, effect in (("most positive", dial.most_positive), ("most negative", dial.most_negative)):
            rows.append((
                dial.name, sign, dial.environments, effect.arm, effect.against, effect.task, effect.setting,
                effect.difference.n, *ends(effect.difference.mean), dial.verdict, effect.confirmation(name),
            ))  # fmt: skip
    return Table("effect_signs", "Signs of effects over environments", columns, tuple(rows))
