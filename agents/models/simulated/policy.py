"""The policy of the simulated researcher: the choice of its next action from its state.

It takes the step with the highest expected gain of PGR per research hour. The steps that compete are

- to run its current idea in full, or to pilot it once more;
- to start another idea: a new recipe, a mutation of a known one, one that was piloted before, a replication of a
  posted result, or a recipe with an operator that a training log or a critique suggests (`ideas.best_new_option`);
- to read the best findings that it has not read, the published methods of the leaderboard first
  (`ideas.value_of_reading`);
- to stop, which is worth nothing.

The gain comes from a `surrogate` model of all scores it knows, its own and those it has read; `valuation` compares
plans of pilots and full runs. So it pilots where a pilot is cheap for what it tells, more than once if pilots are
noisy, and not at all where a pilot costs nearly as much as a full run. A criticised score counts less
(`Turn.distrusts`).

Before that come obligations: the analysis and report of an idea that is over, the submission of its best result, the
steps of a stage or an assignment, and advice that it follows. What it gives to others has no value for itself and
depends on its traits (`temperament`): announcing ideas, reporting failures, criticising findings.
"""

from collections.abc import Iterator
from functools import cached_property

from aarlab.agents.models.simulated import board_actions, ideas, reports
from aarlab.agents.models.simulated.action import Action, ProposedCall
from aarlab.agents.models.simulated.ideas import Experiment, Option
from aarlab.agents.models.simulated.parsing import METHOD, announcement
from aarlab.agents.models.simulated.recipe import title, write
from aarlab.agents.models.simulated.state import TrackedIdea
from aarlab.agents.models.simulated.turn import FULL_RUN_STEPS, Turn

_REASONS = {"pilot": "A pilot first: it is cheap for what it tells.", "full": "It looks worth a full run."}


