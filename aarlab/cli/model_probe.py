"""The request of `aarlab models test`, and what its reply shows about a model's tool calls."""

from collections.abc import Mapping
from dataclasses import dataclass

from aarlab.agents import librarian, overseer, replicator, researcher, reviewer, trajectory_monitor
from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.registry import is_simulated
from aarlab.config.scenario_files import load_scenario
from aarlab.graph.flow.researcher_setup import catalogue, system_prompt_for, tools_for
from aarlab.memory.messages import INVALID_INPUT, Conversation, Json, ToolSpec, user_message

MAX_TOKENS = 300
"""Maximum number of tokens of the reply, besides those of a thinking budget."""
_QUESTION = "Use the tool to add two and two, and say nothing else."
_NUMBER = {"type": "integer"}
_ADD = ToolSpec(
    "add", "Add two numbers.",
    {"type": "object", "properties": {"a": _NUMBER, "b": _NUMBER}, "required": ["a", "b"]},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a reply shows."""

    tools: str | None
    """Why tool calls do not work; None: they work."""
    json_arguments: str | None
    """Why JSON arguments do not work; None: they work, or there was no tool call."""


def probe_request(name: str) -> Request:
    """Return a small request for a base model; for a simulated model, a first request in its role."""
    if not is_simulated(name):
        return Request(Conversation.begin("This is a test.").then(user_message(_QUESTION)), (_ADD,))
    match name.removeprefix("simulated/").partition("-")[0]:
        case "reviewer":
            case = {"method": "", "tried": [], "best_so_far": [], "same_method_posted": []}
            return reviewer.run_review_request("r1", case, full_hours=2.0)
        case "librarian":
            return librarian.question_request("Which method is best?", [])
        case "overseer":
            return overseer.checkpoint_request({"leaderboard": [], "round": 1, "rounds": 2}, round=1, rounds=2)
        case "monitor":
            return trajectory_monitor.trajectory_request("r1", {"methods": [], "findings": [], "variants": 0})
        case "replicator":
            scenario = load_scenario("quickstart", [])
            return replicator.replication_request("harden()", catalogue(scenario), scenario.task.example())
        case role:
            return _researcher_request("nk" if role == "local" else "quickstart")


def _researcher_request(scenario_name: str) -> Request:
    scenario = load_scenario(scenario_name, ["structure.opening=none"])
    message = researcher.round_message(
        round=1, rounds=scenario.rounds, used=0.0, hours=scenario.budget.hours, until=scenario.budget.round_hours,
        new_findings="[]",
    )  # fmt: skip
    conversation = Conversation.begin(system_prompt_for("r1", scenario, None, None)).then(user_message(message))
    return Request(conversation, tuple(tool.spec for tool in tools_for(scenario).values()))


def examine(request: Request, reply: Reply) -> ProbeResult:
    """Return what the reply to a probe request shows."""
    offered = {tool.name for tool in request.tools}
    calls = reply.message.tool_calls
    if not calls:
        return ProbeResult("it did not call the tool", None)
    if unknown := [call.name for call in calls if call.name not in offered]:
        return ProbeResult(f"it called {unknown[0]!r} instead of {' or '.join(sorted(offered))}", None)
    faults = [_fault(call.arguments) for call in calls] if offered == {_ADD.name} else [None]
    return ProbeResult(None, next((fault for fault in faults if fault is not None), None))


def _fault(arguments: Mapping[str, Json]) -> str | None:
    """Return what is wrong with the arguments of `add`; None if nothing is."""
    if INVALID_INPUT in arguments:
        return f"they are not JSON: {arguments[INVALID_INPUT]!r}"
    wrong = [name for name in ("a", "b") if arguments.get(name) != 2 or isinstance(arguments.get(name), bool)]
    return f"{wrong[0]} is {arguments.get(wrong[0])!r} instead of 2" if wrong else None
