"""The policies of simulated researchers with a specialty: idea, method or analysis.

The specialties are named in the system prompt. An idea specialist posts the recipes that it would try next. A method
specialist writes the recipes that hypotheses describe, in the order in which it reads them. An analysis specialist
chooses among the methods that it can borrow as a researcher chooses among ideas.
"""

from collections.abc import Iterator
from functools import cached_property

from aarlab.agents.models.simulated import board_actions, ideas, reports
from aarlab.agents.models.simulated.action import Action
from aarlab.agents.models.simulated.ideas import Option, Sources
from aarlab.agents.models.simulated.parsing import METHOD, announcement
from aarlab.agents.models.simulated.policy import ResearcherPolicy
from aarlab.agents.models.simulated.recipe import recipe_in_text, title, write
from aarlab.agents.models.simulated.state import TrackedIdea

MAX_HYPOTHESES = 3
"""Maximum number of hypotheses that it posts in a round."""


class AnalysisPolicy(ResearcherPolicy):
    """Borrows methods, runs them, and reports as a researcher; it writes none."""

    @cached_property
    def new_option(self) -> Option | None:
        """The best method to borrow and run: one that was handed off, or a replication."""
        known = [k for k in self.state.known.values() if k.recipe is not None and k.id not in self.state.borrowed]
        return self.choose({k.recipe: (k.id,) for k in known if k.recipe is not None})

    @property
    def has_unfinished_work(self) -> bool:
        """Whether the method that it runs needs another experiment or a report."""
        idea = self.state.idea
        if idea is None or not idea.written:
            return False
        return self._report_action(idea) is not None or self.step is not None

    def choose(self, recipes: Sources) -> Option | None:
        """Return the option with the highest value."""
        return ideas.best_option(self.turn, recipes, pilots_allowed=True, written=True)

    def read_first(self, value: float) -> Iterator[Action]:
        """Yield an action that reads methods that were handed off, then what a researcher would read."""
        yield from _read_unscored(self, "insight")
        yield from super().read_first(value)

    def _is_current(self, idea: TrackedIdea) -> bool:
        """Return whether it has borrowed the method of an idea."""
        return idea.written

    def _start_idea(self) -> Iterator[Action]:
        """Yield an action that borrows a method and runs it."""
        if (option := self.new_option) is None:
            return
        (finding,) = option.idea.builds_on
        run = ("run_experiment", {"path": f"borrowed/{finding}.py", "fidelity": option.step})
        text = f"I borrow {finding} and run it.\n{announcement(option.idea)}"
        yield Action(text, (("borrow", {"finding": finding}), run))


def next_action(policy: ResearcherPolicy, analysis: type[AnalysisPolicy], tools: set[str]) -> Action:
    """Return the most urgent action of the specialties in the prompt; without one, an action that uses no tool.

    Args:
        policy: The decisions of a researcher in this turn, from which ideas come.
        analysis: The policy of an analysis specialist.
        tools: Names of the tools that it may use.
    """
    analyst = analysis(policy.turn)
    actions = {"idea": _propose(policy), "method": _implement(policy), "analysis": analyst.actions()}
    own = [specialty for specialty in actions if specialty in policy.state.prompt.specialties]
    if analyst.has_unfinished_work:
        own.sort(key=lambda specialty: specialty != "analysis")
    for specialty in own:
        for action in actions[specialty]:
            if all(name in tools for name, _ in action.calls):
                return action
    return Action("There is nothing more that I can do for now.")


def _implement(policy: ResearcherPolicy) -> Iterator[Action]:
    """Yield an action that reads hypotheses, or one that hands off the method for the first open one."""
    yield from _read_unscored(policy, "hypothesis")
    state = policy.state
    for known in state.known.values():
        recipe = recipe_in_text(known.text, policy.space)
        if known.type == "hypothesis" and known.id not in state.handed_off and recipe:
            if state.can_afford("write", "share"):
                write_call = ("write_file", {"path": METHOD, "text": write(recipe)})
                handoff = ("hand_off", {"finding": known.id, "path": METHOD})
                yield Action(f"I write the method for {known.id}: {title(recipe)}.", (write_call, handoff))
            return


def _propose(policy: ResearcherPolicy) -> Iterator[Action]:
    """Yield actions on the board, then one that posts the next idea as a hypothesis."""
    yield from policy.consult_board()
    option, state = policy.new_option, policy.state
    yield from policy.read_first(0.0 if option is None else option.value)
    is_new = option is not None and all(idea.recipe != option.idea.recipe for idea in state.ideas)
    if option is not None and is_new and state.hypotheses_this_round < MAX_HYPOTHESES and state.can_afford("share"):
        post = reports.hypothesis_call(option.idea, policy.space)
        yield Action(f"A new idea.\n{announcement(option.idea)}", (post,))


def _read_unscored(policy: ResearcherPolicy, finding_type: str) -> Iterator[Action]:
    """Yield an action that reads listed findings of a type that have no score."""
    unread = [key for key, entry in policy.state.unscored.items() if entry["type"] == finding_type]
    if unread and policy.state.can_afford("read"):
        yield board_actions.read(unread[: board_actions.MAX_READ_AT_ONCE])
