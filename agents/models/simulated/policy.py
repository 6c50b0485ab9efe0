"""The policy of the simulated researcher: the choice of its next action from its state.

Each turn it takes the first of these actions that its tools allow:

1. Write an analysis of its last idea into the notebook, in the analyse stage or on advice.
2. Report its last idea once it has run in full, has failed or is dropped.
3. Submit its best posted result.
4. Advance its current idea: borrow, announce, write the method, smoke test, pilot, full run.
5. Consult the board: search, read findings, critique one (`board_actions`).
6. Start the next idea (`ideas`): assigned, a repair of the last idea, or a proposal of the search.

The search is Bayesian optimisation. All known scores, its own and those it has read, are fitted by a `surrogate` model.
`search.propose` generates new recipes and mutations of the best known ones, draws a score for each from the surrogate,
and returns the recipe with the highest draw (Thompson sampling). With the probability `rigour` a pilot comes first; the
full run follows only if the upper confidence bound reaches the best full run (`Turn.promising`). Traits such as
`rigour` and `exploration` differ between researchers (`temperament`).
"""

from collections.abc import Iterator
from itertools import chain

import numpy as np

from aarlab.agents.models.simulated import board_actions, ideas, reports
from aarlab.agents.models.simulated.action import Action, ProposedCall
from aarlab.agents.models.simulated.parsing import METHOD, announcement
from aarlab.agents.models.simulated.recipe import Recipe, title, write
from aarlab.agents.models.simulated.state import TrackedIdea
from aarlab.agents.models.simulated.turn import FULL_RUN_STEPS, Turn


