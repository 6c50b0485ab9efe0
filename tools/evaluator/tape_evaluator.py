"""Evaluators that return the recorded scores of a run file, or measure again and compare."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from aarlab.memory.events import TEAM, Evaluation, Fidelity, Panel
from aarlab.memory.messages import content_hash
from aarlab.memory.run_tape import EndOfTape
from aarlab.memory.run_writer import RunWriter
from aarlab.tools.evaluator.results import EvaluationResult, EvaluatorProtocol, Measurement, TaskFactory


class TapeEvaluator:
    """Returns recorded scores from the tape, and measures those that are not recorded."""

    def __init__(self, file: RunWriter, evaluator: EvaluatorProtocol | None) -> None:
        """Measure missing scores with `evaluator`; None: raise EndOfTape instead, as a replay does."""
        self._file, self._evaluator = file, evaluator

    async def run_experiment(self, code: str, fidelity: Fidelity, *, name: str) -> EvaluationResult:
        """Return the recorded result of an experiment, or measure it. Raises EndOfTape without an evaluator."""
        recorded = recorded_experiment(self._file, code, fidelity, name)
        return recorded or await self._live_evaluator_for(name).run_experiment(code, fidelity, name=name)

    async def score_on_panel(
        self, methods: Mapping[str, str], panel: Panel, worlds: int, *, task: TaskFactory | None = None
    ) -> dict[str, EvaluationResult]:
        """Return the recorded results on a panel, measured if missing. Raises EndOfTape without an evaluator."""
        recorded_results = recorded_panel(self._file, methods, panel, worlds, task)
        missing = {name: code for name, code in methods.items() if name not in recorded_results}
        if missing:
            recorded_results |= await self._live_evaluator_for(TEAM).score_on_panel(missing, panel, worlds, task=task)
        return {name: recorded_results[name] for name in methods}

    def _live_evaluator_for(self, subject: str) -> EvaluatorProtocol:
        if self._evaluator is None:
            stream = subject.partition(".")[0]
            raise EndOfTape(stream, self._file.next_ordinal(stream), 0, f"a measurement for {subject}")
        return self._evaluator


@dataclass(frozen=True, slots=True)
class ScoreDifference:
    """A result that differs from the recorded one after measuring again."""

    subject: str
    """Experiment, finding or baseline."""
    panel: Panel
    field: str
    recorded: object
    remeasured: object


class RemeasuringEvaluator(TapeEvaluator):
    """Measures every score again, collects the differences and returns the recorded scores."""

    def __init__(self, file: RunWriter, evaluator: EvaluatorProtocol) -> None:
        """Measure with `evaluator`."""
        super().__init__(file, None)
        self._live_evaluator = evaluator
        self.n_remeasured = 0
        """Number of scores compared."""
        self.differences: list[ScoreDifference] = []

    async def run_experiment(self, code: str, fidelity: Fidelity, *, name: str) -> EvaluationResult:
        """Return the recorded result of an experiment after running it again. Raises EndOfTape."""
        recorded = await super().run_experiment(code, fidelity, name=name)
        self._compare(
            name, "development", recorded, await self._live_evaluator.run_experiment(code, fidelity, name=name)
        )
        return recorded

    async def score_on_panel(
        self, methods: Mapping[str, str], panel: Panel, worlds: int, *, task: TaskFactory | None = None
    ) -> dict[str, EvaluationResult]:
        """Return the recorded results on a panel after scoring the methods again. Raises EndOfTape."""
        recorded = await super().score_on_panel(methods, panel, worlds, task=task)
        remeasured = await self._live_evaluator.score_on_panel(methods, panel, worlds, task=task)
        for name in methods:
            # For a panel, only scores are recorded, not errors and logs.
            self._compare(
                name, panel, recorded[name], replace(remeasured[name], error=None, log=[], completed_share=1.0)
            )
        return recorded

    def _compare(self, subject: str, panel: Panel, recorded: EvaluationResult, remeasured: EvaluationResult) -> None:
        self.n_remeasured += 1
        for name, before, after in (
            ("error", recorded.error, remeasured.error),
            ("completed_share", recorded.completed_share, remeasured.completed_share),
            ("log", recorded.log, remeasured.log),
            ("measurement", recorded.measurement, remeasured.measurement),
        ):
            if before != after:
                self.differences.append(ScoreDifference(subject, panel, name, before, after))


def recorded_experiment(file: RunWriter, code: str, fidelity: Fidelity, name: str) -> EvaluationResult | None:
    """Return the recorded result of an experiment; None if there is none for this code and fidelity."""
    recorded = file.tape.experiment(name)
    if recorded is None:
        return None
    experiment, score = recorded
    if (experiment.code, experiment.fidelity) != (content_hash(code), fidelity):
        return None
    return EvaluationResult(
        experiment.error, experiment.log, _measurement(score), experiment.work, experiment.device, experiment.seconds
    )


def recorded_panel(
    file: RunWriter, methods: Mapping[str, str], panel: Panel, worlds: int, task: TaskFactory | None
) -> dict[str, EvaluationResult]:
    """Return the recorded results on a panel by name, for methods with unchanged code."""
    task_name = None if task is None else task.name
    scores = {name: file.tape.score(name, panel, worlds, task_name) for name in methods}
    return {
        name: EvaluationResult(None, [], _measurement(score))
        for name, score in scores.items()
        if score is not None and score.code == content_hash(methods[name])
    }


def _measurement(score: Evaluation | None) -> Measurement | None:
    """Return the recorded measurement; None if the method failed or was not scored."""
    if score is None or score.pgr is None:
        return None
    assert score.transfer_acc is not None
    assert score.weak_acc is not None
    assert score.strong_acc is not None
    accuracies = (score.transfer_acc, score.weak_acc, score.strong_acc)
    return Measurement(score.worlds, score.pgr, score.se, *accuracies, score.shuffled_pgr, score.pgr_by_world)
