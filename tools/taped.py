"""Scores that are on tape already: what was measured once is not measured again, or is, to see whether it was right."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from aarlab.memory.events import TEAM, Evaluation, Fidelity, Panel
from aarlab.memory.messages import content_hash
from aarlab.memory.runfile import RunFile
from aarlab.memory.tape import EndOfTape
from aarlab.scenarios.task import Task
from aarlab.tools.evaluator import Measurement, Scorer, Trial


class TapedEvaluator:
    """Answers from the tape of a run that happens again, and measures what is not on it."""

    def __init__(self, file: RunFile, evaluator: Scorer | None) -> None:
        """Measure with `evaluator`; None: what is not on tape is the end of it."""
        self._file, self._evaluator = file, evaluator

    async def experiment(self, code: str, fidelity: Fidelity, *, name: str) -> Trial:
        """Return what came of an experiment. Raises EndOfTape, in a replay."""
        taped = taped_experiment(self._file, code, fidelity, name)
        return taped or await self._measuring(name).experiment(code, fidelity, name=name)

    async def panel(
        self, methods: Mapping[str, str], panel: Panel, worlds: int, *, task: Task | None = None
    ) -> dict[str, Trial]:
        """Return how methods, code by name, do on a panel. Raises EndOfTape, in a replay."""
        known = taped_panel(self._file, methods, panel, worlds, task)
        new = {name: code for name, code in methods.items() if name not in known}
        if new:
            known |= await self._measuring(TEAM).panel(new, panel, worlds, task=task)
        return {name: known[name] for name in methods}

    def _measuring(self, whose: str) -> Scorer:
        if self._evaluator is None:
            stream = whose.partition(".")[0]
            raise EndOfTape(stream, self._file.next_ordinal(stream), 0, f"a measurement for {whose}")
        return self._evaluator


@dataclass(frozen=True, slots=True)
class Difference:
    """A score that came out otherwise when it was measured again."""

    subject: str
    """Experiment, finding or baseline."""
    panel: Panel
    field: str
    then: object
    now: object


class ComparingEvaluator(TapedEvaluator):
    """Measures everything again, keeps what came out otherwise, and goes on with what is on tape."""

    def __init__(self, file: RunFile, evaluator: Scorer) -> None:
        """Measure with `evaluator`."""
        super().__init__(file, None)
        self._again = evaluator
        self.measured = 0
        """How many scores were compared."""
        self.differences: list[Difference] = []

    async def experiment(self, code: str, fidelity: Fidelity, *, name: str) -> Trial:
        """Return what is on tape of an experiment, after doing it again. Raises EndOfTape."""
        then = await super().experiment(code, fidelity, name=name)
        self._compare(name, "development", then, await self._again.experiment(code, fidelity, name=name))
        return then

    async def panel(
        self, methods: Mapping[str, str], panel: Panel, worlds: int, *, task: Task | None = None
    ) -> dict[str, Trial]:
        """Return what is on tape of a panel, after scoring the methods on it again. Raises EndOfTape."""
        then = await super().panel(methods, panel, worlds, task=task)
        now = await self._again.panel(methods, panel, worlds, task=task)
        for name in methods:
            # Of a panel the ledger keeps scores; errors and logs are nobody's business there.
            self._compare(name, panel, then[name], replace(now[name], error=None, log=[], work=1.0))
        return then

    def _compare(self, subject: str, panel: Panel, then: Trial, now: Trial) -> None:
        self.measured += 1
        for name, before, after in (
            ("error", then.error, now.error),
            ("work", then.work, now.work),
            ("log", then.log, now.log),
            ("measurement", then.measurement, now.measurement),
        ):
            if before != after:
                self.differences.append(Difference(subject, panel, name, before, after))


def taped_experiment(file: RunFile, code: str, fidelity: Fidelity, name: str) -> Trial | None:
    """Return what is on tape of an experiment; None if nothing is, or if it was another."""
    found = None if file.tape is None else file.tape.experiment(name)
    if found is None:
        return None
    experiment, score = found
    if (experiment.code, experiment.fidelity) != (content_hash(code), fidelity):
        return None
    return Trial(experiment.error, experiment.log, _measurement(score), experiment.work)


def taped_panel(
    file: RunFile, methods: Mapping[str, str], panel: Panel, worlds: int, task: Task | None
) -> dict[str, Trial]:
    """Return what is on tape of a panel, by name."""
    if file.tape is None:
        return {}
    other = None if task is None else task.name
    scores = {name: file.tape.score(name, panel, worlds, other) for name in methods}
    return {
        name: Trial(None, [], _measurement(score))
        for name, score in scores.items()
        if score is not None and score.code == content_hash(methods[name])
    }


def _measurement(score: Evaluation | None) -> Measurement | None:
    """Return what the ledger says of a score; None where there was none."""
    if score is None or score.pgr is None:
        return None
    assert score.transfer_acc is not None
    assert score.weak_acc is not None
    assert score.strong_acc is not None
    accuracies = (score.transfer_acc, score.weak_acc, score.strong_acc)
    return Measurement(score.worlds, score.pgr, score.se, *accuracies, score.shuffled_pgr)
