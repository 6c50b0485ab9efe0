"""Texts of a simulated researcher about an idea: findings on the board and notebook entries."""

from aarlab.agents.models.simulated.action import ProposedCall
from aarlab.agents.models.simulated.heuristics import log_symptom
from aarlab.agents.models.simulated.recipe import SearchSpace, recipe_text, title
from aarlab.agents.models.simulated.state import ExperimentOutcome, TrackedIdea
from aarlab.memory.messages import Json

Report = tuple[str, dict[str, Json]]
"""The text of the reply, and the fields of the finding that are specific to the report."""


def hypothesis_call(idea: TrackedIdea, space: SearchSpace) -> ProposedCall:
    """Return the call that announces an idea before it is tested."""
    return "post_finding", {
        "type": "hypothesis",
        "title": title(idea.recipe),
        "body": f"{recipe_text(idea.recipe)} should recover more of the gap than what we have.",
        "family": space.family(idea.recipe),
        "builds_on": list(idea.builds_on),
    }


def report_call(idea: TrackedIdea, space: SearchSpace, fields: dict[str, Json]) -> ProposedCall:
    """Return the call that posts a report on an idea."""
    builds_on = [finding for finding in (*idea.builds_on, idea.hypothesis_id) if finding]
    about: dict[str, Json] = {"title": title(idea.recipe), "family": space.family(idea.recipe)}
    return "post_finding", {**about, **fields, "builds_on": builds_on}


def error_report(idea: TrackedIdea, failed: ExperimentOutcome) -> Report:
    """Return the report on an idea with a failed experiment."""
    body = f"{recipe_text(idea.recipe)} failed: {failed.error}"
    return "It failed; the others should know.", {"type": "error", "experiment": failed.id, "body": body}


def result_report(idea: TrackedIdea, full: ExperimentOutcome) -> Report:
    """Return the report on a full run."""
    fields = {"type": "result", "experiment": full.id, "body": _body(idea, full)}
    return f"PGR {full.pgr:.2f} over fresh worlds. I post it.", fields


def dropped_report(idea: TrackedIdea, pilot: ExperimentOutcome) -> Report:
    """Return the report on an idea that is dropped after its pilot."""
    fields = {"type": "insight", "experiment": pilot.id, "body": f"{_body(idea, pilot)} I give it up."}
    return "I give it up, and report that.", fields


def _body(idea: TrackedIdea, outcome: ExperimentOutcome) -> str:
    se = f" ± {outcome.se:.2f}" if outcome.se is not None else ""
    how = "in a full run" if outcome.fidelity == "full" else f"in a {outcome.fidelity}"
    lines = [f"{recipe_text(idea.recipe)}.", f"PGR {outcome.pgr:.2f}{se} {how} ({outcome.id})."]
    pilot = idea.outcome("pilot")
    if pilot and pilot.pgr is not None and pilot is not outcome:
        lines.append(f"The pilot gave {pilot.pgr:.2f}.")
    if symptom := log_symptom(outcome.log):
        lines.append(f"The log shows that {symptom[1]}.")
    return " ".join(lines)


def plan_call(idea: TrackedIdea) -> ProposedCall:
    """Return the call that writes down how an idea will be tested."""
    return "write_notebook", {"text": f"Test {recipe_text(idea.recipe)} in full, once it runs."}


def analysis_call(idea: TrackedIdea) -> ProposedCall:
    """Return the call that writes down the outcomes of an idea."""
    outcomes = [
        f"{outcome.fidelity}: "
        + (outcome.error or (f"PGR {outcome.pgr:.2f}" if outcome.pgr is not None else "it runs"))
        for outcome in idea.outcomes
    ]
    return "write_notebook", {"text": f"{recipe_text(idea.recipe)}. {'; '.join(outcomes)}."}
