"""What an analysis comes to, in sentences: the title line, the result, what to be careful about."""

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from aarlab.ablation.ablation_plan import CONTROL
from aarlab.cli.formatting import counted
from aarlab.report.analysis import Analysis, MeasureResult, PlannedComparison
from aarlab.report.arm_runs import compute_sentence, equal_compute
from aarlab.report.formatted_tables import figure, number, p_value
from aarlab.statistics import MIN_RUNS, Estimate, Slope

SIMULATED = "simulated/"
_MAX_NAMED = 3
"""Differences that are named in a sentence beside the largest."""


def title_line(analysis: Analysis) -> str:
    """Return what the report is about and who thinks in it: a simulated policy is called one here already."""
    models = _models(analysis)
    simulated = [model for model in models if model.startswith(SIMULATED)]
    name = analysis.results.ablation.name
    if not models:
        return f"{name}: base models unknown"
    if len(simulated) == len(models):
        return f"{name}: simulated researchers, not a language model ({', '.join(models)})"
    if simulated:
        return f"{name}: partly simulated, not all of it by language models ({', '.join(models)})"
    return f"{name}: {', '.join(models)}"


def result_sentence(analysis: Analysis) -> str:
    """Return the result in the primary measure in one sentence, with its interval, or that there is none."""
    outcome = analysis.primary
    who = _population(analysis)
    tested = [comparison for comparison in outcome.comparison if comparison.p_holm is not None]
    if not outcome.arm_summaries:
        return f"There is no result: no run has the measure {outcome.label}."
    if not tested:
        arm, arm_summary = next(iter(outcome.arm_summaries.items()))
        return f"There is nothing to compare: {arm} {who}reached {estimate_text(arm_summary.mean)} in {outcome.label}."
    significant = [comparison for comparison in tested if comparison.significant]
    if significant:
        return _difference_sentence(outcome, significant, len(tested), who)
    return _no_difference_sentence(outcome, tested, who)


def _difference_sentence(outcome: MeasureResult, significant: list[PlannedComparison], tested: int, who: str) -> str:
    # What the control shows is about the researchers; the question is about structure.
    first, *rest = sorted(significant, key=lambda c: (c.difference.arm == CONTROL, -abs(c.difference.mean.value)))
    difference = first.difference
    higher = "higher" if difference.mean.value > 0 else "lower"
    text = (
        f"{who.capitalize()}{difference.arm} came out {higher} than {difference.against} in {outcome.label}: "
        f"{_difference_text(first)}"
    )
    if rest:
        named = [f"{c.difference.arm} against {c.difference.against}, {signed_text(c.difference.mean)}" for c in rest]
        more = [f"{len(named) - _MAX_NAMED} more"] if len(named) > _MAX_NAMED else []
        text += f"; a difference shows too for {'; '.join([*named[:_MAX_NAMED], *more])}"
    if others := tested - len(significant):
        text += f"; {counted(others, 'other planned comparison')} show{'s' if others == 1 else ''} none"
    return f"{text}."


def _no_difference_sentence(outcome: MeasureResult, tested: list[PlannedComparison], who: str) -> str:
    largest = max(tested, key=lambda comparison: abs(comparison.difference.mean.value))
    difference = largest.difference
    alone = len(tested) == 1
    count = "The planned comparison shows no" if alone else f"None of {len(tested)} planned comparisons shows a"
    undetected = (
        "" if largest.detectable is None else f"; less than {largest.detectable:.2g} would probably not be detected"
    )
    where = f"{outcome.label} {who}".rstrip()
    named = f"{'it' if alone else 'the largest'} is {difference.arm} against {difference.against}"
    return f"{count} difference in {where}; {named}, {_difference_text(largest)}{undetected}."


def _difference_text(comparison: PlannedComparison) -> str:
    """Return a difference with its interval, its runs and its p."""
    mean = comparison.difference.mean
    ends = "" if mean.interval is None else " to ".join(number(end, sign="+") for end in mean.interval)
    certainty = f"95 % interval {ends}; {_runs(comparison)}, {p_text(comparison.p_holm)} after correction"
    return f"{number(mean.value, sign='+')} ({certainty})"


def _population(analysis: Analysis) -> str:
    models = _models(analysis)
    return "among simulated researchers " if models and all(m.startswith(SIMULATED) for m in models) else ""


def _models(analysis: Analysis) -> list[str]:
    """Return the base models that the report is about: those of all arms but the control."""
    arms = [arm for arm in analysis.arms if arm.name != CONTROL] or analysis.arms
    return list(dict.fromkeys(model for arm in arms for model in arm.models))


def _runs(comparison: PlannedComparison) -> str:
    difference = comparison.difference
    return counted(difference.n, "pair" if difference.paired else "run") + ("" if difference.paired else " an arm")


