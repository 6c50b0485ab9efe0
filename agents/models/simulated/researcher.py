"""The simulated researcher: what it does next, given what it knows.

It proposes by `search`, tries ideas cheaply before it pays for a full run, repairs what the training log shows
broken, posts what it finds, reads and borrows what others found, and says where an idea came from. It uses the tools
it is offered; where a stage is announced to it, it does what the stage is for.
"""

from collections.abc import Iterator

import numpy as np

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated import search, temperament
from aarlab.agents.models.simulated.glance import relevance_of, stems, symptom_of
from aarlab.agents.models.simulated.move import Call, Move, spoken_reply
from aarlab.agents.models.simulated.reading import METHOD, Idea, Known, Notes, Outcome, spoken, take_notes
from aarlab.agents.models.simulated.recipe import Recipe, Step, phrase, title, write
from aarlab.memory.messages import Json
from aarlab.memory.seeds import rng

PILOT_SE = 0.2
"""Standard error it credits a pilot with; the lab gives none for a single world."""
LOOSE = 0.1
"""Standard error from which on it does not take a score for a result."""
TO_THE_END = ("full", "think", "share", "think", "share")
"""Steps for which there must be time before a full run is begun: to run it, post it and submit it."""
STARTERS = 5
"""How many of the methods to start from it reads."""
MOST_TRIALS = 160
"""How many trials it keeps in mind when it searches."""


class SimulatedResearcher:
    """A researcher as a search policy. Sees its request, answers with tool calls, and is the same for the same seed
    and request.
    """

    def __init__(self, seed: int, agent: str) -> None:
        """Open it for one agent of a run."""
        self._seed, self._agent = seed, agent

    async def reply(self, request: Request) -> Reply:
        """Answer the request."""
        notes = take_notes(request)
        mind = Mind(notes, temperament.draw(self._seed, self._agent, notes.brief.toolbox), self._seed, self._agent)
        move = mind.next_move({tool.name for tool in request.tools})
        return spoken_reply(move, notes.turn, "simulated/researcher")


