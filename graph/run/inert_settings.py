"""Settings of a scenario that differ from their defaults and have no effect on the run."""

from collections.abc import Iterator

from pydantic import BaseModel

from aarlab.graph.scenario import Scenario


def inert_settings(scenario: Scenario) -> dict[str, str]:
    """Return the path of each setting without effect, with the reason, such as `structure.review is none`."""
    found: dict[str, str] = {}
    for path, reason in _reasons(scenario):
        if reason is not None and _is_set(scenario, path):
            found.setdefault(path, reason)
    return found


def inert_text(path: str, reason: str) -> str:
    """Return a sentence about a setting without effect."""
    return f"{path} has no effect: {reason}"


def _reasons(scenario: Scenario) -> Iterator[tuple[str, str | None]]:
    """Yield paths, each with the reason why a value would have no effect; None if it has one."""
    structure, team, scoring = scenario.structure, scenario.team, scenario.scoring

    def unless(condition: bool, reason: str) -> str | None:
        return None if condition else reason

    no_review = unless(structure.review != "none", "structure.review is none")
    no_librarian = unless(structure.sharing == "query", f"structure.sharing is {structure.sharing}, not query")
    yield "team.reviewer", no_review
    yield "costs.review", unless(structure.review == "gate", f"structure.review is {structure.review}, not gate")
    yield "team.librarian", no_librarian
    yield "costs.ask", no_librarian
    yield "team.overseer", unless(structure.has_overseer, "structure.oversight is none")
    escalates = structure.response == "ask" or bool(structure.approve_tools)
    yield "team.escalation", unless(escalates, f"structure.response is {structure.response}, not ask")
    yield (
        "structure.checkpoint_rounds",
        unless(structure.oversight == "checkpoint", f"structure.oversight is {structure.oversight}, not checkpoint"),
    )
    yield "costs.assign", unless(structure.has_lead, f"structure.coordination is {structure.coordination}")
    yield "team.models.lead", unless(structure.planned or structure.has_lead, "the team has no lead and no plan")
    yield "scoring.transfer_tasks", unless(scoring.transfer_worlds > 0, "scoring.transfer_worlds is 0")
    yield "close.retune", unless(not scenario.task.single_world, f"{scenario.task.name} has a single world")
    yield (
        "budget.seconds_per_hour",
        unless(scenario.task.fine_tunes, f"{scenario.task.name} has no student to fine-tune"),
    )
    simulated = any(team.model_of(name).startswith("simulated/") for name in team.names)
    yield "team.temperament", unless(simulated, "no researcher is simulated")
    yield from _live_reasons(scenario)


def _live_reasons(scenario: Scenario) -> Iterator[tuple[str, str | None]]:
    """Yield the settings of live models and the limits in dollars."""
    used = scenario.models_used
    if all(name.startswith("simulated/") for name in used):
        yield from (
            (f"live.{name}", "all base models of the run are simulated") for name in type(scenario.live).model_fields
        )
        for name in ("usd", "usd_per_agent"):
            yield f"budget.{name}", "all base models of the run are simulated and free"
        return
    providers = {name.partition("/")[0] for name in used}
    for name in scenario.live.base_urls:
        if name not in used and name not in providers:
            yield f"live.base_urls.{name}", "no base model of the run has this name or provider"


def _is_set(scenario: Scenario, path: str) -> bool:
    """Return whether the field at a path differs from its default."""
    section, _, field = path.partition(".")
    field, _, key = field.partition(".")
    values: BaseModel = getattr(scenario, section)
    value = getattr(values, field)
    if key:
        return key in value
    return bool(value != type(values).model_fields[field].get_default(call_default_factory=True))
