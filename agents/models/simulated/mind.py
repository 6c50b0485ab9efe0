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

from aarlab.agents.models.simulated import others, search
from aarlab.agents.models.simulated.belief import PRIOR_MEAN, PRIOR_SD, Belief, Trial
from aarlab.agents.models.simulated.glance import relevance_of, stems, symptom_of
from aarlab.agents.models.simulated.move import Call, Move
from aarlab.agents.models.simulated.notes import Assignment, Idea, Notes, Outcome
from aarlab.agents.models.simulated.reading import METHOD, spoken
from aarlab.agents.models.simulated.recipe import Recipe, Step, Toolbox, mentioned, phrase, read, title, write
from aarlab.agents.models.simulated.temperament import Temperament
from aarlab.memory.messages import Json
from aarlab.memory.seeds import rng

PILOT_SE = 0.2
"""Standard error it credits a pilot with; the lab gives none for a single world."""
TO_THE_END = ("full", "think", "share", "think", "share")
"""Steps for which there must be time before a full run is begun: to run it, post it and submit it."""
STARTERS, STARTERS_TRIED = 5, 2
"""How many of the methods to start from it reads, and tries before anything else; the others have to compete."""
MOST_TRIALS = 120
"""How many trials it keeps in mind when it searches."""
WAYS = 24
"""How many ways of carrying out an assignment it thinks of."""


def appeal_of(nature: Temperament, direction: str, toolbox: Toolbox) -> dict[str, float]:
    """Return how much each operator appeals to a researcher: by its taste, and by what its direction points at."""
    relevance = relevance_of(direction, toolbox)
    return {name: nature.taste[o.family] * (1 + 5 * relevance[name]) for name, o in toolbox.operators.items()}


