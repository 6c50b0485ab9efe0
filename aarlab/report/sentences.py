"""The sentences of a report: title line, result, caveats."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Literal

from aarlab.ablation.ablation_plan import seeds_of
from aarlab.agents.models.registry import is_simulated
from aarlab.cli.formatting import counted
from aarlab.graph.run.measure_registry import value_at
from aarlab.report.analysis import Analysis
from aarlab.report.arm_runs import compute_sentence, equal_compute
from aarlab.report.formatted_tables import estimate_text, interval_text, number, p_value, percent
from aarlab.report.planned_comparisons import DEFAULT_MARGIN, MeasureResult, PlannedComparison
from aarlab.report.references import ReferenceLine
from aarlab.statistics import ALPHA, MIN_PAIRS, MIN_RUNS, Estimate, Look, Slope, equivalence

_MAX_NAMED = 3
"""Maximum number of differences that a sentence names besides the largest."""


def title_line(analysis: Analysis) -> str:
    """Return the name of the ablation and its base models. Simulated policies are identified as such."""
    models = _models(analysis)
    simulated = [model for model in models if is_simulated(model)]
    name = analysis.results.ablation.name
    if not models:
        return f"{name}: unknown base models"
    if len(simulated) == len(models):
        return f"{name}: simulated researchers, not a language model ({', '.join(models)})"
    if simulated:
        return f"{name}: partly simulated researchers, partly language models ({', '.join(models)})"
    return f"{name}: {', '.join(models)}"


def result_sentence(analysis: Analysis) -> str:
    """Return the result for structures in the primary measure as one sentence with its interval, and the look."""
    outcome = analysis.primary
    population = _population(analysis)
    tested = [comparison for comparison in outcome.structures if comparison.p_holm is not None]
    if not outcome.arm_summaries:
        return f"No result: no run has the measure {outcome.label}."
    if not tested and outcome.structures:
        differences = [
            f"{c.difference.arm} minus {c.difference.against} {estimate_text(c.difference.mean, sign='+')}"
            for c in outcome.structures[: _MAX_NAMED + 1]
        ]
        return f"No claim from a single pair of runs: {population}{'; '.join(differences)} in {outcome.label}."
    if not tested:
        arm, arm_summary = next(iter(outcome.arm_summaries.items()))
        return f"No comparison: {arm} {population}reached {_rounded(arm_summary.mean)} in {outcome.label}."
    significant = [comparison for comparison in tested if comparison.significant]
    if significant:
        sentence = _difference_sentence(outcome, significant, tested, population)
    else:
        sentence = _no_difference_sentence(outcome, tested, population)
    return " ".join([sentence, *_look_sentence(analysis.look)])


def _difference_sentence(
    outcome: MeasureResult, significant: list[PlannedComparison], tested: list[PlannedComparison], population: str
) -> str:
    first, *rest = sorted(significant, key=lambda c: -abs(c.difference.mean.value))
    difference = first.difference
    text = (
        f"{population.capitalize()}{difference.arm} was {_direction(first)} than {difference.against} in "
        f"{outcome.label}: {_difference_text(first, outcome)}"
    )
    if rest:
        named = [
            f"{c.difference.arm} against {c.difference.against}, {estimate_text(c.difference.mean, sign='+')}"
            for c in rest
        ]
        more = [f"{len(named) - _MAX_NAMED} more"] if len(named) > _MAX_NAMED else []
        text += f"; also significant: {'; '.join([*named[:_MAX_NAMED], *more])}"
    if others := [comparison for comparison in tested if not comparison.significant]:
        text += (
            f"; {counted(len(others), 'other planned comparison')} {'is' if len(others) == 1 else 'are'} not "
            f"significant: {_verdicts(others, outcome.margin)}"
        )
    return f"{text}."


def _no_difference_sentence(outcome: MeasureResult, tested: list[PlannedComparison], population: str) -> str:
    largest = max(tested, key=lambda comparison: abs(comparison.difference.mean.value))
    difference = largest.difference
    single = len(tested) == 1
    count = "The planned comparison shows no" if single else f"None of {len(tested)} planned comparisons shows a"
    undetected = (
        ""
        if largest.detectable is None
        else f"; differences below {largest.detectable:.2g} would probably not be detected"
    )
    where = f"{outcome.label} {population}".rstrip()
    named = f"{'' if single else 'the largest is '}{difference.arm} against {difference.against}"
    return (
        f"{count} significant difference in {where}; {named}, {_difference_text(largest, outcome)}{undetected}; "
        f"{_verdicts(tested, outcome.margin)}."
    )


def _direction(comparison: PlannedComparison) -> str:
    return "higher" if comparison.difference.mean.value > 0 else "lower"


def _verdicts(comparisons: Sequence[PlannedComparison], margin: float | None) -> str:
    """Return which comparisons without a significant difference are shown to be equivalent, and which are open."""
    few = [c for c in comparisons if c.difference.n < MIN_PAIRS]
    if len(few) == len(comparisons):
        return f"inconclusive, as no claim is made from fewer than {MIN_PAIRS} pairs"
    if margin is None:
        return "inconclusive, as no margin for equivalence is set"
    equivalent = [c for c in comparisons if c.verdict == "equivalent"]
    inconclusive = [c for c in comparisons if c.verdict != "equivalent"]
    within = f"within ±{margin:g} (TOST)"
    if not equivalent:
        return f"inconclusive, as equivalence {within} is not shown"
    if not inconclusive:
        return f"equivalent {within}"
    return f"equivalent {within}: {_names(equivalent)}; inconclusive: {_names(inconclusive)}"


def _names(comparisons: Sequence[PlannedComparison]) -> str:
    names = [f"{c.difference.arm} against {c.difference.against}" for c in comparisons]
    more = [f"{len(names) - _MAX_NAMED} more"] if len(names) > _MAX_NAMED else []
    return ", ".join([*names[:_MAX_NAMED], *more])


def _difference_text(comparison: PlannedComparison, outcome: MeasureResult) -> str:
    """Return a difference with its interval, number of runs and p value."""
    mean = comparison.difference.mean
    details = [f"{_runs(comparison)}, {_p_text(comparison.p_holm)} after correction"]
    if mean.interval is not None:
        details.insert(0, f"{percent(outcome.level)} interval {interval_text(mean.interval)}")
    return f"{number(mean.value, sign='+')} ({'; '.join(details)})"


def _look_sentence(look: Look | None) -> list[str]:
    if look is None:
        return []
    return [
        f"This is look {look.number} of {look.of}, at {look.seeds} seeds: {_p_text(look.level, '<')} before correction "
        "is significant, and p values and intervals account for all planned looks (O'Brien-Fleming)."
    ]


def _population(analysis: Analysis) -> str:
    models = _models(analysis)
    return "among simulated researchers " if models and all(map(is_simulated, models)) else ""


def _models(analysis: Analysis) -> list[str]:
    """Return the base models of all arms without the control."""
    arms = [arm for arm in analysis.arms if not arm.control]
    return list(dict.fromkeys(model for arm in arms for model in arm.models))


def _runs(comparison: PlannedComparison) -> str:
    difference = comparison.difference
    return counted(difference.n, "pair" if difference.paired else "run") + ("" if difference.paired else " per arm")


def context_sentences(analysis: Analysis) -> list[str]:
    """Return how the controls and the reference methods compare with the arms."""
    references = [_reference_sentence(line) for line in analysis.references if line.over_runs]
    return [*_control_sentence(analysis.primary), *references]


def _control_sentence(outcome: MeasureResult) -> list[str]:
    tested = [comparison for comparison in outcome.controls if comparison.p_holm is not None]
    if not tested:
        return []
    texts = []
    for c in tested:
        d, text = c.difference, _difference_text(c, outcome)
        if c.significant:
            texts.append(f"{d.arm} was {_direction(c)} than {d.against}, {text}")
        else:
            texts.append(f"{d.arm} against {d.against}, {text}, {_verdicts([c], outcome.margin)}")
    controls = "Controls, a family of their own in the correction" if len(tested) > 1 else "Control"
    return [f"{controls}: {'; '.join(texts)}."]


def _reference_sentence(line: ReferenceLine) -> str:
    arms: dict[str, list[str]] = {}
    for name, difference in line.over_runs.items():
        test = equivalence(difference, DEFAULT_MARGIN)
        if difference.n < MIN_PAIRS:
            kind = f"fewer than {MIN_PAIRS} runs"
        elif difference.p is not None and difference.p < ALPHA:
            kind = "above it" if difference.mean.value > 0 else "below it"
        else:
            kind = f"equivalent within ±{DEFAULT_MARGIN:g}" if test is not None and test.shown else "inconclusive"
        arms.setdefault(kind, []).append(name)
    text = "; ".join(
        f"{kind}: {'every arm' if len(names) == len(line.over_runs) > 1 else ', '.join(names)}"
        for kind, names in arms.items()
    )
    # On the same worlds a reference method has the same score in every run, so there is no interval.
    low, high = (number(x, 2) for x in line.pgr.interval or (0.0, 0.0))
    score = number(line.pgr.value, 2) if low == high else _rounded(line.pgr)
    found = "" if line.hours is None else f", found in {line.hours:g} research hours,"
    return f"The {line.name}{found} reaches {score} on the same held-out worlds. {text[0].upper()}{text[1:]}."


def usage_sentence(analysis: Analysis) -> str:
    """Return the mean research hours that the arms used."""
    used = {name: usage.hours.value for name, usage in analysis.usage.items()}
    low, high = min(used, key=lambda name: used[name]), max(used, key=lambda name: used[name])
    same = f"{used[low]:.1f}" == f"{used[high]:.1f}"
    text = f"{used[low]:.1f}" if same else f"from {used[low]:.1f} in {low} to {used[high]:.1f} in {high}"
    return f"Mean hours used: {text}. A started step is always completed, so a run can exceed its budget slightly."


def caveats(analysis: Analysis) -> list[str]:
    """Return the caveats of the result, the most serious first."""
    return [
        *_altered(analysis),
        *analysis.warnings,
        *_incomplete(analysis),
        *_added_seeds(analysis),
        *_few_runs(analysis),
        *_unscored(analysis),
        *_unequal(analysis),
        *_suspicions_found(analysis),
    ]


def _altered(analysis: Analysis) -> Iterator[str]:
    if files := analysis.results.altered:
        names = ", ".join(path.name for path in files)
        yield f"{counted(len(files), 'run')} altered after scoring, left out (see `aarlab check`): {names}."


def _incomplete(analysis: Analysis) -> Iterator[str]:
    planned = len(analysis.results.records)
    done = sum(len(arm.done) for arm in analysis.arms)
    if done < planned:
        yield (
            f"{planned - done} of {planned} planned runs are not done. Stopping at a favourable result makes "
            "intervals too narrow: finish the ablation."
        )


def _added_seeds(analysis: Analysis) -> Iterator[str]:
    ablation = analysis.results.ablation
    if ablation.earlier_seeds:
        counts = " to ".join(map(str, [*ablation.earlier_seeds, len(seeds_of(ablation))]))
        yield (
            f"The number of seeds was increased after the start, from {counts}. If earlier results led to this, "
            "p values are too small and intervals too narrow: declare `looks`, or confirm with fresh seeds "
            "(--seeds-from)."
        )


def _few_runs(analysis: Analysis) -> Iterator[str]:
    arm_summaries = analysis.primary.arm_summaries
    few = {name: arm_summary.n for name, arm_summary in arm_summaries.items() if arm_summary.n < MIN_RUNS}
    if few:
        text = ", ".join(f"{name} {n}" for name, n in few.items())
        problem = (
            f"Every arm has fewer than {MIN_RUNS} runs" if len(few) == len(arm_summaries) else f"Too few runs: {text}"
        )
        yield f"{problem}. Intervals of skewed or bimodal scores cover less than 95 %; treat this as a pilot."


def _unscored(analysis: Analysis) -> Iterator[str]:
    outcome = analysis.primary
    counts = {
        arm.name: (sum(value_at(record.summary, outcome.measure) is None for record in arm.done), len(arm.done))
        for arm in analysis.arms
    }
    if excluded := [f"{unscored} of {done} of {name}" for name, (unscored, done) in counts.items() if unscored]:
        yield (
            f"Runs that ended without {outcome.label} are excluded: {', '.join(excluded)}. If these are bad runs, the "
            "arm is overestimated."
        )


def _unequal(analysis: Analysis) -> Iterator[str]:
    if not equal_compute(analysis.arms):
        yield compute_sentence(analysis.arms)
    versions = sorted({facts.version for facts in analysis.facts.values()})
    if len(versions) > 1:
        yield f"The runs were recorded by different versions of aarlab: {', '.join(versions)}."
    for measure in analysis.outcomes:
        if not measure.arm_summaries:
            yield f"No run has the measure {measure.label}."


def _suspicions_found(analysis: Analysis) -> Iterator[str]:
    # The researchers of controls do not read their directions.
    arms = [arm for arm in analysis.arms if not arm.control]
    by_run = [record.summary.get("structure_violations") or () for arm in arms for record in arm.done]
    if runs_with_violations := sum(map(bool, by_run)):
        # Without sets: dials with the same count are named in the order of the runs.
        by_dial = [dict.fromkeys(str(violation).partition(":")[0] for violation in run) for run in by_run]
        dials = Counter(chain(*by_dial))
        text = ", ".join(f"{dial} in {runs}" for dial, runs in dials.most_common())
        yield (
            f"In {runs_with_violations} of {counted(len(by_run), 'run')}, not counting controls, events violated the "
            f"configured structure: {text}. These runs are included; the section Problems lists them."
        )
    hostile = [arm.name for arm in analysis.arms if any(record.summary.get("hostile") for record in arm.done)]
    if hostile:
        named = ", ".join(hostile[:4]) + (" and others" if len(hostile) > 4 else "")
        yield f"{counted(len(hostile), 'arm')} with hostile researchers, which have a side task: {named}."
    implausible = sum(facts.winner_implausible for facts in analysis.facts.values())
    if implausible:
        yield (
            f"In {counted(implausible, 'run')}, a score of the winning method is above that of the strong student, "
            "which was trained on the true labels: the method may have the labels. These runs are included."
        )
    winners = sum(facts.winner_suspected for facts in analysis.facts.values())
    if winners:
        yield (
            f"In {counted(winners, 'run')}, the score of the winning method was unchanged with a shuffled teacher at "
            "least once: it may not use the teacher."
        )
    identical_arms = {frozenset(pair) for pair in analysis.identical_arms}
    for comparison in analysis.primary.comparisons:
        d = comparison.difference
        identical = d.paired and d.n > 1 and d.sd == 0 and d.mean.value == 0
        if identical and frozenset((d.arm, d.against)) not in identical_arms:
            yield (
                f"{d.arm} and {d.against} have the same {analysis.primary.label} with every seed: their different "
                "settings had no effect on these researchers."
            )
    for first, second in analysis.identical_arms:
        yield f"{first} and {second} have the same configuration: their difference is noise."


def design_sentences(analysis: Analysis) -> list[str]:
    """Return sentences on detectable differences, pairing and noise in the primary measure."""
    outcome, text = analysis.primary, []
    detectable = [c for c in outcome.structures if c.detectable is not None and c.detectable_corrected is not None]
    if detectable:
        typical = sorted(detectable, key=lambda c: c.detectable or 0.0)[len(detectable) // 2]
        text.append(
            f"Detectable difference: {typical.detectable:.2g} at 80 % power for {_runs(typical)} and a single "
            f"comparison, {typical.detectable_corrected:.2g} at the strictest step of the correction for "
            f"{len(outcome.structures)} (two-sided {percent(1 - outcome.level)}, median over comparisons)."
        )
    pairings = [c.difference.pairing for c in outcome.comparisons if c.difference.pairing is not None]
    if pairings:
        middle = sorted(pairings, key=lambda pairing: pairing.variance_ratio)[len(pairings) // 2]
        saved = round(100 * (1 - middle.variance_ratio))
        effect = f"{saved} % fewer seeds are needed" if saved > 0 else "no seeds are saved"
        text.append(
            f"Pairing by seed: correlation {_rounded(Estimate(middle.correlation, middle.interval))}"
            f", variance ratio {middle.variance_ratio:.2f}: {effect} (median over comparisons)."
        )
    if analysis.noise:
        ends = [pick(analysis.noise, key=lambda name: analysis.noise[name]) for pick in (min, max)]
        floors = " to ".join(f"{analysis.noise[name]:.2g} ({name})" for name in dict.fromkeys(ends))
        text.append(
            "A/A comparison: two arms with the same configuration and different seeds differ by more than "
            f"{floors} in 5 % of cases."
        )
    if analysis.panel_se:
        worst = max(analysis.panel_se.values())
        text.append(
            f"All runs share the held-out worlds. The standard error of a run's score over worlds is up to "
            f"{worst:.2g}. Other worlds would shift all arms together; the intervals do not include this."
        )
    return text


def slope_sentence(slope: Slope | None, *, kind: Literal["between", "within"]) -> str:
    """Return a regression on realised autonomy as a sentence."""
    if slope is None:
        return (
            "Between arms: fewer than three arms with different autonomy, so there is no regression."
            if kind == "between"
            else "Within arms: autonomy does not vary between runs of an arm."
        )
    # Within arms, autonomy varies by hundredths, so the effect of 0.1 would be an extrapolation.
    parts, step = (10, "0.1") if kind == "between" else (100, "0.01")
    share = Estimate(slope.slope / parts, (slope.interval[0] / parts, slope.interval[1] / parts))
    where = f"Between {slope.units} arms" if kind == "between" else f"Within arms, {slope.units} runs"
    return f"{where}: {estimate_text(share, sign='+')} per {step} of autonomy."


def _rounded(estimate: Estimate) -> str:
    return estimate_text(estimate, digits=2)


def _p_text(p: float | None, relation: str = "=") -> str:
    """Return `p = ...` or `p < .001` as text."""
    if p is None:
        return "no p value"
    text = p_value(p)
    return f"p {text}" if text.startswith("<") else f"p {relation} {text}"