class ResearcherPolicy:
    """The decisions of one turn."""

    def __init__(self, turn: Turn) -> None:
        """Store the turn."""
        self.turn, self.state, self.traits, self.space = turn, turn.state, turn.traits, turn.space

    def next_action(self, tools: set[str]) -> Action:
        """Return the most urgent action that uses only these tools; without one, an action that uses no tool."""
        for action in self.actions():
            if all(name in tools for name, _ in action.calls):
                return action
        return Action("There is nothing more that I can do for now.")

    def actions(self) -> Iterator[Action]:
        """Yield the possible actions, most urgent first."""
        state, idea = self.state, self.state.idea
        if idea and (state.stage == "analyse" or self._writes_analysis(idea)):
            yield Action("What I learn from it.", (reports.analysis_call(idea),))
        if idea and (report := self._report_action(idea)):
            # One reply holds the report and the next action, unless a stage or an assignment waits for the report.
            if state.stage is None and state.assignment is None:
                for after in self._actions_between_ideas():
                    yield Action(f"{report.text}\n{after.text}", (*report.calls, *after.calls))
            yield report
        if state.best_posted and state.submitted != state.best_posted[1] and state.can_afford("share"):
            score, finding = state.best_posted
            text = f"{finding} is my best result so far, at {score:.2f}. I submit it."
            yield Action(text, (("submit", {"finding": finding}),))
        if idea and self._is_current(idea) and self.step is not None:
            yield from self.read_first(self.value)
            yield from self._advance(idea, self.step)
        if state.stage != "share":
            yield from self._actions_between_ideas()

    def _actions_between_ideas(self) -> Iterator[Action]:
        """Yield actions on the board, then the first steps of the next idea."""
        task = self.turn.followed_task
        if task is not None and task.finding in self.state.unread and self.turn.can_spare("read"):
            yield board_actions.read([task.finding])
        yield from self.consult_board()
        if self.state.assignment or (option := self.new_option) is None:
            yield from self.read_first(0.0)
        else:
            yield from self.read_first(option.value)
        yield from self._start_idea()

    # -- the current idea ---------------------------------------------------------------------------------------

    def _is_current(self, idea: TrackedIdea) -> bool:
        """Return whether an idea belongs to the current assignment, if there is one."""
        return self.state.assignment is None or idea.assignment == self.state.assignment.number

    @cached_property
    def _own_option(self) -> Option | None:
        """The option to continue the current idea."""
        idea = self.state.idea
        if idea is None:
            return None
        return ideas.best_option(
            self.turn, {idea.recipe: idea.builds_on}, pilots_allowed=self._pilots_allowed, written=idea.written
        )

    @cached_property
    def new_option(self) -> Option | None:
        """The best option other than the current idea."""
        return ideas.best_new_option(self.turn, pilots_allowed=self._pilots_allowed)

    @property
    def _pilots_allowed(self) -> bool:
        """Whether it may run pilots: the stages run their own experiments."""
        return self.state.stage is None

    @property
    def value(self) -> float:
        """The value per hour of the current idea."""
        return self._own_option.value if self._own_option else 0.0

    @cached_property
    def step(self) -> Experiment | None:
        """The next experiment with the current idea, `pilot` or `full`; None if the idea is over."""
        idea = self.state.idea
        if idea is None or idea.is_over or self._own_option is None:
            return None
        if self.state.stage is not None:
            return "full"
        if idea.outcome("pilot") is None:
            # A reviewer may ask for a pilot before the full run.
            wants_pilot = idea.rejections > 0 or self.turn.advised("pilot")
            affordable = self.state.can_afford("pilot", "think", *FULL_RUN_STEPS)
            return "pilot" if wants_pilot and affordable else self._own_option.step
        return self._own_option.step if self.keeps(idea, self._own_option) else None

    def keeps(self, idea: TrackedIdea, option: Option) -> bool:
        """Return whether to continue a piloted idea: whether nothing else is worth more."""
        if idea.assignment is not None:
            return option.value >= ideas.value_of_unknown(self.turn)
        return self.new_option is None or option.value >= self.new_option.value

    def _advance(self, idea: TrackedIdea, step: Experiment) -> Iterator[Action]:
        """Yield the next steps of an idea: borrow, announce, write, smoke test, experiment."""
        state = self.state
        if not idea.written:
            unborrowed = [f for f in idea.builds_on if f in state.known and f not in state.borrowed]
            borrow: tuple[ProposedCall, ...] = tuple(("borrow", {"finding": finding}) for finding in unborrowed)
            if idea.hypothesis_id is None and self.posts_hypothesis(idea):
                post = reports.hypothesis_call(idea, self.space)
                yield Action("I announce the idea before I test it.", (*borrow, post))
                yield Action("I announce the idea before I test it.", (post,))
            if state.stage == "plan":
                yield Action("My plan.", (reports.plan_call(idea),))
            yield from self._write(idea, step, borrow)
        if self._wants_smoke(idea):
            yield Action("Does it run at all?", (self.experiment_call("smoke"),))
        yield Action(_REASONS[step], (self.experiment_call(step),))

    def _write(self, idea: TrackedIdea, step: Experiment, borrow: tuple[ProposedCall, ...]) -> Iterator[Action]:
        """Yield actions that write the method, in one reply with the first experiment if it can be run."""
        call: ProposedCall = ("write_file", {"path": METHOD, "text": write(idea.recipe)})
        name, first = title(idea.recipe), "smoke" if self._wants_smoke(idea) else step
        test = self.experiment_call(first)
        yield Action(f"I write the method and test it ({first}): {name}.", (*borrow, call, test))
        yield Action(f"I write the method: {name}.", (*borrow, call))
        yield Action(f"I write the method: {name}.", (call,))

    def experiment_call(self, fidelity: str) -> ProposedCall:
        path = self.state.idea.path if self.state.idea else METHOD
        return "run_experiment", {"path": path, "fidelity": fidelity}

    def posts_hypothesis(self, idea: TrackedIdea) -> bool:
        """Return whether to announce an idea as a hypothesis before testing it."""
        if self.state.stage is not None or idea.assignment is not None:
            return self.state.stage == "propose"
        return self.turn.can_spare("share") and self.turn.bernoulli(self.traits.openness, "announce")

    def _wants_smoke(self, idea: TrackedIdea) -> bool:
        return not idea.outcomes and self.turn.advised("smoke") and self.turn.can_spare("smoke")

    # -- reports ------------------------------------------------------------------------------------------------

    def _ended(self, idea: TrackedIdea) -> bool:
        """Return whether no step is left for an idea."""
        return idea.report_id is not None or idea.is_over or self.step is None

    def _writes_analysis(self, idea: TrackedIdea) -> bool:
        """Return whether to write an analysis of an idea that is over, on advice."""
        unwritten = bool(idea.outcomes) and not idea.in_notebook and self.turn.advised("write down")
        return unwritten and self.state.can_afford("write", *FULL_RUN_STEPS) and self._ended(idea)

    def _report_action(self, idea: TrackedIdea) -> Action | None:
        """Return the report on an idea that has run in full, has failed or is dropped; None if it posts none."""
        if idea.report_id is not None or not self.state.can_afford("share"):
            return None
        if (report := self._report(idea)) is None:
            return None
        text, fields = report
        return Action(text, (reports.report_call(idea, self.space, fields),))

    def _report(self, idea: TrackedIdea) -> reports.Report | None:
        full, failed, pilot = idea.outcome("full"), idea.error, idea.outcome("pilot")
        if failed is not None and self.posts_failure(idea):
            return reports.error_report(idea, failed)
        if full is not None and full.pgr is not None:
            best = self.state.best_posted
            if best is None or full.pgr > best[0] or self.posts_failure(idea):
                return reports.result_report(idea, full)
        if full is None and pilot is not None and pilot.pgr is not None and self._ended(idea):
            return reports.dropped_report(idea, pilot) if self.posts_failure(idea) else None
        return None

    def posts_failure(self, idea: TrackedIdea) -> bool:
        """Return whether to report an idea without success: if a report is required, on advice, or by `honesty`."""
        required = idea.assignment is not None or self.state.stage is not None or self.turn.advised("share")
        return required or (self.turn.can_spare("share") and self.turn.bernoulli(self.traits.honesty, "tell"))

    # -- the board and the next idea ----------------------------------------------------------------------------

    def consult_board(self) -> Iterator[Action]:
        """Yield actions that search findings and criticise one."""
        state = self.state
        # It searches less in a round that started with new findings.
        curiosity = self.traits.curiosity * (0.2 if state.new_findings_this_round else 1.0)
        if self.turn.can_spare("read") and self.turn.bernoulli(curiosity, "look", state.round):
            yield from board_actions.search_findings(state)
        if self.turn.can_spare("share") and self.turn.bernoulli(self.traits.candour, "candour", state.round):
            yield from board_actions.critique_doubtful(state)

    def read_first(self, value: float) -> Iterator[Action]:
        """Yield an action that reads findings if that is worth more per hour than `value`."""
        count = min(self.traits.imitation - self.state.read_this_round, board_actions.MAX_READ_AT_ONCE)
        if count > 0 and self.turn.can_spare("read") and ideas.value_of_reading(self.turn) > value:
            yield board_actions.read(self.turn.reading_order[:count])

    def _start_idea(self) -> Iterator[Action]:
        """Yield the first steps of the next idea, with the announcement that `parsing` reads back."""
        option = self.assigned_option() if self.state.assignment else self.new_option
        if option is None:
            return
        for step in type(self)(self.turn.with_idea(option.idea)).first_steps(option):
            yield Action(f"A new idea.\n{announcement(option.idea)}\n{step.text}", step.calls)

    def first_steps(self, option: Option) -> Iterator[Action]:
        """Yield the first steps of an option, in a turn whose current idea it is."""
        yield from self._advance(option.idea, "pilot" if self.turn.advised("pilot") else option.step)

    def assigned_option(self) -> Option | None:
        """Return the best option that fulfils the assignment."""
        assignment = self.state.assignment
        assert assignment is not None, "there is an assignment"
        recipes = ideas.assignment_recipes(self.turn, assignment)
        option = ideas.best_option(self.turn, recipes, pilots_allowed=self._pilots_allowed)
        if option is not None:
            option.idea.assignment = assignment.number
        return option
