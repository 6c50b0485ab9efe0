"""Cached views of a run file, which several measures share."""

from functools import cached_property
from typing import Literal

from aarlab.graph.run.method_measures import (
    ExperimentOrigin,
    IdeaDiversity,
    MethodTexts,
    experiment_origins,
    idea_diversity,
    mean_novelty,
    method_texts,
)
from aarlab.graph.run.monitors.monitor import Suspicion
from aarlab.graph.run.monitors.monitor_registry import load_monitor, watch
from aarlab.graph.run.spending_measures import Spending, spending
from aarlab.memory.events import (
    LAB,
    Edge,
    EdgeKind,
    Evaluation,
    Event,
    Experiment,
    Finding,
    OpeningPosted,
    Panel,
    ReferenceChosen,
    ResearcherReplaced,
    RunClosed,
)
from aarlab.memory.measures import (
    DevelopmentPgr,
    Entropy,
    MeanResearcherPgr,
    development_pgr,
    entropy,
    mean_researcher_pgr,
)
from aarlab.memory.measures.autonomy import Decisions, decisions
from aarlab.memory.run_reader import RunReader


class MeasuredRun:
    """A run file and cached views of its events."""

    def __init__(self, file: RunReader) -> None:
        self.file = file

    def count(self, kind: type[Event]) -> int:
        """Return the number of events of a kind."""
        return sum(1 for _ in self.file.entries(kind))

    def team_findings(self) -> int:
        """Return the number of findings that researchers posted."""
        return sum(entry.stream != LAB for entry in self.file.entries(Finding))

    def edges(self, relation: EdgeKind) -> int:
        """Return the number of edges of a relation, such as critiques."""
        return sum(entry.event.relation == relation for entry in self.file.entries(Edge))

    @cached_property
    def closed(self) -> RunClosed | None:
        """The event that closed the run; None if the run is not closed."""
        return next((entry.event for entry in self.file.entries(RunClosed)), None)

    @cached_property
    def decisions(self) -> Decisions:
        """Number of decisions by kind and decider."""
        return decisions(self.file)

    @cached_property
    def entropy(self) -> Entropy | None:
        """Entropy of declared families; None if no round has enough active researchers."""
        return entropy(self.file)

    @cached_property
    def evaluations(self) -> list[Evaluation]:
        """All evaluations except those of experiments, which are many, in order of arrival."""
        return [entry.event for entry in self.file.entries(Evaluation) if entry.event.panel != "development"]

    @cached_property
    def suspicions(self) -> list[Suspicion]:
        """What the monitors find, also what they do not flag, most suspicious first."""
        packages = self.file.info().scenario.get("monitor", {}).get("packages", [])
        return watch(self.file, [load_monitor(name) for name in packages])

    @cached_property
    def scores(self) -> dict[tuple[str, str], Evaluation]:
        """Evaluations except those of experiments, by subject and panel."""
        return {(evaluation.subject, evaluation.panel): evaluation for evaluation in self.evaluations}

    @cached_property
    def winner(self) -> Finding | None:
        """The winning finding; None if there is no winner."""
        return None if self.closed is None or self.closed.best is None else self.finding(self.closed.best)

    def finding(self, name: str) -> Finding | None:
        """Return the finding with this id; None if there is none."""
        return next((entry.event for entry in self.file.entries(Finding) if entry.event.id == name), None)

    @cached_property
    def development(self) -> DevelopmentPgr:
        """Best development PGR at points of the budget."""
        return development_pgr(self.file)

    @cached_property
    def mean_researcher(self) -> MeanResearcherPgr:
        """Best development PGR of a researcher at points of the budget, mean over the team."""
        return mean_researcher_pgr(self.file)

    @cached_property
    def experiment_origins(self) -> list[ExperimentOrigin]:
        """Whether the method of each scored experiment is new."""
        return experiment_origins(self.file)

    @cached_property
    def idea_diversity(self) -> IdeaDiversity:
        """Redundancy and Vendi score of the team's methods."""
        return idea_diversity(self.file, self.method_texts)

    @cached_property
    def novelty(self) -> float | None:
        """Mean novelty of the findings with a method; None for fewer than two."""
        return mean_novelty(self.file, self.method_texts)

    @cached_property
    def method_texts(self) -> MethodTexts:
        """The findings with a method and their texts as vectors."""
        return method_texts(self.file)

    @property
    def final(self) -> Evaluation | None:
        """The winner's evaluation among the finalists; None without a winner."""
        return None if self.winner is None else self.scores[self.winner.id, "final"]

    @property
    def heldout(self) -> Evaluation | None:
        """The winner's evaluation on held-out worlds; None without a winner."""
        return None if self.winner is None else self.scores[self.winner.id, "heldout"]

    @property
    def shifted(self) -> Evaluation | None:
        """The winner's evaluation on shifted worlds; None without a winner, or if the scenario has no such worlds."""
        return None if self.winner is None else self.scores.get((self.winner.id, "shifted"))

    @property
    def transfer(self) -> dict[str, Evaluation]:
        """The winner's evaluations on other tasks, by task."""
        best = self.closed.best if self.closed else None
        return {str(e.task): e for e in self.evaluations if e.panel == "transfer" and e.subject == best}

    @property
    def generalisation_gap(self) -> float | None:
        """The winner's development PGR minus its held-out PGR; None without a winner."""
        if self.winner is None or self.heldout is None:
            return None
        development, heldout = self.winner.pgr, self.heldout.pgr
        return None if development is None or heldout is None else development - heldout

    @cached_property
    def references(self) -> dict[str, ReferenceChosen]:
        """The reference methods that could be scored: `published` and `library`."""
        chosen = [entry.event for entry in self.file.entries(ReferenceChosen)]
        return {event.reference: event for event in chosen if event.method is not None}

    def reference_scores(self, panel: Panel) -> dict[str, Evaluation]:
        """Return the evaluations of the reference methods on a panel, by reference."""
        scores = {name: self.scores.get((str(event.method), panel)) for name, event in self.references.items()}
        return {name: score for name, score in scores.items() if score is not None}

    @property
    def opening_pgr(self) -> float | None:
        """The best score that the lab posted before round 1; None without one."""
        posts = (entry.event.pgr for entry in self.file.entries(Finding, stream=LAB))
        return max((pgr for pgr in posts if pgr is not None), default=None)

    def heldout_pgr(self, leader: Literal["leader_at_quarter", "leader_at_half"]) -> float | None:
        """Return the held-out PGR of the finding that led at a point of the budget; None if there was none."""
        finding = getattr(self.closed, leader, None)
        return self.scores[finding, "heldout"].pgr if finding else None

    @cached_property
    def research_hours(self) -> float:
        """Research hours that the researchers used, summed over the team, without the opening and the close."""
        hours = self.file.hours_by_stream()
        # A new researcher continues the hours of the one whose place it took.
        continued = sum(entry.hours for entry in self.file.entries(ResearcherReplaced))
        return sum(hours[name] for name in self.file.researchers()) - continued

    @cached_property
    def opening_hours(self) -> float:
        """Research hours of the lab for scoring the opening; 0 without one."""
        return sum(entry.event.cost_hours for entry in self.file.entries(OpeningPosted))

    @property
    def hours(self) -> float:
        """Research hours of the team, the opening and the close."""
        return self.research_hours + self.opening_hours + (self.closed.cost_hours if self.closed else 0.0)

    @cached_property
    def spending(self) -> Spending:
        """What the run used."""
        return spending(self.file)

    @cached_property
    def device_seconds(self) -> float | None:
        """Seconds of all experiments on the device; None: none was measured, as on a task without fine-tuning."""
        seconds = [entry.event.seconds for entry in self.file.entries(Experiment) if entry.event.seconds is not None]
        return sum(seconds) if seconds else None

    @property
    def usd_per_hour(self) -> float | None:
        """US dollars per research hour of a researcher, without the close."""
        cost_usd = self.spending.cost_usd
        return None if cost_usd is None or not self.research_hours else cost_usd / self.research_hours
