"""The control: random search over the same toolkit, through the same tools and at the same cost, without learning."""

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated.move import Move, spoken_reply
from aarlab.agents.models.simulated.reading import METHOD, Notes, spoken, take_notes
from aarlab.agents.models.simulated.recipe import phrase, title, write
from aarlab.agents.models.simulated.search import random_recipe
from aarlab.memory.seeds import rng


class RandomSearch:
    """Draws a method evenly from the catalogue, runs it in full, posts it, and submits the best it has seen."""

    def __init__(self, seed: int, agent: str) -> None:
        """Open it for one agent of a run."""
        self._seed, self._agent = seed, agent

    async def reply(self, request: Request) -> Reply:
        """Answer the request."""
        notes = take_notes(request)
        return spoken_reply(self._move(notes), notes.turn, "simulated/random")

    def _move(self, notes: Notes) -> Move:
        toolbox = notes.brief.toolbox
        idea = notes.idea
        if idea and "full" in idea.outcomes and idea.posted is None and notes.can_afford("share"):
            outcome = idea.outcomes["full"]
            post = {
                "type": "result" if outcome.error is None else "error",
                "title": title(idea.recipe),
                "body": f"{phrase(idea.recipe)}.",
                "family": toolbox.family(idea.recipe),
                "experiment": outcome.id,
            }
            return Move("Drawn at random, run in full.", (("post_finding", post),))
        if notes.best_posted and notes.submitted != notes.best_posted[1] and notes.can_afford("share"):
            return Move("The best so far.", (("submit", {"finding": notes.best_posted[1]}),))
        if not notes.can_afford("write", "full"):
            return Move("No time is left for another full run.")
        even = dict.fromkeys(toolbox.names, 1.0)
        recipe = random_recipe(toolbox, even, rng(self._seed, self._agent, "draw", notes.turn))
        # Both at once: what is drawn is run, whatever it is.
        calls = (
            ("write_file", {"path": METHOD, "text": write(recipe)}),
            ("run_experiment", {"path": METHOD, "fidelity": "full"}),
        )
        return Move(spoken(phrase(recipe), (), 0), calls)