class Mind:
    """One moment of thought."""

    def __init__(self, notes: Notes, nature: temperament.Temperament, seed: int, agent: str) -> None:
        """Think about `notes`; everything random is drawn from streams named by purpose and turn."""
        self.notes, self.nature = notes, nature
        self._name = (seed, agent)
        self.toolbox = notes.brief.toolbox

    def rng(self, purpose: str) -> np.random.Generator:
        """Return the random stream of this turn for a purpose."""
        return rng(*self._name, purpose, self.notes.turn)

    def next_move(self, tools: set[str]) -> Move:
        """Return the first move that makes sense and that the tools at hand allow; with none, rest."""
        for move in self._moves():
            if all(name in tools for name, _ in move.calls):
                return move
        return Move("There is nothing more that I can do for now.")

    def _moves(self) -> Iterator[Move]:
        """Yield what could be done, most urgent first."""
        notes, idea = self.notes, self.notes.idea
        if idea and (done := self._report(idea)):
            yield done
        if idea and notes.stage == "analyse":
            yield self._analysis(idea)
        if notes.best_posted and notes.submitted != notes.best_posted[1] and notes.can_afford("share"):
            score, finding = notes.best_posted
            yield Move(
                f"{finding} is my best so far, at {score:.2f}; it should stand for the final.",
                (("submit", {"finding": finding}),),
            )
        if idea and not self._finished(idea):
            yield from self._pursue(idea)
        yield from self.look_around()
        if notes.stage == "share":
            return
        yield from self._begin()

    # -- an idea at hand ----------------------------------------------------------------------------------------

    def _finished(self, idea: Idea) -> bool:
        """Tell whether nothing is left to do for an idea."""
        failed = any(outcome.error for outcome in idea.outcomes.values())
        # What was rejected for want of a pilot gets one, and a second hearing.
        rejected = idea.refused > ("pilot" not in idea.outcomes)
        return idea.posted is not None or failed or rejected or self._unpromising(idea)

    def _pursue(self, idea: Idea) -> Iterator[Move]:
        """Yield the next step for an idea: announce, write, try cheaply, run in full; take notes where that is all
        there is to do.
        """
        notes = self.notes
        if not idea.written:
            if idea.builds_on and (
                unborrowed := [f for f in idea.builds_on if f in notes.known and f not in notes.borrowed]
            ):
                yield Move("I take the method that I build on.", tuple(("borrow", {"finding": f}) for f in unborrowed))
            if idea.hypothesis is None and self.announces(idea):
                yield Move("Before testing it, I tell the others.", (self._hypothesis(idea),))
            if notes.stage == "plan":
                yield Move(
                    "My plan.", (("write_notebook", {"text": f"Test {phrase(idea.recipe)} in full, once it runs."}),)
                )
            yield from self.write(idea)
        if self.wants_pilot(idea):
            yield Move("A pilot first: one small world is cheap.", (self.run("pilot"),))
        if "full" not in idea.outcomes and notes.can_afford(*TO_THE_END):
            yield Move("It looks worth a full run.", (self.run("full"),))

    def announces(self, idea: Idea) -> bool:
        """Tell whether to announce an idea as a hypothesis before it is tested."""
        tells = rng(*self._name, "announce", len(self.notes.ideas)).random() < self.nature.openness
        return tells or self.notes.stage == "propose"

    def write(self, idea: Idea) -> Iterator[Move]:
        """Yield writing the method down, with the pilot in the same breath where there is one to run."""
        call: Call = ("write_file", {"path": METHOD, "text": write(idea.recipe)})
        if self.wants_pilot(idea):
            yield Move(f"I write it down and pilot it: {title(idea.recipe)}.", (call, self.run("pilot")))
        yield Move(f"Now to write it down: {title(idea.recipe)}.", (call,))

    def wants_pilot(self, idea: Idea) -> bool:
        """Tell whether to try an idea cheaply first: out of rigour, because it was asked to, or for want of promise."""
        if "pilot" in idea.outcomes or not self.notes.can_afford("pilot", *TO_THE_END):
            return False
        rigorous = rng(*self._name, "pilot", len(self.notes.ideas)).random() < self.nature.rigour
        return rigorous or idea.refused > 0 or not self._promising(idea.recipe)

    def run(self, fidelity: str) -> Call:
        """Return the call that runs the method at a fidelity."""
        return "run_experiment", {"path": METHOD, "fidelity": fidelity}

    def _unpromising(self, idea: Idea) -> bool:
        """Tell whether the pilot, and all else that is known, speak against paying for a full run."""
        return "pilot" in idea.outcomes and "full" not in idea.outcomes and not self._promising(idea.recipe)

    def _promising(self, recipe: Recipe) -> bool:
        """Tell whether a recipe may well be better than the best of those run in full."""
        trials = self.trials()
        belief = search.Belief(trials, self.toolbox)
        mean, sd = belief.predict([recipe])
        in_full = [trial.recipe for trial in trials if trial.se < PILOT_SE]
        best = float(belief.predict(in_full)[0].max()) if in_full else 0.0
        # While nothing good is known, an idea has to promise more than most do.
        return bool(mean[0] + self.nature.exploration * sd[0] >= max(best, search.PRIOR_MEAN + search.PRIOR_SD))

    def _report(self, idea: Idea) -> Move | None:
        """Return the post about an idea that has been run in full, or has failed."""
        notes = self.notes
        if idea.posted is not None or not notes.can_afford("share"):
            return None
        outcome = idea.outcomes.get("full")
        failed = next((o for o in idea.outcomes.values() if o.error is not None), None)
        if failed is None and (outcome is None or outcome.pgr is None):
            return None
        post: dict[str, Json] = {"title": title(idea.recipe), "family": self.toolbox.family(idea.recipe)}
        parents = [f for f in (*idea.builds_on, idea.hypothesis) if f]
        if failed is not None:
            post |= {"type": "error", "experiment": failed.id, "body": f"{phrase(idea.recipe)} failed: {failed.error}"}
            words = "It failed; the others should know."
        else:
            assert outcome is not None
            post |= {"type": "result", "experiment": outcome.id, "body": self._body(idea, outcome)}
            words = f"PGR {outcome.pgr:.2f} over fresh worlds. I post it, whatever it is worth."
        return Move(words, (("post_finding", {**post, "builds_on": parents}),))

    def _body(self, idea: Idea, outcome: Outcome) -> str:
        se = f" ± {outcome.se:.2f}" if outcome.se is not None else ""
        lines = [f"{phrase(idea.recipe)}.", f"PGR {outcome.pgr:.2f}{se} in a full run ({outcome.id})."]
        if (pilot := idea.outcomes.get("pilot")) and pilot.pgr is not None:
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
        if not notes.ideas and not notes.starters and notes.brief.starters and notes.can_afford("write", *TO_THE_END):
            calls: tuple[Call, ...] = tuple(("read_file", {"path": path}) for path in self._starters())
            yield Move("First what is known already.", calls)
        unread = [f for f in notes.listed if f not in notes.known and notes.listed[f].get("pgr") is not None]
        unread.sort(key=lambda f: -notes.listed[f]["pgr"])
        wanted = unread[: self.nature.imitation - notes.read_this_round]
        if wanted and notes.can_afford("read"):
            yield Move("Let me see what the others found.", (("read_findings", {"findings": list(wanted)}),))
        candid = rng(*self._name, "candour", notes.round).random() < self.nature.candour
        if candid and notes.critiqued_this_round == 0 and notes.can_afford("share"):
            for known in notes.known.values():
                if known.id not in notes.critiqued and not known.critiques and (fault := self._fault(known)):
                    yield Move(f"I doubt {known.id}.", (("critique", {"finding": known.id, "text": fault}),))
                    return

    def _fault(self, known: Known) -> str | None:
        """Say what is wrong with a finding, judged by own results with the same recipe, its noise and its log."""
        if known.pgr is None or known.se is None:
            return None
        for idea in self.notes.ideas:
            own = idea.outcomes.get("full")
            if own is None or own.pgr is None or own.se is None or idea.recipe != known.recipe:
                continue
            if abs(own.pgr - known.pgr) > 2 * (own.se**2 + known.se**2) ** 0.5:
                mine = f"The same recipe gave me {own.pgr:.2f} ± {own.se:.2f} in full ({own.id})"
                return f"{mine}, not {known.pgr:.2f}: more than two standard errors apart."
        if known.se >= LOOSE:
            return f"With a standard error of {known.se:.2f} this is hardly a result yet; replicate it first."
        if symptom := symptom_of(known.log):
            return f"The log shows that {symptom[1]}; what would {symptom[2]} do for it?"
        return None

    # -- the next idea ------------------------------------------------------------------------------------------

    def _begin(self) -> Iterator[Move]:
        """Yield the first step of the next idea, with the idea put into words."""
        notes = self.notes
        if not notes.can_afford("write", *TO_THE_END):
            return
        idea = self.next_idea()
        words = spoken(phrase(idea.recipe), idea.builds_on, idea.repairs)
        reason = "The log shows what was wrong; I repair it." if idea.repairs else "A new idea."
        notes.ideas.append(idea)
        for step in self._pursue(idea):
            yield Move(f"{reason}\n{words}\n{step.words}", step.calls)

    def next_idea(self) -> Idea:
        """Return the idea to work on next: a repair of the last, something published, or what the search proposes."""
        return self._repair() or self._starter() or self._proposal()

    def _repair(self) -> Idea | None:
        last = self.notes.idea
        if last is None or last.repairs:
            return None
        outcome = last.outcomes.get("full") or last.outcomes.get("pilot")
        if outcome is None or not (symptom := symptom_of(outcome.log)):
            return None
        position, _, cure = symptom
        if cure not in self.toolbox.operators or any(step.operator == cure for step in last.recipe):
            return None
        settings = tuple((s.name, s.default) for s in self.toolbox.operators[cure].settings)
        steps = [*last.recipe[:position], Step(cure, settings), *last.recipe[position:]]
        repaired = tuple(steps[: search.LONGEST])
        if any(idea.recipe == repaired for idea in self.notes.ideas):
            return None
        return Idea(repaired, last.builds_on, repairs=last.repairs + 1)

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
        """Return the next starting point that has not been tried yet."""
        tried = {idea.recipe for idea in self.notes.ideas} | {known.recipe for known in self.notes.known.values()}
        return next((Idea(recipe) for recipe in self.notes.starters.values() if recipe and recipe not in tried), None)

    def _proposal(self) -> Idea:
        draw, nature = self.rng("propose"), self.nature
        relevance = relevance_of(self.notes.brief.direction, self.toolbox)
        appeal = {n: nature.taste[o.family] * (1 + 5 * relevance[n]) for n, o in self.toolbox.operators.items()}
        known = [k for k in self.notes.known.values() if k.recipe is not None and k.pgr is not None]
        pool = {idea.recipe: () for idea in self.notes.ideas if idea.outcomes} | {
            k.recipe: (k.id,) for k in known if k.recipe is not None
        }
        loyal = bool(self.notes.brief.direction) and draw.random() < nature.loyalty
        # What is explored late cannot be exploited any more.
        left = max(0.0, 1 - self.notes.hours / self.notes.budget)
        chosen, parent = search.propose(
            self.trials(), list(pool), self.toolbox, appeal, draw,
            exploration=nature.exploration * left, afresh=bool(draw.random() < nature.restlessness * left),
            must_have={n for n, r in relevance.items() if r > 0.5} if loyal else set(),
        )  # fmt: skip
        return Idea(chosen, pool.get(parent, ()) if parent is not None else ())

    def trials(self) -> list[search.Trial]:
        """Return all results it knows, its own and those it has read; the latest if there are too many."""
        trials: list[search.Trial] = []
        for known in self.notes.known.values():
            if known.recipe is not None and known.pgr is not None:
                trials.append(search.Trial(known.recipe, known.pgr, known.se or PILOT_SE))
        for idea in self.notes.ideas:
            for outcome in idea.outcomes.values():
                if outcome.pgr is not None:
                    trials.append(search.Trial(idea.recipe, outcome.pgr, outcome.se or PILOT_SE))
        return trials[-MOST_TRIALS:]
