"""The simulated replicator: rules in place of a model that reads the text of a finding and writes its method."""

import re

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated.action import Action, action_reply
from aarlab.agents.models.simulated.parsing import json_blocks
from aarlab.agents.models.simulated.recipe import Recipe, SearchSpace, parse_recipe, recipe_in_text, write

_CHAIN = re.compile(r"\w+\([^()]*\)(?: > \w+\([^()]*\))*")
"""A recipe as findings write it: `harden() > bag(members=4)`."""


class SimulatedReplicator:
    """Writes the recipe that the text spells out, else the operators that it names, in order of mention."""

    async def reply(self, request: Request) -> Reply:
        """Submit the method; without an operator in the text, submit nothing."""
        conversation = request.conversation
        space = SearchSpace(json_blocks(conversation.system)[0])
        recipe = described_recipe(str(json_blocks(conversation.messages[-1].text)[-1]["text"]), space)
        if not recipe:
            return action_reply(Action("The text names no operator."), 0, "simulated/replicator")
        call = ("submit_method", {"code": write(recipe)})
        return action_reply(Action("I write what the text says.", (call,)), 0, "simulated/replicator")


def described_recipe(text: str, space: SearchSpace) -> Recipe:
    """Return the recipe that a text describes; empty if it names no operator."""
    spelled = (parse_recipe(chain, space) for chain in _CHAIN.findall(text))
    return next((recipe for recipe in spelled if recipe), None) or recipe_in_text(text, space)