def controls_sentence(analysis: Analysis) -> str | None:
    """Return which arms are ahead of the best fixed baseline: others have shown nothing. None where it is unknown."""
    if not analysis.over_baseline or analysis.baseline is None:
        return None
    above = [name for name, over in analysis.over_baseline.items() if over.interval and over.interval[0] > 0]
    below = [name for name, over in analysis.over_baseline.items() if over.interval and over.interval[1] < 0]
    indistinguishable = [name for name in analysis.over_baseline if name not in above and name not in below]
    kinds = (("above it", above), ("not distinguishable from it", indistinguishable), ("below it", below))
    everyone = len(analysis.over_baseline)
    text = "; ".join(
        f"{kind}: {'every arm' if len(names) == everyone > 1 else ', '.join(names)}" for kind, names in kinds if names
    )
    # Where all arms have the same worlds it has the same score on them in every run, which is no interval.
    value, low, high = (number(x, 2) for x in (analysis.baseline.value, *(analysis.baseline.interval or (0.0, 0.0))))
    score = value if low == high else estimate_text(analysis.baseline)
    reached = f"The best fixed baseline reaches {score} on the same held-out worlds."
    return f"{reached} {text[0].upper()}{text[1:]}."


def usage_sentence(analysis: Analysis) -> str:
    """Return what the arms used of their budgets, on average."""
    used = {name: usage.hours.value for name, usage in analysis.usage.items()}
    low, high = min(used, key=lambda name: used[name]), max(used, key=lambda name: used[name])
    same = f"{used[low]:.1f}" == f"{used[high]:.1f}"
    text = f"{used[low]:.1f}" if same else f"from {used[low]:.1f} in {low} to {used[high]:.1f} in {high}"
    return f"Used on average: {text}; a step that has been begun is finished."


def caveats(analysis: Analysis) -> list[str]:
    """Return what a reader must know before believing anything, the gravest first."""
    return [
        *_incomplete(analysis),
        *_few_runs(analysis),
        *_unscored(analysis),
        *_unequal(analysis),
        *_suspicions_found(analysis),
    ]


def _incomplete(analysis: Analysis) -> Iterator[str]:
    planned = len(analysis.results.records)
    done = sum(len(arm.done) for arm in analysis.arms)
    if done < planned:
        yield (
            f"{planned - done} of {planned} planned runs are not done. Stopping when a result pleases makes its "
            "intervals too narrow: let the ablation come to its end."
        )


def _few_runs(analysis: Analysis) -> Iterator[str]:
    arm_summaries = analysis.primary.arm_summaries
    few = {name: arm_summary.n for name, arm_summary in arm_summaries.items() if arm_summary.n < MIN_RUNS}
    if few:
        text = ", ".join(f"{name} {n}" for name, n in few.items())
        whose = (
            f"every arm has fewer than {MIN_RUNS} runs" if len(few) == len(arm_summaries) else f"too few runs: {text}"
        )
        yield f"{whose[0].upper()}{whose[1:]}. Intervals over so few cover less than they say; take this for a pilot."


def _unscored(analysis: Analysis) -> Iterator[str]:
    outcome = analysis.primary
    for arm in analysis.arms:
        unscored = len(arm.done) - len(arm.values(outcome.measure))
        if unscored:
            yield (
                f"{unscored} of {len(arm.done)} runs of {arm.name} ended without {outcome.label} and do not count "
                f"here: if those are the bad ones, {arm.name} looks better than it is."
            )


def _unequal(analysis: Analysis) -> Iterator[str]:
    if not equal_compute(analysis.arms):
        yield compute_sentence(analysis.arms)
    versions = sorted({facts.version for facts in analysis.facts.values()})
    if len(versions) > 1:
        yield f"Runs were made by different versions of aarlab: {', '.join(versions)}."
    for measure in analysis.outcomes:
        if not measure.arm_summaries:
            yield f"No run has the measure {measure.measure}."


def _suspicions_found(analysis: Analysis) -> Iterator[str]:
    violations = [record.summary.get("structure_violations") or () for arm in analysis.arms for record in arm.done]
    if breached := sum(map(bool, violations)):
        dials = Counter(
            dial for found in violations for dial in {str(violation).partition(":")[0] for violation in found}
        )
        text = ", ".join(f"{dial} in {runs}" for dial, runs in dials.most_common())
        yield (
            f"In {breached} of {counted(len(violations), 'run')} the structure was not kept: {text}. They count all the "
            "same; a table tells which."
        )
    winners = sum(facts.winner_suspected for facts in analysis.facts.values())
    if winners:
        yield (
            f"In {counted(winners, 'run')} the winning method kept its score with a shuffled teacher, at least once: "
            "it may not have learnt from the teacher at all."
        )
    identical_arms = {frozenset(pair) for pair in analysis.identical_arms}
    for comparison in analysis.primary.comparison:
        d = comparison.difference
        alike = d.paired and d.n > 1 and d.sd == 0 and d.mean.value == 0
        if alike and frozenset((d.arm, d.against)) not in identical_arms:
            yield (
                f"{d.arm} and {d.against} came to the same {analysis.primary.label} with every seed: what differs "
                "between them did nothing to these researchers."
            )
    for first, second in analysis.identical_arms:
        yield f"{first} and {second} are the same configuration: what differs between them is noise."


