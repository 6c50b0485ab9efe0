"""What an analysis comes to, in sentences: the title line, the result, what to be careful about."""

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from aarlab.ablation.plan import CONTROL
from aarlab.report.analysis import Analysis, Compared, Outcome
from aarlab.report.arms import compute_sentence, equal_compute
from aarlab.report.readable import figure, number, p_value
from aarlab.statistics import FEWEST, Estimate, Slope
from aarlab.wording import counted

SIMULATED = "simulated/"
_MOST_NAMED = 3
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
    who = _who(analysis)
    tested = [compared for compared in outcome.compared if compared.p_holm is not None]
    if not outcome.standings:
        return f"There is no result: no run has the measure {outcome.words}."
    if not tested:
        arm, standing = next(iter(outcome.standings.items()))
        return f"There is nothing to compare: {arm} {who}reached {about(standing.mean)} in {outcome.words}."
    shown = [compared for compared in tested if compared.shown]
    if shown:
        return _shown_sentence(outcome, shown, len(tested), who)
    return _nothing_sentence(outcome, tested, who)


def _shown_sentence(outcome: Outcome, shown: list[Compared], tested: int, who: str) -> str:
    # What the control shows is about the researchers; the question is about structure.
    first, *rest = sorted(shown, key=lambda c: (c.difference.arm == CONTROL, -abs(c.difference.mean.value)))
    difference = first.difference
    higher = "higher" if difference.mean.value > 0 else "lower"
    told = (
        f"{who.capitalize()}{difference.arm} came out {higher} than {difference.against} in {outcome.words}: "
        f"{_in_figures(first)}"
    )
    if rest:
        named = [f"{c.difference.arm} against {c.difference.against}, {signed(c.difference.mean)}" for c in rest]
        more = [f"{len(named) - _MOST_NAMED} more"] if len(named) > _MOST_NAMED else []
        told += f"; a difference shows too for {'; '.join([*named[:_MOST_NAMED], *more])}"
    if others := tested - len(shown):
        told += f"; {counted(others, 'other planned comparison')} show{'s' if others == 1 else ''} none"
    return f"{told}."


def _nothing_sentence(outcome: Outcome, tested: list[Compared], who: str) -> str:
    largest = max(tested, key=lambda compared: abs(compared.difference.mean.value))
    difference = largest.difference
    alone = len(tested) == 1
    count = "The planned comparison shows no" if alone else f"None of {len(tested)} planned comparisons shows a"
    blind = "" if largest.smallest is None else f"; less than {largest.smallest:.2g} would likely have gone unseen"
    where = f"{outcome.words} {who}".rstrip()
    named = f"{'it' if alone else 'the largest'} is {difference.arm} against {difference.against}"
    return f"{count} difference in {where}; {named}, {_in_figures(largest)}{blind}."


def _in_figures(compared: Compared) -> str:
    """Return a difference with its interval, its runs and its p."""
    mean = compared.difference.mean
    ends = "" if mean.interval is None else " to ".join(number(end, sign="+") for end in mean.interval)
    certainty = f"95 % interval {ends}; {_runs(compared)}, {p_text(compared.p_holm)} after correction"
    return f"{number(mean.value, sign='+')} ({certainty})"


def _who(analysis: Analysis) -> str:
    models = _models(analysis)
    return "among simulated researchers " if models and all(m.startswith(SIMULATED) for m in models) else ""


def _models(analysis: Analysis) -> list[str]:
    """Return the base models that the report is about: those of all arms but the control."""
    arms = [arm for arm in analysis.arms if arm.name != CONTROL] or analysis.arms
    return list(dict.fromkeys(model for arm in arms for model in arm.models))


def _runs(compared: Compared) -> str:
    difference = compared.difference
    return counted(difference.n, "pair" if difference.paired else "run") + ("" if difference.paired else " an arm")


def controls_sentence(analysis: Analysis) -> str | None:
    """Return which arms are ahead of the best fixed baseline: others have shown nothing. None where it is unknown."""
    if not analysis.over_baseline or analysis.baseline is None:
        return None
    ahead = [name for name, over in analysis.over_baseline.items() if over.interval and over.interval[0] > 0]
    behind = [name for name, over in analysis.over_baseline.items() if over.interval and over.interval[1] < 0]
    level = [name for name in analysis.over_baseline if name not in ahead and name not in behind]
    kinds = (("ahead of it", ahead), ("not told apart from it", level), ("behind it", behind))
    everyone = len(analysis.over_baseline)
    told = "; ".join(
        f"{kind}: {'every arm' if len(names) == everyone > 1 else ', '.join(names)}" for kind, names in kinds if names
    )
    # Where all arms have the same worlds it has the same score on them in every run, which is no interval.
    value, low, high = (number(x, 2) for x in (analysis.baseline.value, *(analysis.baseline.interval or (0.0, 0.0))))
    score = value if low == high else about(analysis.baseline)
    reached = f"The best fixed baseline reaches {score} on the same held-out worlds."
    return f"{reached} {told[0].upper()}{told[1:]}."


def used_sentence(analysis: Analysis) -> str:
    """Return what the arms used of their budgets, on average."""
    used = {name: spent.hours.value for name, spent in analysis.spent.items()}
    low, high = min(used, key=lambda name: used[name]), max(used, key=lambda name: used[name])
    same = f"{used[low]:.1f}" == f"{used[high]:.1f}"
    told = f"{used[low]:.1f}" if same else f"from {used[low]:.1f} in {low} to {used[high]:.1f} in {high}"
    return f"Used on average: {told}; a step that has been begun is finished."


def cautions(analysis: Analysis) -> list[str]:
    """Return what a reader must know before believing anything, the gravest first."""
    return [*_incomplete(analysis), *_few(analysis), *_unscored(analysis), *_unequal(analysis), *_suspicious(analysis)]


