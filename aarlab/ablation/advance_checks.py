"""Checks of an ablation before its first run: prices, keys and packages of every arm, and settings without effect."""

from collections.abc import Iterable, Iterator

from aarlab.ablation.ablation_plan import CONTROL, AblationPlan, PlannedRun
from aarlab.agents.models.registry import is_simulated
from aarlab.config.errors import Fault
from aarlab.graph.run.inert_settings import inert_settings, inert_text
from aarlab.graph.scenario import Scenario


def missing_requirements(runs: Iterable[PlannedRun]) -> list[Fault]:
    """Return a fault for each base model that lacks a key or a package on this machine, with the arms that use it."""
    arms: dict[tuple[str, str], list[str]] = {}
    for name, arm, scenario in _models(runs):
        if (missing := scenario.live.model(name).missing_requirement()) is not None:
            arms.setdefault((name, missing), []).append(arm)
    return [
        Fault(name, None, f"{missing} (arm{'s' * (len(names) > 1)} {', '.join(names)})", None)
        for (name, missing), names in arms.items()
    ]


def unknown_prices(runs: Iterable[PlannedRun]) -> dict[str, list[str]]:
    """Return the base models without a known price, each with the names of the arms that use it."""
    arms: dict[str, list[str]] = {}
    for name, arm, scenario in _models(runs):
        if scenario.live.price(name) is None:
            arms.setdefault(name, []).append(arm)
    return arms


def _models(runs: Iterable[PlannedRun]) -> Iterator[tuple[str, str, Scenario]]:
    """Yield each base model of each arm once, with the arm and a scenario."""
    seen: set[tuple[str, str, str]] = set()
    for run in runs:
        for name in run.scenario.models_used:
            key = (name, run.arm, run.setting)
            if key not in seen:
                seen.add(key)
                yield name, f"{run.arm} with {run.setting}" if run.setting else run.arm, run.scenario


def evidence_note(plan: AblationPlan) -> str | None:
    """Return a sentence if a published design runs with simulated agents only; None otherwise."""
    models = {name for arm in plan.arms for name in arm.scenario.models_used}
    if not plan.ablation.source or not all(map(is_simulated, models)):
        return None
    return (
        "Simulated policies are no evidence about language models: this checks the design and its costs. Run it with "
        "a live model: --model provider/model."
    )


def settings_without_effect(plan: AblationPlan) -> list[str]:
    """Return a sentence for each setting without effect: one that all arms share, or one of an arm or a setting."""
    arms = {arm.name: arm for arm in plan.arms if arm.name != CONTROL}
    inert = {name: inert_settings(arm.scenario) for name, arm in arms.items()}
    shared = {
        path: reason for path, reason in next(iter(inert.values())).items() if all(path in i for i in inert.values())
    }
    sentences = [inert_text(path, reason) for path, reason in shared.items()]
    for name, arm in arms.items():
        own = {path: reason for path, reason in inert[name].items() if path not in shared and _sets(arm.settings, path)}
        sentences += [f"arm {name}: {inert_text(path, reason)}" for path, reason in own.items()]
    for setting in plan.settings:
        by_run = [inert_settings(run.scenario) for run in setting.runs]
        for path in setting.values:
            reasons = [found.get(path) for found in by_run]
            if path not in shared and (reason := reasons[0]) is not None and None not in reasons:
                sentences.append(f"sensitivity {setting.name}: {inert_text(path, reason)}")
    return sentences


def _sets(paths: Iterable[str], path: str) -> bool:
    """Return whether one of the paths is a field, or a section around it."""
    return any(path == other or path.startswith(f"{other}.") for other in paths)
