"""What a simulated researcher does next, given what it knows.

It proposes by `search`, tries ideas cheaply before it pays for a full run, repairs what the training log shows broken,
posts what it finds, reads and borrows what others found, and says where an idea came from. Where a stage, an assignment
or advice is put before it, it does what they ask for.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import chain

import numpy as np

from aarlab.agents.models.simulated import board_actions, search
from aarlab.agents.models.simulated.action import Action, ProposedCall
from aarlab.agents.models.simulated.heuristics import log_symptom, operator_relevance, word_stems
from aarlab.agents.models.simulated.parsing import METHOD, announcement
from aarlab.agents.models.simulated.recipe import (
    Recipe,
    RecipeStep,
    SearchSpace,
    parse_code,
    recipe_in_text,
    recipe_text,
    title,
    write,
)
from aarlab.agents.models.simulated.state import ExperimentOutcome, ParsedAssignment, ParsedState, TrackedIdea
from aarlab.agents.models.simulated.surrogate import PRIOR_MEAN, PRIOR_SD, ScoredRecipe, Surrogate
from aarlab.agents.models.simulated.temperament import Temperament
from aarlab.memory.messages import Json
from aarlab.memory.seeds import rng

ASSUMED_PILOT_SE = 0.2
"""Standard error it credits a pilot with; the lab gives none for a single world."""
FULL_RUN_STEPS = ("full", "think", "share", "think", "share")
"""Steps for which there must be time before a full run is begun: to run it, post it and submit it."""
MAX_STARTERS_READ, MAX_STARTERS_TRIED = 5, 2
"""How many of the methods to start from it reads, and tries before anything else; the others have to compete."""
MAX_TRIALS = 120
"""How many trials it keeps in mind when it searches."""
ASSIGNMENT_CANDIDATES = 24
"""How many ways of carrying out an assignment it thinks of."""


def operator_weights_for(traits: Temperament, direction: str, space: SearchSpace) -> dict[str, float]:
    """Return how much each operator appeals to a researcher: by its taste, and by what its direction points at."""
    relevance = operator_relevance(direction, space)
    return {name: traits.taste[o.family] * (1 + 5 * relevance[name]) for name, o in space.operators.items()}


class ResearcherPolicy:
    """One moment of thought."""

    def __init__(self, state: ParsedState, traits: Temperament, seed: int, agent: str) -> None:
        """Think about `state`; everything random is drawn from streams named by purpose and turn."""
        self.state, self.traits = state, traits
        self._name = (seed, agent)
        self.space = state.prompt.space

    def rng(self, purpose: str) -> np.random.Generator:
        """Return the random stream of this turn for a purpose."""
        return rng(*self._name, purpose, self.state.turn)

    def bernoulli(self, probability: float, purpose: str, ordinal: int | None = None) -> bool:
        """Tell whether it does something that it does with a chance, decided once for each idea."""
        number = len(self.state.ideas) if ordinal is None else ordinal
        return bool(rng(*self._name, purpose, number).random() < probability)

    def next_action(self, tools: set[str]) -> Action:
        """Return the first move that makes sense and that the tools at hand allow; with none, rest."""
        for action in self._actions():
            if all(name in tools for name, _ in action.calls):
                return action
        return Action("There is nothing more that I can do for now.")

    def _actions(self) -> Iterator[Action]:
        """Yield what could be done, most urgent first."""
        state, idea = self.state, self.state.idea
        if idea and (state.stage == "analyse" or self._writes_analysis(idea)):
            yield self._analysis_action(idea)
        if idea and (report := self._report_action(idea)):
            # In one breath with what comes next, where that does not wait for an answer.
            if state.stage is None and state.assignment is None:
                for after in chain(self.consult_board(), self._start_idea()):
                    yield Action(f"{report.text}\n{after.text}", (*report.calls, *after.calls))
            yield report
        if state.best_posted and state.submitted != state.best_posted[1] and state.can_afford("share"):
            score, finding = state.best_posted
            yield Action(
                f"{finding} is my best so far, at {score:.2f}; it should stand for the final.",
                (("submit", {"finding": finding}),),
            )
        if idea and self._is_current(idea) and not self._finished(idea):
            yield from self._advance(idea)
        yield from self.consult_board()
        if state.stage != "share":
            yield from self._start_idea()

    # -- an idea at hand ----------------------------------------------------------------------------------------

    def _is_current(self, idea: TrackedIdea) -> bool:
        """Tell whether an idea is what it has to work on, if anything is."""
        return self.state.assignment is None or idea.assignment == self.state.assignment.number

    def _finished(self, idea: TrackedIdea) -> bool:
        """Tell whether nothing is left to do for an idea."""
        # What was rejected for want of a pilot gets one, and a second hearing.
        rejected = idea.rejections > ("pilot" not in idea.outcomes)
        completed = idea.report_id is not None or idea.error is not None or "full" in idea.outcomes
        return completed or rejected or self._pilot_rules_out(idea)

    def _advance(self, idea: TrackedIdea) -> Iterator[Action]:
        """Yield the next step for an idea: announce, write, try cheaply, run in full."""
        state = self.state
        if not idea.written:
            if unborrowed := [f for f in idea.builds_on if f in state.known and f not in state.borrowed]:
                yield Action(
                    "I take the method that I build on.", tuple(("borrow", {"finding": f}) for f in unborrowed)
                )
            if idea.hypothesis_id is None and self.posts_hypothesis(idea):
                yield Action("Before testing it, I tell the others.", (self._hypothesis_call(idea),))
            if state.stage == "plan":
                text = f"Test {recipe_text(idea.recipe)} in full, once it runs."
                yield Action("My plan.", (("write_notebook", {"text": text}),))
            yield from self.write(idea)
        if self._wants_smoke(idea):
            yield Action("Does it run at all?", (self.experiment_call("smoke"),))
        if self.wants_pilot(idea):
            yield Action("A pilot first: one small world is cheap.", (self.experiment_call("pilot"),))
        if "full" not in idea.outcomes and state.can_afford(*FULL_RUN_STEPS):
            yield Action("It looks worth a full run.", (self.experiment_call("full"),))

    def posts_hypothesis(self, idea: TrackedIdea) -> bool:
        """Tell whether to announce an idea as a hypothesis before it is tested."""
        return self.state.stage == "propose" or (
            idea.assignment is None and self.bernoulli(self.traits.openness, "announce")
        )

    def write(self, idea: TrackedIdea) -> Iterator[Action]:
        """Yield writing the method down, with the first cheap try in the same breath where there is one."""
        call: ProposedCall = ("write_file", {"path": METHOD, "text": write(idea.recipe)})
        if self._wants_smoke(idea):
            yield Action(
                f"I write it down and see whether it runs: {title(idea.recipe)}.", (call, self.experiment_call("smoke"))
            )
        if self.wants_pilot(idea):
            yield Action(f"I write it down and pilot it: {title(idea.recipe)}.", (call, self.experiment_call("pilot")))
        yield Action(f"Now to write it down: {title(idea.recipe)}.", (call,))

    def _advised(self, step: str) -> bool:
        """Tell whether it was advised to take a step, and takes advice with this idea."""
        return step in self.state.prompt.advice and self.bernoulli(self.traits.compliance, "comply")

    def _wants_smoke(self, idea: TrackedIdea) -> bool:
        return not idea.outcomes and self._advised("smoke") and self.state.can_afford("smoke", *FULL_RUN_STEPS)

    def wants_pilot(self, idea: TrackedIdea) -> bool:
        """Tell whether to try an idea cheaply first: out of rigour, because it was asked to, or for want of promise."""
        if "pilot" in idea.outcomes or not self.state.can_afford("pilot", *FULL_RUN_STEPS):
            return False
        asked_to = idea.rejections > 0 or self._advised("pilot")
        if not asked_to and any(trial.recipe == idea.recipe for trial in self.trials):
            return False
        return asked_to or self.bernoulli(self.traits.rigour, "pilot") or not self.promising(idea.recipe)

    def experiment_call(self, fidelity: str) -> ProposedCall:
        """Return the call that runs the method at a fidelity."""
        return "run_experiment", {"path": METHOD, "fidelity": fidelity}

    def _pilot_rules_out(self, idea: TrackedIdea) -> bool:
        """Tell whether the pilot, and all else that is known, speak against paying for a full run."""
        return "pilot" in idea.outcomes and "full" not in idea.outcomes and not self.promising(idea.recipe)

    def promising(self, recipe: Recipe) -> bool:
        """Tell whether a recipe may well be better than the best of those run in full."""
        mean, sd = self.surrogate.predict([recipe])
        return bool(mean[0] + self.traits.exploration * sd[0] >= self._best_full_run)

    @cached_property
    def _best_full_run(self) -> float:
        """What the best of those run in full is believed to score."""
        in_full = [trial.recipe for trial in self.trials if trial.se < ASSUMED_PILOT_SE]
        # While nothing good is known, an idea has to promise more than most do.
        return max(PRIOR_MEAN + PRIOR_SD, float(self.surrogate.predict(in_full)[0].max(initial=-np.inf)))

    # -- what came of it ----------------------------------------------------------------------------------------

    def _report_action(self, idea: TrackedIdea) -> Action | None:
        """Return the post about an idea that has been run in full, has failed or is given up, if it is to be posted."""
        if idea.report_id is not None or not self.state.can_afford("share"):
            return None
        post = self._report_content(idea)
        if post is None:
            return None
        text, what = post
        parents = [f for f in (*idea.builds_on, idea.hypothesis_id) if f]
        about: dict[str, Json] = {"title": title(idea.recipe), "family": self.space.family(idea.recipe)}
        return Action(text, (("post_finding", {**about, **what, "builds_on": parents}),))

    def _report_content(self, idea: TrackedIdea) -> tuple[str, dict[str, Json]] | None:
        """Return what to say about an idea: in a few words, and as a finding without its title."""
        full, failed, pilot = idea.outcomes.get("full"), idea.error, idea.outcomes.get("pilot")
        if failed is not None and self.posts_failure(idea):
            said = f"{recipe_text(idea.recipe)} failed: {failed.error}"
            return "It failed; the others should know.", {"type": "error", "experiment": failed.id, "body": said}
        if full is not None and full.pgr is not None:
            best = self.state.best_posted
            if best is None or full.pgr > best[0] or self.posts_failure(idea):
                text = f"PGR {full.pgr:.2f} over fresh worlds. I post it."
                return text, {"type": "result", "experiment": full.id, "body": self._body(idea, full)}
        if (
            full is None
            and pilot is not None
            and pilot.pgr is not None
            and self._finished(idea)
            and self.posts_failure(idea)
        ):
            said = f"{self._body(idea, pilot)} I give it up."
            return "I give it up, and say so.", {"type": "insight", "experiment": pilot.id, "body": said}
        return None

    def posts_failure(self, idea: TrackedIdea) -> bool:
        """Tell whether it posts an idea even though it went badly: because it has to, is advised to, or is honest."""
        asked_to = idea.assignment is not None or self.state.stage is not None or self._advised("share")
        return asked_to or self.bernoulli(self.traits.honesty, "tell")

    def _body(self, idea: TrackedIdea, outcome: ExperimentOutcome) -> str:
        se = f" ± {outcome.se:.2f}" if outcome.se is not None else ""
        how = "in a full run" if outcome.fidelity == "full" else f"in a {outcome.fidelity}"
        lines = [f"{recipe_text(idea.recipe)}.", f"PGR {outcome.pgr:.2f}{se} {how} ({outcome.id})."]
        pilot = idea.outcomes.get("pilot")
        if pilot and pilot.pgr is not None and pilot is not outcome:
            lines.append(f"The pilot had said {pilot.pgr:.2f}.")
        if symptom := log_symptom(outcome.log):
            lines.append(f"The log shows that {symptom[1]}.")
        return " ".join(lines)

    def _hypothesis_call(self, idea: TrackedIdea) -> ProposedCall:
        return "post_finding", {
            "type": "hypothesis",
            "title": title(idea.recipe),
            "body": f"{recipe_text(idea.recipe)} should recover more of the gap than what we have.",
            "family": self.space.family(idea.recipe),
            "builds_on": list(idea.builds_on),
        }

    def _writes_analysis(self, idea: TrackedIdea) -> bool:
        """Tell whether it writes down, on advice, what it learns from an idea that is done with."""
        completed = bool(idea.outcomes) and self._finished(idea) and not idea.in_notebook
        return completed and self._advised("write down") and self.state.can_afford("write", *FULL_RUN_STEPS)

    def _analysis_action(self, idea: TrackedIdea) -> Action:
        outcomes = [
            f"{o.fidelity}: {o.error or (f'PGR {o.pgr:.2f}' if o.pgr is not None else 'it runs')}"
            for o in idea.outcomes.values()
        ]
        return Action(
            "What I learn from it.",
            (("write_notebook", {"text": f"{recipe_text(idea.recipe)}. {'; '.join(outcomes)}."}),),
        )

    # -- others -------------------------------------------------------------------------------------------------

    def consult_board(self) -> Iterator[Action]:
        """Yield reading what is known, and what others found, the best first; and criticising what does not hold."""
        state = self.state
        unread = state.prompt.starters and not state.starters and not state.ideas
        if unread and state.assignment is None and state.can_afford("write", *FULL_RUN_STEPS):
            calls: tuple[ProposedCall, ...] = tuple(("read_file", {"path": path}) for path in self._starters_to_read())
            yield Action("First what is known already.", calls)
        # Who is told the news has less reason to look for more.
        if self.bernoulli(self.traits.curiosity * (0.2 if state.new_findings_this_round else 1.0), "look", state.round):
            yield from board_actions.search_findings(state)
        if reading := board_actions.read_unread(state, self.traits.imitation):
            yield reading
        if self.bernoulli(self.traits.candour, "candour", state.round):
            yield from board_actions.critique_doubtful(state)

    # -- the next idea ------------------------------------------------------------------------------------------

    def _start_idea(self) -> Iterator[Action]:
        """Yield the first step of the next idea, with the idea put into words."""
        if not self.state.can_afford("write", *FULL_RUN_STEPS):
            return
        idea = self._assigned(self.state.assignment) if self.state.assignment else self.next_idea()
        reason = "The log shows what was wrong; I repair it." if idea.repair_depth else "A new idea."
        # As the mind will be when it has said so.
        then = type(self)(replace(self.state, ideas=[*self.state.ideas, idea]), self.traits, *self._name)
        for step in then._advance(idea):
            yield Action(f"{reason}\n{announcement(idea)}\n{step.text}", step.calls)

    def next_idea(self) -> TrackedIdea:
        """Return the idea to work on next: a repair of the last, something published, or what the search proposes."""
        return self._repair() or self._untried_starter_idea() or self._retry_variant() or self._proposal()

    def _assigned(self, assignment: ParsedAssignment) -> TrackedIdea:
        """Return an idea that carries out an assignment: where and how is chosen by what it believes."""
        builds_on = tuple(f for f in (assignment.parent, assignment.partner) if f)
        candidates = self._assignment_candidates(assignment)
        tried = {idea.recipe for idea in self.state.ideas if idea.assignment == assignment.number}
        fresh = [candidate for candidate in candidates if candidate not in tried] or candidates
        return TrackedIdea(self.choose(fresh), builds_on, assignment.number)

    def _assignment_candidates(self, assignment: ParsedAssignment) -> list[Recipe]:
        """Return ways of carrying out an assignment, all different; what the words spell out comes first."""
        generator, space = self.rng("ways"), self.space
        if assignment.kind is None:
            said = recipe_in_text(assignment.text, space) or (self._closest_step(assignment.text),)
            # The words count as they stand; other settings are tried where they ask for it, or it has been tried so.
            stale = "further" in assignment.text or any(idea.recipe == said for idea in self.state.ideas)
            return (
                [search.apply_mutation("tune", said, space, generator) for _ in range(ASSIGNMENT_CANDIDATES)]
                if stale
                else [said]
            )
        parent, partner = (
            (parse_code(code, space) if code else None) or ()
            for code in (assignment.parent_code, assignment.partner_code)
        )
        what = {"operator": assignment.operator, "replacement": assignment.replacement}
        candidates = [
            search.apply_mutation(assignment.kind, parent, space, generator, **what, partner=partner)
            for _ in range(ASSIGNMENT_CANDIDATES)
        ]
        return list(dict.fromkeys(candidates))

    def _closest_step(self, text: str) -> RecipeStep:
        """Return the step that has most to do with a text which names none."""
        relevance = operator_relevance(text, self.space)
        best = max(self.space.names, key=lambda name: relevance[name])
        return RecipeStep(best, tuple((s.name, s.default) for s in self.space.operators[best].settings))

    def choose(self, recipes: list[Recipe]) -> Recipe:
        """Return the recipe to try among a few."""
        sampled = self.surrogate.sample_scores(recipes, self.rng("choose"), self.traits.exploration)
        return recipes[int(np.argmax(sampled))]

    def _repair(self) -> TrackedIdea | None:
        last = self.state.idea
        if last is None or last.repair_depth:
            return None
        outcome = last.best_outcome
        if outcome is None or not (symptom := log_symptom(outcome.log)):
            return None
        position, _, cure = symptom
        if cure not in self.space.operators or any(step.operator == cure for step in last.recipe):
            return None
        settings = tuple((s.name, s.default) for s in self.space.operators[cure].settings)
        steps = [*last.recipe[:position], RecipeStep(cure, settings), *last.recipe[position:]]
        repaired = tuple(steps[: search.MAX_STEPS])
        # Not everything that can be mended is worth it.
        if any(idea.recipe == repaired for idea in self.state.ideas) or not self.promising(repaired):
            return None
        return TrackedIdea(repaired, last.builds_on, repair_depth=last.repair_depth + 1)

    def _retry_variant(self) -> TrackedIdea | None:
        """Return another variation of the idea that has just disappointed, if it is stubborn about it."""
        last = self.state.idea
        persists = self.bernoulli(self.traits.stubbornness, "stay")
        if last is None or not last.recipe or "full" in last.outcomes or not persists:
            return None
        return TrackedIdea(search.apply_mutation("tune", last.recipe, self.space, self.rng("stay")), last.builds_on)

    def _starters_to_read(self) -> list[str]:
        """Return the starting points to read: those whose names have to do with the direction, and what chance
        brings.
        """
        generator, direction = self.rng("starters"), word_stems(self.state.prompt.direction)
        paths = self.state.prompt.starters
        weights = np.array([1.0 + 3 * len(direction & word_stems(path)) for path in paths])
        return [
            paths[i]
            for i in generator.choice(
                len(paths), min(MAX_STARTERS_READ, len(paths)), replace=False, p=weights / weights.sum()
            )
        ]

    def _untried_starter_idea(self) -> TrackedIdea | None:
        """Return a starting point to try, for as long as it has tried nothing else but few of them."""
        untried = self._untried_starters()
        return TrackedIdea(untried[0]) if untried and len(self.state.ideas) < MAX_STARTERS_TRIED else None

    def _untried_starters(self) -> list[Recipe]:
        tried = {idea.recipe for idea in self.state.ideas} | {known.recipe for known in self.state.known.values()}
        return [recipe for recipe in self.state.starters.values() if recipe and recipe not in tried]

    def _proposal(self) -> TrackedIdea:
        """Return what the search proposes: a new recipe, or one that has been piloted and deserves more."""
        generator, traits, direction = self.rng("propose"), self.traits, self.state.prompt.direction
        sources = self._scored_recipes()
        completed = {trial.recipe for trial in self.trials if trial.se < ASSUMED_PILOT_SE}
        piloted = [recipe for recipe in sources if recipe not in completed]
        if piloted and not self.state.can_afford("write", "pilot", "think", *FULL_RUN_STEPS):
            # Time for one more full run and for no more pilots: the best there is.
            best = piloted[int(np.argmax(self.surrogate.predict(piloted)[0]))]
            return TrackedIdea(best, sources[best])
        follows_direction = bool(direction) and generator.random() < traits.loyalty
        relevance = operator_relevance(direction, self.space)
        # What is explored late cannot be exploited any more.
        left = max(0.0, 1 - self.state.hours / self.state.budget)
        chosen, parent = search.propose(
            self.surrogate, list(sources), self.space, operator_weights_for(traits, direction, self.space), generator,
            exploration=traits.exploration * left, restart=bool(generator.random() < traits.restlessness * left),
            required_operators={n for n, r in relevance.items() if r > 0.5} if follows_direction else set(),
            unchanged_recipes=[*self._untried_starters(), *filter(self.promising, piloted)], completed=completed,
        )  # fmt: skip
        return TrackedIdea(chosen, sources.get(parent, ()) if parent is not None else ())

    def _scored_recipes(self) -> dict[Recipe, tuple[str, ...]]:
        """Return the recipes of which it knows a score, with the findings that one who uses them builds on."""
        own = {idea.recipe: () for idea in self.state.ideas if idea.best_outcome}
        return own | {k.recipe: (k.id,) for k in self.state.known.values() if k.recipe and k.pgr is not None}

    @cached_property
    def surrogate(self) -> Surrogate:
        """What it believes of recipes."""
        return Surrogate(self.trials, self.space, skill=self.traits.skill)

    @cached_property
    def trials(self) -> list[ScoredRecipe]:
        """All results it knows, its own and those it has read; the latest if there are too many."""
        trials: list[ScoredRecipe] = []
        for known in self.state.known.values():
            if known.recipe is not None and known.pgr is not None:
                trials.append(ScoredRecipe(known.recipe, known.pgr, known.se or ASSUMED_PILOT_SE, known.log))
        for idea in self.state.ideas:
            for outcome in idea.outcomes.values():
                if outcome.pgr is not None:
                    trials.append(ScoredRecipe(idea.recipe, outcome.pgr, outcome.se or ASSUMED_PILOT_SE, outcome.log))
        return trials[-MAX_TRIALS:]