class ResearcherPolicy:
    """The decisions of one turn."""

    def __init__(self, turn: Turn) -> None:
        """Store the turn."""
        self.turn, self.state, self.traits, self.space = turn, turn.state, turn.traits, turn.space

    def next_action(self, tools: set[str]) -> Action:
        """Return the most urgent action that uses only these tools; without one, an action that uses no tool."""
        for action in self._actions():
            if all(name in tools for name, _ in action.calls):
                return action
        return Action("There is nothing more that I can do for now.")

    def _actions(self) -> Iterator[Action]:
        """Yield the possible actions, most urgent first."""
        state, idea = self.state, self.state.idea
        if idea and (state.stage == "analyse" or self._writes_analysis(idea)):
            yield Action("What I learn from it.", (reports.analysis_call(idea),))
        if idea and (report := self._report_action(idea)):
            # One reply holds the report and the next action, unless a stage or an assignment waits for the report.
            if state.stage is None and state.assignment is None:
                for after in chain(self.consult_board(), self._start_idea()):
                    yield Action(f"{report.text}\n{after.text}", (*report.calls, *after.calls))
            yield report
        if state.best_posted and state.submitted != state.best_posted[1] and state.can_afford("share"):
            score, finding = state.best_posted
            text = f"{finding} is my best result so far, at {score:.2f}. I submit it."
            yield Action(text, (("submit", {"finding": finding}),))
        if idea and self._is_current(idea) and not self._finished(idea):
            yield from self._advance(idea)
        yield from self.consult_board()
        if state.stage != "share":
            yield from self._start_idea()

    # -- the current idea ---------------------------------------------------------------------------------------

    def _is_current(self, idea: TrackedIdea) -> bool:
        """Return whether an idea belongs to the current assignment, if there is one."""
        return self.state.assignment is None or idea.assignment == self.state.assignment.number

    def _finished(self, idea: TrackedIdea) -> bool:
        """Return whether no step is left for an idea."""
        # After a rejection without a pilot, it runs a pilot and requests the full run once more.
        rejected = idea.rejections > ("pilot" not in idea.outcomes)
        completed = idea.report_id is not None or idea.error is not None or "full" in idea.outcomes
        return completed or rejected or self._pilot_rules_out(idea)

    def _pilot_rules_out(self, idea: TrackedIdea) -> bool:
        """Return whether an idea has a pilot and is not worth a full run."""
        return "pilot" in idea.outcomes and "full" not in idea.outcomes and not self.turn.promising(idea.recipe)

    def _advance(self, idea: TrackedIdea) -> Iterator[Action]:
        """Yield the next steps of an idea: borrow, announce, write, smoke test, pilot, full run."""
        state = self.state
        if not idea.written:
            if unborrowed := [f for f in idea.builds_on if f in state.known and f not in state.borrowed]:
                calls = tuple(("borrow", {"finding": finding}) for finding in unborrowed)
                yield Action("I take the method that I build on.", calls)
            if idea.hypothesis_id is None and self.posts_hypothesis(idea):
                yield Action("I announce the idea before I test it.", (reports.hypothesis_call(idea, self.space),))
            if state.stage == "plan":
                yield Action("My plan.", (reports.plan_call(idea),))
            yield from self.write(idea)
        if self._wants_smoke(idea):
            yield Action("Does it run at all?", (self.experiment_call("smoke"),))
        if self.wants_pilot(idea):
            yield Action("A pilot first: one small world is cheap.", (self.experiment_call("pilot"),))
        if "full" not in idea.outcomes and state.can_afford(*FULL_RUN_STEPS):
            yield Action("It looks worth a full run.", (self.experiment_call("full"),))

    def write(self, idea: TrackedIdea) -> Iterator[Action]:
        """Yield actions that write the method, in one reply with the first cheap experiment if there is one."""
        call: ProposedCall = ("write_file", {"path": METHOD, "text": write(idea.recipe)})
        name = title(idea.recipe)
        if self._wants_smoke(idea):
            yield Action(f"I write the method and smoke test it: {name}.", (call, self.experiment_call("smoke")))
        if self.wants_pilot(idea):
            yield Action(f"I write the method and pilot it: {name}.", (call, self.experiment_call("pilot")))
        yield Action(f"I write the method: {name}.", (call,))

    def experiment_call(self, fidelity: str) -> ProposedCall:
        """Return the call that runs the method at a fidelity."""
        return "run_experiment", {"path": METHOD, "fidelity": fidelity}

    def posts_hypothesis(self, idea: TrackedIdea) -> bool:
        """Return whether to announce an idea as a hypothesis before testing it."""
        return self.state.stage == "propose" or (
            idea.assignment is None and self.turn.bernoulli(self.traits.openness, "announce")
        )

    def _wants_smoke(self, idea: TrackedIdea) -> bool:
        return not idea.outcomes and self.turn.advised("smoke") and self.state.can_afford("smoke", *FULL_RUN_STEPS)

    def wants_pilot(self, idea: TrackedIdea) -> bool:
        """Return whether to pilot an idea: after a rejection, on advice, by `rigour`, or if it is not promising."""
        if "pilot" in idea.outcomes or not self.state.can_afford("pilot", *FULL_RUN_STEPS):
            return False
        if idea.rejections > 0 or self.turn.advised("pilot"):
            return True
        if any(trial.recipe == idea.recipe for trial in self.turn.trials):
            return False
        return self.turn.bernoulli(self.traits.rigour, "pilot") or not self.turn.promising(idea.recipe)

    # -- reports ------------------------------------------------------------------------------------------------

    def _writes_analysis(self, idea: TrackedIdea) -> bool:
        """Return whether to write an analysis of a finished idea, on advice."""
        unwritten = bool(idea.outcomes) and self._finished(idea) and not idea.in_notebook
        return unwritten and self.turn.advised("write down") and self.state.can_afford("write", *FULL_RUN_STEPS)

    def _report_action(self, idea: TrackedIdea) -> Action | None:
        """Return the report on an idea that has run in full, has failed or is dropped; None if it posts none."""
        if idea.report_id is not None or not self.state.can_afford("share"):
            return None
        if (report := self._report(idea)) is None:
            return None
        text, fields = report
        return Action(text, (reports.report_call(idea, self.space, fields),))

    def _report(self, idea: TrackedIdea) -> reports.Report | None:
        full, failed, pilot = idea.outcomes.get("full"), idea.error, idea.outcomes.get("pilot")
        if failed is not None and self.posts_failure(idea):
            return reports.error_report(idea, failed)
        if full is not None and full.pgr is not None:
            best = self.state.best_posted
            if best is None or full.pgr > best[0] or self.posts_failure(idea):
                return reports.result_report(idea, full)
        dropped = full is None and pilot is not None and pilot.pgr is not None and self._finished(idea)
        if pilot is not None and dropped and self.posts_failure(idea):
            return reports.dropped_report(idea, pilot)
        return None

    def posts_failure(self, idea: TrackedIdea) -> bool:
        """Return whether to report an idea without success: if a report is required, on advice, or by `honesty`."""
        required = idea.assignment is not None or self.state.stage is not None or self.turn.advised("share")
        return required or self.turn.bernoulli(self.traits.honesty, "tell")

    # -- the board and the next idea ----------------------------------------------------------------------------

    def consult_board(self) -> Iterator[Action]:
        """Yield actions that search and read findings, and criticise one."""
        state = self.state
        # It searches less in a round that started with new findings.
        curiosity = self.traits.curiosity * (0.2 if state.new_findings_this_round else 1.0)
        if self.turn.bernoulli(curiosity, "look", state.round):
            yield from board_actions.search_findings(state)
        if reading := board_actions.read_unread(state, self.traits.imitation):
            yield reading
        if self.turn.bernoulli(self.traits.candour, "candour", state.round):
            yield from board_actions.critique_doubtful(state)

    def _start_idea(self) -> Iterator[Action]:
        """Yield the first steps of the next idea, with the announcement that `parsing` reads back."""
        if not self.state.can_afford("write", *FULL_RUN_STEPS):
            return
        assignment = self.state.assignment
        idea = ideas.assigned_idea(self.turn, assignment, self.choose) if assignment else self.next_idea()
        reason = "The log shows a problem; I repair it." if idea.repair_depth else "A new idea."
        for step in type(self)(self.turn.with_idea(idea))._advance(idea):
            yield Action(f"{reason}\n{announcement(idea)}\n{step.text}", step.calls)

    def next_idea(self) -> TrackedIdea:
        """Return the idea to work on next."""
        return ideas.next_idea(self.turn)

    def choose(self, recipes: list[Recipe]) -> Recipe:
        """Return the recipe with the highest score drawn from the surrogate."""
        scores = self.turn.surrogate.sample_scores(recipes, self.turn.rng("choose"), self.traits.exploration)
        return recipes[int(np.argmax(scores))]