def design_sentences(analysis: Analysis) -> list[str]:
    """Return what the design could show, and what pairing and chance amount to, in the primary measure."""
    outcome, text = analysis.primary, []
    detectable = [c for c in outcome.comparison if c.detectable is not None and c.detectable_corrected is not None]
    if detectable:
        typical = sorted(detectable, key=lambda c: c.detectable or 0.0)[len(detectable) // 2]
        text.append(
            f"Smallest difference that {_runs(typical)} show at 80 % power: {typical.detectable:.2g} in a single "
            f"comparison, {typical.detectable_corrected:.2g} at the strictest step of the correction for {len(outcome.comparison)} "
            "(two-sided 5 %; the median over comparisons)."
        )
    pairings = [c.difference.pairing for c in outcome.comparison if c.difference.pairing is not None]
    if pairings:
        middle = sorted(pairings, key=lambda pairing: pairing.variance_ratio)[len(pairings) // 2]
        saved = round(100 * (1 - middle.variance_ratio))
        effect = f"saved {saved} % of the seeds" if saved > 0 else "saved nothing"
        text.append(
            f"Pairing by seed: correlation {estimate_text(Estimate(middle.correlation, middle.interval))}"
            f", variance ratio {middle.variance_ratio:.2f}: it {effect} (the median over comparisons)."
        )
    if analysis.noise:
        ends = [pick(analysis.noise, key=lambda name: analysis.noise[name]) for pick in (min, max)]
        floors = " to ".join(f"{analysis.noise[name]:.2g} ({name})" for name in dict.fromkeys(ends))
        text.append(
            "A/A comparison: two arms of the same configuration, with nothing but other seeds, differ by more than "
            f"{floors} in one case of twenty."
        )
    if analysis.panel_se:
        worst = max(analysis.panel_se.values())
        text.append(
            f"Held-out worlds are the same for every run. The standard error of one run's score over worlds is up to "
            f"{worst:.2g}; other worlds would move all arms together, and intervals here do not include it."
        )
    return text


def slope_sentence(slope: Slope | None, *, kind: Literal["between", "within"]) -> str:
    """Return a regression on realised autonomy in words."""
    if slope is None:
        return (
            "Between arms: fewer than three arms of different autonomy, so there is no line with an interval."
            if kind == "between"
            else "Within arms: autonomy does not vary between runs of an arm."
        )
    # Within arms autonomy varies by hundredths, and what a tenth would do is more than the runs can say.
    parts, part = (10, "tenth") if kind == "between" else (100, "hundredth")
    share = Estimate(slope.slope / parts, (slope.interval[0] / parts, slope.interval[1] / parts))
    whose = (
        f"Between {slope.units} arms, each counted once" if kind == "between" else f"Within arms, {slope.units} runs"
    )
    return f"{whose}: {signed_text(share)} for each {part} more autonomy."


def temperament_sentence(analysis: Analysis) -> str | None:
    """Return whether the result was tried under several temperaments; None where nobody is simulated."""
    if not any(model.startswith(SIMULATED) for arm in analysis.arms for model in arm.models):
        return None
    names = sorted({str(arm.scenario.get("team", {}).get("temperament")) for arm in analysis.arms if arm.scenario})
    if not analysis.sensitivity:
        return (
            f"All simulated researchers draw their temperaments from {', '.join(names)}. Whether the result holds for "
            "others was not tried: it takes arms with another `team.temperament`."
        )
    turned = sum(not one.same_sign for one in analysis.sensitivity)
    changes = "none changes its sign" if turned == 0 else f"{turned} change{'s' if turned == 1 else ''} sign"
    return f"Of {counted(len(analysis.sensitivity), 'difference')} tried under several temperaments, {changes}."


def estimate_text(estimate: Estimate) -> str:
    """Return a figure with its interval, to two decimals."""
    return figure(estimate, digits=2)


def signed_text(estimate: Estimate) -> str:
    """Return a difference with its interval, to three decimals and with signs."""
    return figure(estimate, sign="+")


def p_text(p: float | None) -> str:
    """Return a p value as one writes it."""
    if p is None:
        return "no p"
    text = p_value(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"