class Mind:
    """One moment of thought."""

    def __init__(self, notes: Notes, nature: Temperament, seed: int, agent: str) -> None:
        """Think about `notes`; everything random is drawn from streams named by purpose and turn."""
        self.notes, self.nature = notes, nature
        self._name = (seed, agent)
        self.toolbox = notes.brief.toolbox

    def rng(self, purpose: str) -> np.random.Generator:
        """Return the random stream of this turn for a purpose."""
        return rng(*self._name, purpose, self.notes.turn)

    def inclined(self, trait: float, purpose: str, ordinal: int | None = None) -> bool:
        """Tell whether it does something that it does with a chance, decided once for each idea."""
        number = len(self.notes.ideas) if ordinal is None else ordinal
        return bool(rng(*self._name, purpose, number).random() < trait)

    def next_move(self, tools: set[str]) -> Move:
        """Return the first move that makes sense and that the tools at hand allow; with none, rest."""
        for move in self._moves():
            if all(name in tools for name, _ in move.calls):
                return move
        return Move("There is nothing more that I can do for now.")

    def _moves(self) -> Iterator[Move]:
        """Yield what could be done, most urgent first."""
        notes, idea = self.notes, self.notes.idea
        if idea and (notes.stage == "analyse" or self._takes_notes(idea)):
            yield self._analysis(idea)
        if idea and (report := self._report(idea)):
            # In one breath with what comes next, where that does not wait for an answer.
            if notes.stage is None and notes.assignment is None:
                for after in chain(self.look_around(), self._begin()):
                    yield Move(f"{report.words}\n{after.words}", (*report.calls, *after.calls))
            yield report
        if notes.best_posted and notes.submitted != notes.best_posted[1] and notes.can_afford("share"):
            score, finding = notes.best_posted
            yield Move(
                f"{finding} is my best so far, at {score:.2f}; it should stand for the final.",
                (("submit", {"finding": finding}),),
            )
        if idea and self._in_hand(idea) and not self._finished(idea):
            yield from self._pursue(idea)
        yield from self.look_around()
        if notes.stage != "share":
            yield from self._begin()

    # -- an idea at hand ----------------------------------------------------------------------------------------

    def _in_hand(self, idea: Idea) -> bool:
        """Tell whether an idea is what it has to work on, if anything is."""
        return self.notes.assignment is None or idea.assignment == self.notes.assignment.number

    def _finished(self, idea: Idea) -> bool:
        """Tell whether nothing is left to do for an idea."""
        # What was rejected for want of a pilot gets one, and a second hearing.
        rejected = idea.refused > ("pilot" not in idea.outcomes)
        done = idea.posted is not None or idea.error is not None or "full" in idea.outcomes
        return done or rejected or self._unpromising(idea)

    def _pursue(self, idea: Idea) -> Iterator[Move]:
        """Yield the next step for an idea: announce, write, try cheaply, run in full."""
        notes = self.notes
        if not idea.written:
            if unborrowed := [f for f in idea.builds_on if f in notes.known and f not in notes.borrowed]:
                yield Move("I take the method that I build on.", tuple(("borrow", {"finding": f}) for f in unborrowed))
            if idea.hypothesis is None and self.announces(idea):
                yield Move("Before testing it, I tell the others.", (self._hypothesis(idea),))
            if notes.stage == "plan":
                words = f"Test {phrase(idea.recipe)} in full, once it runs."
                yield Move("My plan.", (("write_notebook", {"text": words}),))
            yield from self.write(idea)
        if self._tests_first(idea):
            yield Move("Does it run at all?", (self.run("smoke"),))
        if self.wants_pilot(idea):
            yield Move("A pilot first: one small world is cheap.", (self.run("pilot"),))
        if "full" not in idea.outcomes and notes.can_afford(*TO_THE_END):
            yield Move("It looks worth a full run.", (self.run("full"),))

    def announces(self, idea: Idea) -> bool:
        """Tell whether to announce an idea as a hypothesis before it is tested."""
        return self.notes.stage == "propose" or (
            idea.assignment is None and self.inclined(self.nature.openness, "announce")
        )

    def write(self, idea: Idea) -> Iterator[Move]:
        """Yield writing the method down, with the first cheap try in the same breath where there is one."""
        call: Call = ("write_file", {"path": METHOD, "text": write(idea.recipe)})
        if self._tests_first(idea):
            yield Move(f"I write it down and see whether it runs: {title(idea.recipe)}.", (call, self.run("smoke")))
        if self.wants_pilot(idea):
            yield Move(f"I write it down and pilot it: {title(idea.recipe)}.", (call, self.run("pilot")))
        yield Move(f"Now to write it down: {title(idea.recipe)}.", (call,))

    def _advised(self, step: str) -> bool:
        """Tell whether it was advised to take a step, and takes advice with this idea."""
        return step in self.notes.brief.advice and self.inclined(self.nature.compliance, "comply")

    def _tests_first(self, idea: Idea) -> bool:
        return not idea.outcomes and self._advised("smoke") and self.notes.can_afford("smoke", *TO_THE_END)

    def wants_pilot(self, idea: Idea) -> bool:
        """Tell whether to try an idea cheaply first: out of rigour, because it was asked to, or for want of promise."""
        if "pilot" in idea.outcomes or not self.notes.can_afford("pilot", *TO_THE_END):
            return False
        asked_to = idea.refused > 0 or self._advised("pilot")
        if not asked_to and any(trial.recipe == idea.recipe for trial in self.trials):
            return False
        return asked_to or self.inclined(self.nature.rigour, "pilot") or not self.promising(idea.recipe)

    def run(self, fidelity: str) -> Call:
        """Return the call that runs the method at a fidelity."""
        return "run_experiment", {"path": METHOD, "fidelity": fidelity}

    def _unpromising(self, idea: Idea) -> bool:
        """Tell whether the pilot, and all else that is known, speak against paying for a full run."""
        return "pilot" in idea.outcomes and "full" not in idea.outcomes and not self.promising(idea.recipe)

    def promising(self, recipe: Recipe) -> bool:
        """Tell whether a recipe may well be better than the best of those run in full."""
        mean, sd = self.belief.predict([recipe])
        return bool(mean[0] + self.nature.exploration * sd[0] >= self._best_in_full)

    @cached_property
    def _best_in_full(self) -> float:
        """What the best of those run in full is believed to score."""
        in_full = [trial.recipe for trial in self.trials if trial.se < PILOT_SE]
        # While nothing good is known, an idea has to promise more than most do.
        return max(PRIOR_MEAN + PRIOR_SD, float(self.belief.predict(in_full)[0].max(initial=-np.inf)))

    # -- what came of it ----------------------------------------------------------------------------------------

    def _report(self, idea: Idea) -> Move | None:
        """Return the post about an idea that has been run in full, has failed or is given up, if it is to be posted."""
        if idea.posted is not None or not self.notes.can_afford("share"):
            return None
        post = self._post(idea)
        if post is None:
            return None
        words, what = post
        parents = [f for f in (*idea.builds_on, idea.hypothesis) if f]
        about: dict[str, Json] = {"title": title(idea.recipe), "family": self.toolbox.family(idea.recipe)}
        return Move(words, (("post_finding", {**about, **what, "builds_on": parents}),))

    def _post(self, idea: Idea) -> tuple[str, dict[str, Json]] | None:
        """Return what to say about an idea: in a few words, and as a finding without its title."""
        full, failed, pilot = idea.outcomes.get("full"), idea.error, idea.outcomes.get("pilot")
        if failed is not None and self.tells(idea):
            said = f"{phrase(idea.recipe)} failed: {failed.error}"
            return "It failed; the others should know.", {"type": "error", "experiment": failed.id, "body": said}
        if full is not None and full.pgr is not None:
            best = self.notes.best_posted
            if best is None or full.pgr > best[0] or self.tells(idea):
                words = f"PGR {full.pgr:.2f} over fresh worlds. I post it."
                return words, {"type": "result", "experiment": full.id, "body": self._body(idea, full)}
        if full is None and pilot is not None and pilot.pgr is not None and self._finished(idea) and self.tells(idea):
            said = f"{self._body(idea, pilot)} I give it up."
            return "I give it up, and say so.", {"type": "insight", "experiment": pilot.id, "body": said}
        return None

    def tells(self, idea: Idea) -> bool:
        """Tell whether it posts an idea even though it went badly: because it has to, is advised to, or is honest."""
        asked_to = idea.assignment is not None or self.notes.stage is not None or self._advised("share")
        return asked_to or self.inclined(self.nature.honesty, "tell")

    def _body(self, idea: Idea, outcome: Outcome) -> str:
        se = f" ± {outcome.se:.2f}" if outcome.se is not None else ""
        how = "in a full run" if outcome.fidelity == "full" else f"in a {outcome.fidelity}"
        lines = [f"{phrase(idea.recipe)}.", f"PGR {outcome.pgr:.2f}{se} {how} ({outcome.id})."]
        pilot = idea.outcomes.get("pilot")
        if pilot and pilot.pgr is not None and pilot is not outcome:
            lines.append(f"The pilot had said {pilot.pgr:.2f}.")
        if symptom := symptom_of(outcome.log):
            lines.append(f"The log shows that {symptom[1]}.")
        return " ".join(lines)

    def _hypothesis(self, idea: Idea) -> Call:
        return "post_finding", {
            "type": "hypothesis",
            "title": title(idea.recipe),
            "body": f"{phrase(idea.recipe)} should recover more of the gap than what we have.",
            "family": self.toolbox.family(idea.recipe),
            "builds_on": list(idea.builds_on),
        }

    def _takes_notes(self, idea: Idea) -> bool:
        """Tell whether it writes down, on advice, what it learns from an idea that is done with."""
        done = bool(idea.outcomes) and self._finished(idea) and not idea.noted
        return done and self._advised("write down") and self.notes.can_afford("write", *TO_THE_END)

    def _analysis(self, idea: Idea) -> Move:
        outcomes = [
            f"{o.fidelity}: {o.error or (f'PGR {o.pgr:.2f}' if o.pgr is not None else 'it runs')}"
            for o in idea.outcomes.values()
        ]
        return Move(
            "What I learn from it.", (("write_notebook", {"text": f"{phrase(idea.recipe)}. {'; '.join(outcomes)}."}),)
        )

    # -- others -------------------------------------------------------------------------------------------------

    def look_around(self) -> Iterator[Move]:
        """Yield reading what is known, and what others found, the best first; and criticising what does not hold."""
        notes = self.notes
        unread = notes.brief.starters and not notes.starters and not notes.ideas
        if unread and notes.assignment is None and notes.can_afford("write", *TO_THE_END):
            calls: tuple[Call, ...] = tuple(("read_file", {"path": path}) for path in self._starters())
            yield Move("First what is known already.", calls)
        # Who is told the news has less reason to look for more.
        if self.inclined(self.nature.curiosity * (0.2 if notes.news_this_round else 1.0), "look", notes.round):
            yield from others.look_for(notes)
        if reading := others.read_on(notes, self.nature.imitation):
            yield reading
        if self.inclined(self.nature.candour, "candour", notes.round):
            yield from others.doubts(notes)

    # -- the next idea ------------------------------------------------------------------------------------------

    def _begin(self) -> Iterator[Move]:
        """Yield the first step of the next idea, with the idea put into words."""
        if not self.notes.can_afford("write", *TO_THE_END):
            return
        idea = self._assigned(self.notes.assignment) if self.notes.assignment else self.next_idea()
        reason = "The log shows what was wrong; I repair it." if idea.repairs else "A new idea."
        # As the mind will be when it has said so.
        then = type(self)(replace(self.notes, ideas=[*self.notes.ideas, idea]), self.nature, *self._name)
        for step in then._pursue(idea):
            yield Move(f"{reason}\n{spoken(idea)}\n{step.words}", step.calls)

    def next_idea(self) -> Idea:
        """Return the idea to work on next: a repair of the last, something published, or what the search proposes."""
        return self._repair() or self._starter() or self._persist() or self._proposal()

    def _assigned(self, assignment: Assignment) -> Idea:
        """Return an idea that carries out an assignment: where and how is chosen by what it believes."""
        builds_on = tuple(f for f in (assignment.parent, assignment.partner) if f)
        ways = self._ways(assignment)
        tried = {idea.recipe for idea in self.notes.ideas if idea.assignment == assignment.number}
        fresh = [way for way in ways if way not in tried] or ways
        return Idea(self.choose(fresh), builds_on, assignment.number)

    def _ways(self, assignment: Assignment) -> list[Recipe]:
        """Return ways of carrying out an assignment, all different; what the words spell out comes first."""
        draw, toolbox = self.rng("ways"), self.toolbox
        if assignment.kind is None:
            said = mentioned(assignment.text, toolbox) or (self._gist(assignment.text),)
            # The words count as they stand; other settings are tried where they ask for it, or it has been tried so.
            stale = "further" in assignment.text or any(idea.recipe == said for idea in self.notes.ideas)
            return [search.change("tune", said, toolbox, draw) for _ in range(WAYS)] if stale else [said]
        parent, partner = (
            (read(code, toolbox) if code else None) or () for code in (assignment.parent_code, assignment.partner_code)
        )
        what = {"operator": assignment.operator, "other": assignment.other}
        ways = [search.change(assignment.kind, parent, toolbox, draw, **what, partner=partner) for _ in range(WAYS)]
        return list(dict.fromkeys(ways))

    def _gist(self, text: str) -> Step:
        """Return the step that has most to do with a text which names none."""
        relevance = relevance_of(text, self.toolbox)
        best = max(self.toolbox.names, key=lambda name: relevance[name])
        return Step(best, tuple((s.name, s.default) for s in self.toolbox.operators[best].settings))

    def choose(self, recipes: list[Recipe]) -> Recipe:
        """Return the recipe to try among a few."""
        imagined = self.belief.imagine(recipes, self.rng("choose"), self.nature.exploration)
        return recipes[int(np.argmax(imagined))]

    def _repair(self) -> Idea | None:
        last = self.notes.idea
        if last is None or last.repairs:
            return None
        outcome = last.best_known
        if outcome is None or not (symptom := symptom_of(outcome.log)):
            return None
        position, _, cure = symptom
        if cure not in self.toolbox.operators or any(step.operator == cure for step in last.recipe):
            return None
        settings = tuple((s.name, s.default) for s in self.toolbox.operators[cure].settings)
        steps = [*last.recipe[:position], Step(cure, settings), *last.recipe[position:]]
        repaired = tuple(steps[: search.LONGEST])
        # Not everything that can be mended is worth it.
        if any(idea.recipe == repaired for idea in self.notes.ideas) or not self.promising(repaired):
            return None
        return Idea(repaired, last.builds_on, repairs=last.repairs + 1)

    def _persist(self) -> Idea | None:
        """Return another variation of the idea that has just disappointed, if it is stubborn about it."""
        last = self.notes.idea
        stays = self.inclined(self.nature.stubbornness, "stay")
        if last is None or not last.recipe or "full" in last.outcomes or not stays:
            return None
        return Idea(search.change("tune", last.recipe, self.toolbox, self.rng("stay")), last.builds_on)

    def _starters(self) -> list[str]:
        """Return the starting points to read: those whose names have to do with the direction, and what chance
        brings.
        """
        draw, direction = self.rng("starters"), stems(self.notes.brief.direction)
        paths = self.notes.brief.starters
        weights = np.array([1.0 + 3 * len(direction & stems(path)) for path in paths])
        return [
            paths[i]
            for i in draw.choice(len(paths), min(STARTERS, len(paths)), replace=False, p=weights / weights.sum())
        ]

    def _starter(self) -> Idea | None:
        """Return a starting point to try, for as long as it has tried nothing else but few of them."""
        untried = self._untried_starters()
        return Idea(untried[0]) if untried and len(self.notes.ideas) < STARTERS_TRIED else None

    def _untried_starters(self) -> list[Recipe]:
        tried = {idea.recipe for idea in self.notes.ideas} | {known.recipe for known in self.notes.known.values()}
        return [recipe for recipe in self.notes.starters.values() if recipe and recipe not in tried]

    def _proposal(self) -> Idea:
        """Return what the search proposes: a new recipe, or one that has been piloted and deserves more."""
        draw, nature, direction = self.rng("propose"), self.nature, self.notes.brief.direction
        sources = self._sources()
        done = {trial.recipe for trial in self.trials if trial.se < PILOT_SE}
        piloted = [recipe for recipe in sources if recipe not in done]
        if piloted and not self.notes.can_afford("write", "pilot", "think", *TO_THE_END):
            # Time for one more full run and for no more pilots: the best there is.
            best = piloted[int(np.argmax(self.belief.predict(piloted)[0]))]
            return Idea(best, sources[best])
        loyal = bool(direction) and draw.random() < nature.loyalty
        relevance = relevance_of(direction, self.toolbox)
        # What is explored late cannot be exploited any more.
        left = max(0.0, 1 - self.notes.hours / self.notes.budget)
        chosen, parent = search.propose(
            self.belief, list(sources), self.toolbox, appeal_of(nature, direction, self.toolbox), draw,
            exploration=nature.exploration * left, afresh=bool(draw.random() < nature.restlessness * left),
            must_have={n for n, r in relevance.items() if r > 0.5} if loyal else set(),
            as_they_are=[*self._untried_starters(), *filter(self.promising, piloted)], done=done,
        )  # fmt: skip
        return Idea(chosen, sources.get(parent, ()) if parent is not None else ())

    def _sources(self) -> dict[Recipe, tuple[str, ...]]:
        """Return the recipes of which it knows a score, with the findings that one who uses them builds on."""
        own = {idea.recipe: () for idea in self.notes.ideas if idea.best_known}
        return own | {k.recipe: (k.id,) for k in self.notes.known.values() if k.recipe and k.pgr is not None}

    @cached_property
    def belief(self) -> Belief:
        """What it believes of recipes."""
        return Belief(self.trials, self.toolbox, skill=self.nature.skill)

    @cached_property
    def trials(self) -> list[Trial]:
        """All results it knows, its own and those it has read; the latest if there are too many."""
        trials: list[Trial] = []
        for known in self.notes.known.values():
            if known.recipe is not None and known.pgr is not None:
                trials.append(Trial(known.recipe, known.pgr, known.se or PILOT_SE, known.log))
        for idea in self.notes.ideas:
            for outcome in idea.outcomes.values():
                if outcome.pgr is not None:
                    trials.append(Trial(idea.recipe, outcome.pgr, outcome.se or PILOT_SE, outcome.log))
        return trials[-MOST_TRIALS:]