def _incomplete(analysis: Analysis) -> Iterator[str]:
    planned = len(analysis.results.records)
    done = sum(len(arm.done) for arm in analysis.arms)
    if done < planned:
        yield (
            f"{planned - done} of {planned} planned runs are not done. Stopping when a result pleases makes its "
            "intervals too narrow: let the ablation come to its end."
        )


def _few(analysis: Analysis) -> Iterator[str]:
    standings = analysis.primary.standings
    few = {name: standing.n for name, standing in standings.items() if standing.n < FEWEST}
    if few:
        told = ", ".join(f"{name} {n}" for name, n in few.items())
        whose = f"every arm has fewer than {FEWEST} runs" if len(few) == len(standings) else f"too few runs: {told}"
        yield f"{whose[0].upper()}{whose[1:]}. Intervals over so few cover less than they say; take this for a pilot."


def _unscored(analysis: Analysis) -> Iterator[str]:
    outcome = analysis.primary
    for arm in analysis.arms:
        unscored = len(arm.done) - len(arm.values(outcome.measure))
        if unscored:
            yield (
                f"{unscored} of {len(arm.done)} runs of {arm.name} ended without {outcome.words} and do not count "
                f"here: if those are the bad ones, {arm.name} looks better than it is."
            )


def _unequal(analysis: Analysis) -> Iterator[str]:
    if not equal_compute(analysis.arms):
        yield compute_sentence(analysis.arms)
    versions = sorted({facts.version for facts in analysis.facts.values()})
    if len(versions) > 1:
        yield f"Runs were made by different versions of aarlab: {', '.join(versions)}."
    for measure in analysis.outcomes:
        if not measure.standings:
            yield f"No run has the measure {measure.measure}."


def _suspicious(analysis: Analysis) -> Iterator[str]:
    breaches = [record.summary.get("structure_breaches") or () for arm in analysis.arms for record in arm.done]
    if breached := sum(map(bool, breaches)):
        dials = Counter(dial for found in breaches for dial in {str(breach).partition(":")[0] for breach in found})
        told = ", ".join(f"{dial} in {runs}" for dial, runs in dials.most_common())
        yield (
            f"In {breached} of {counted(len(breaches), 'run')} the structure was not kept: {told}. They count all the "
            "same; a table tells which."
        )
    winners = sum(facts.winner_suspected for facts in analysis.facts.values())
    if winners:
        yield (
            f"In {counted(winners, 'run')} the winning method kept its score with a shuffled teacher, at least once: "
            "it may not have learnt from the teacher at all."
        )
    repeated = {frozenset(pair) for pair in analysis.repeated}
    for compared in analysis.primary.compared:
        d = compared.difference
        alike = d.paired and d.n > 1 and d.spread == 0 and d.mean.value == 0
        if alike and frozenset((d.arm, d.against)) not in repeated:
            yield (
                f"{d.arm} and {d.against} came to the same {analysis.primary.words} with every seed: what differs "
                "between them did nothing to these researchers."
            )
    for first, second in analysis.repeated:
        yield f"{first} and {second} are the same configuration: what differs between them is noise."


def design_sentences(analysis: Analysis) -> list[str]:
    """Return what the design could show, and what pairing and chance amount to, in the primary measure."""
    outcome, told = analysis.primary, []
    smallest = [c for c in outcome.compared if c.smallest is not None and c.strictest is not None]
    if smallest:
        typical = sorted(smallest, key=lambda c: c.smallest or 0.0)[len(smallest) // 2]
        told.append(
            f"Smallest difference that {_runs(typical)} show with a chance of 80 %: {typical.smallest:.2g} in a single "
            f"comparison, {typical.strictest:.2g} at the strictest step of the correction for {len(outcome.compared)} "
            "(two-sided 5 %; the median over comparisons)."
        )
    pairings = [c.difference.pairing for c in outcome.compared if c.difference.pairing is not None]
    if pairings:
        middle = sorted(pairings, key=lambda pairing: pairing.variance_ratio)[len(pairings) // 2]
        saved = round(100 * (1 - middle.variance_ratio))
        effect = f"saved {saved} % of the seeds" if saved > 0 else "saved nothing"
        told.append(
            f"Pairing by seed: correlation {about(Estimate(middle.correlation, middle.interval))}"
            f", variance ratio {middle.variance_ratio:.2f}: it {effect} (the median over comparisons)."
        )
    if analysis.noise:
        ends = [pick(analysis.noise, key=lambda name: analysis.noise[name]) for pick in (min, max)]
        floors = " to ".join(f"{analysis.noise[name]:.2g} ({name})" for name in dict.fromkeys(ends))
        told.append(
            "A against A: two arms of the same configuration, with nothing but other seeds, differ by more than "
            f"{floors} in one case of twenty."
        )
    if analysis.panel_error:
        worst = max(analysis.panel_error.values())
        told.append(
            f"Held-out worlds are the same for every run. The standard error of one run's score over worlds is up to "
            f"{worst:.2g}; other worlds would move all arms together, and intervals here do not include it."
        )
    return told


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
    return f"{whose}: {signed(share)} for each {part} more autonomy."


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


def about(estimate: Estimate) -> str:
    """Return a figure with its interval, to two decimals."""
    return figure(estimate, digits=2)


def signed(estimate: Estimate) -> str:
    """Return a difference with its interval, to three decimals and with signs."""
    return figure(estimate, sign="+")


def p_text(p: float | None) -> str:
    """Return a p value as one writes it."""
    if p is None:
        return "no p"
    told = p_value(p)
    return f"p {told}" if told.startswith("<") else f"p = {told}"
