"""Local search with copying: the agent of Lazer and Friedman (2007), acting through the tools of a run.

In each round it takes one step. If a finding that it has seen is better than its own string, it borrows the string,
checks it and posts it. Otherwise it runs its own string with one bit flipped, and posts it if it is better. It begins
with a random string. It waits for the rest of the round, so a round of a run is a step of the paper. It works on a
catalogue whose only operator has boolean settings, such as that of the task `nk`, in the autonomous workflow.
"""

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

from aarlab.agents.models.base import ModelError, Reply, Request
from aarlab.agents.models.simulated.action import Action, ProposedCall, action_reply
from aarlab.agents.models.simulated.parsing import METHOD, NewMessages, json_blocks, parse_prompt
from aarlab.agents.models.simulated.recipe import Recipe, RecipeStep, SearchSpace, parse_code, write
from aarlab.memory.messages import Conversation, Json, Message, ToolCall
from aarlab.memory.seeds import rng

_ROUND_START = "This round ends at hour"


@dataclass(slots=True)
class _History:
    """What the agent remembers of its conversation."""

    turn: int = 0
    """Number of its replies."""
    acted: bool = False
    """Whether it has run an experiment in this round."""
    seen: tuple[float, str] | None = None
    """Score and id of the best finding of others that it has seen."""
    own: tuple[float, Recipe] | None = None
    """Score and recipe of its string."""
    unposted: str | None = None
    """Id of its experiment with a better string that it has not posted."""
    builds_on: list[Json] = field(default_factory=list)
    """Finding that it copied for that experiment."""
    calls: dict[str, ToolCall] = field(default_factory=dict)
    """Its calls without a result, by id."""
    recipes: dict[str, Recipe] = field(default_factory=dict)
    """Recipes of its workspace files, by path."""


class LocalSearch:
    """Copies the best visible string if it is better, else flips one bit."""

    name: ClassVar[str] = "simulated/local-search"

    def __init__(self, seed: int, agent: str) -> None:
        """Open the model for one agent of a run."""
        self._seed, self._agent = seed, agent
        self._history, self._new = _History(), NewMessages()

    async def reply(self, request: Request) -> Reply:
        """Return the reply to a request.

        Raises:
            ModelError: The prompt's catalogue is not a single operator with boolean settings.
        """
        space = parse_prompt(request.conversation.system).space
        _require_bits(space)
        history = self._read(request.conversation, space)
        action = self._action(history, space)
        if not {name for name, _ in action.calls} <= {tool.name for tool in request.tools}:
            action = Action("I have no tool for my next step.")
        return action_reply(action, history.turn, self.name)

    def _action(self, history: _History, space: SearchSpace) -> Action:
        if history.unposted is not None and history.own is not None:
            return _post(history, space)
        if history.acted:
            return Action("I wait for the next round.")
        if history.own is not None and history.seen is not None and history.seen[0] > history.own[0]:
            finding = history.seen[1]
            path = f"borrowed/{finding}.py"
            calls: tuple[ProposedCall, ...] = (("borrow", {"finding": finding}), _run(path))
            return Action(f"{finding} is better than my string. I copy it.", calls)
        recipe = self._flipped(history, space)
        return Action("I try a string.", (("write_file", {"path": METHOD, "text": write(recipe)}), _run(METHOD)))

    def _flipped(self, history: _History, space: SearchSpace) -> Recipe:
        """Return its string with one bit flipped; at the start a random string."""
        random = rng(self._seed, self._agent, "local search", history.turn)
        operator = space.operators[space.names[0]]
        if history.own is None:
            bits = {setting.name: bool(random.integers(2)) for setting in operator.settings}
        else:
            bits = {name: bool(value) for name, value in history.own[1][-1].settings}
            flipped = operator.settings[int(random.integers(len(operator.settings)))].name
            bits[flipped] = not bits[flipped]
        return (RecipeStep(operator.name, tuple(bits.items())),)

    def _read(self, conversation: Conversation, space: SearchSpace) -> _History:
        """Return the history of a conversation. Only messages that are new since the last call are parsed."""
        continues, messages = self._new.take(conversation)
        if not continues:
            self._history = _History()
        for message in messages:
            _update(self._history, message, space)
        return self._history


def _require_bits(space: SearchSpace) -> None:
    """Raise ModelError unless the only operator has boolean settings."""
    operators = list(space.operators.values())
    if len(operators) != 1 or any(setting.options != (False, True) for setting in operators[0].settings):
        raise ModelError(f"{LocalSearch.name} works only on a task whose only operator sets bits: --set task=nk")


def _run(path: str) -> ProposedCall:
    return "run_experiment", {"path": path, "fidelity": "full"}


def _post(history: _History, space: SearchSpace) -> Action:
    """Return the post of its new string."""
    assert history.own is not None, "an unposted experiment has a string"
    score, recipe = history.own
    bits = "".join(str(int(bool(value))) for _, value in recipe[-1].settings)
    fields: dict[str, Json] = {
        "type": "result", "title": f"{bits}: {score:.4f}", "body": f"{recipe[-1]}.",
        "family": space.operators[recipe[-1].operator].family, "experiment": history.unposted,
        "builds_on": history.builds_on,
    }  # fmt: skip
    return Action("I post my new string.", (("post_finding", fields),))


def _update(history: _History, message: Message, space: SearchSpace) -> None:
    """Add a message to the history."""
    if message.speaker == "assistant":
        history.turn += 1
        history.calls.update({call.id: call for call in message.tool_calls})
        return
    for result in message.tool_results:
        call = history.calls.pop(result.tool_call_id, None)
        if call is not None and not result.is_error:
            _add_result(history, call, json.loads(result.content), space)
    if _ROUND_START in message.text:
        history.acted = False
        for block in json_blocks(message.text):
            _add_listed(history, block if isinstance(block, list) else [])


def _add_listed(history: _History, entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        score = entry.get("pgr")
        if score is not None and (history.seen is None or score > history.seen[0]):
            history.seen = (score, entry["finding"])


def _add_result(history: _History, call: ToolCall, data: dict[str, Any], space: SearchSpace) -> None:
    """Add the result of one of its calls."""
    match call.name:
        case "write_file":
            history.recipes[METHOD] = parse_code(call.arguments["text"], space) or ()
        case "borrow":
            history.recipes[data["path"]] = parse_code(data["code"], space) or ()
            history.builds_on = [call.arguments["finding"]]
        case "post_finding":
            history.unposted, history.builds_on = None, []
        case "run_experiment":
            history.acted = True
            score, recipe = data.get("pgr"), history.recipes.get(call.arguments["path"])
            if score is not None and recipe and (history.own is None or score > history.own[0]):
                history.own, history.unposted = (score, recipe), data["experiment"]
            else:
                history.builds_on = []
        case _:
            pass
