"""Scores that are on tape already: what was measured once is not measured again, or is, to see whether it was right."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from aarlab.memory.events import TEAM, Evaluation, Fidelity, Panel
from aarlab.memory.messages import content_hash
from aarlab.memory.run_tape import EndOfTape
from aarlab.memory.run_writer import RunWriter
from aarlab.tools.evaluator.run_evaluator import EvaluationResult, EvaluatorProtocol, Measurement, TaskFactory


class TapeEvaluator:
    """Answers from the tape of a run that happens again, and measures what is not on it."""

    def __init__(self, file: RunWriter, evaluator: EvaluatorProtocol | None) -> None:
        """Measure with `evaluator`; None: what is not on tape is the end of it."""
        self._file, self._evaluator = file, evaluator

    async def experiment(self, code: str, fidelity: Fidelity, *, name: str) -> EvaluationResult:
        """Return what came of an experiment. Raises EndOfTape, in a replay."""
        recorded = experiment_on_tape(self._file, code, fidelity, name)
        return recorded or await self._live_evaluator_for(name).experiment(code, fidelity, name=name)

    async def panel(
        self, methods: Mapping[str, str], panel: Panel, worlds: int, *, task: TaskFactory | None = None
    ) -> dict[str, EvaluationResult]:
        """Return how methods, code by name, do on a panel. Raises EndOfTape, in a replay."""
        recorded_results = panel_on_tape(self._file, methods, panel, worlds, task)
        missing = {name: code for name, code in methods.items() if name not in recorded_results}
        if missing:
            recorded_results |= await self._live_evaluator_for(TEAM).panel(missing, panel, worlds, task=task)
        return {name: recorded_results[name] for name in methods}

    def _live_evaluator_for(self, subject: str) -> EvaluatorProtocol:
        if self._evaluator is None:
            stream = subject.partition(".")[0]
            raise EndOfTape(stream, self._file.next_ordinal(stream), 0, f"a measurement for {subject}")
        return self._evaluator


@dataclass(frozen=True, slots=True)
class ScoreDifference:
    """A score that came out otherwise when it was measured again."""

    subject: str
    """Experiment, finding or baseline."""
    panel: Panel
    field: str
    recorded: object
    remeasured: object


class RemeasuringEvaluator(TapeEvaluator):
    """Measures everything again, keeps what came out otherwise, and goes on with what is on tape."""

    def __init__(self, file: RunWriter, evaluator: EvaluatorProtocol) -> None:
        """Measure with `evaluator`."""
        super().__init__(file, None)
        self._evaluator_again = evaluator
        self.n_remeasured = 0
        """How many scores were compared."""
        self.differences: list[ScoreDifference] = []

    async def experiment(self, code: str, fidelity: Fidelity, *, name: str) -> EvaluationResult:
        """Return what is on tape of an experiment, after doing it again. Raises EndOfTape."""
        recorded = await super().experiment(code, fidelity, name=name)
        self._compare(name, "development", recorded, await self._evaluator_again.experiment(code, fidelity, name=name))
        return recorded

    async def panel(
        self, methods: Mapping[str, str], panel: Panel, worlds: int, *, task: TaskFactory | None = None
    ) -> dict[str, EvaluationResult]:
        """Return what is on tape of a panel, after scoring the methods on it again. Raises EndOfTape."""
        recorded = await super().panel(methods, panel, worlds, task=task)
        remeasured = await self._evaluator_again.panel(methods, panel, worlds, task=task)
        for name in methods:
            # Of a panel the ledger keeps scores; errors and logs are nobody's business there.
            self._compare(name, panel, recorded[name], replace(remeasured[name], error=None, log=[], work=1.0))
        return recorded

    def _compare(self, subject: str, panel: Panel, recorded: EvaluationResult, remeasured: EvaluationResult) -> None:
        self.n_remeasured += 1
        for name, before, after in (
            ("error", recorded.error, remeasured.error),
            ("completed_share", recorded.work, remeasured.work),
            ("log", recorded.log, remeasured.log),
            ("measurement", recorded.measurement, remeasured.measurement),
        ):
            if before != after:
                self.differences.append(ScoreDifference(subject, panel, name, before, after))


def experiment_on_tape(file: RunWriter, code: str, fidelity: Fidelity, name: str) -> EvaluationResult | None:
    """Return what is on tape of an experiment; None if nothing is, or if it was another."""
    recorded = file.tape.experiment(name)
    if recorded is None:
        return None
    experiment, score = recorded
    if (experiment.code, experiment.fidelity) != (content_hash(code), fidelity):
        return None
    return EvaluationResult(experiment.error, experiment.log, _measurement(score), experiment.work)


def panel_on_tape(
    file: RunWriter, methods: Mapping[str, str], panel: Panel, worlds: int, task: TaskFactory | None
) -> dict[str, EvaluationResult]:
    """Return what is on tape of a panel, by name."""
    task_name = None if task is None else task.name
    scores = {name: file.tape.score(name, panel, worlds, task_name) for name in methods}
    return {
        name: EvaluationResult(None, [], _measurement(score))
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
