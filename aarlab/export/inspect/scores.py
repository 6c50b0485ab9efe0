"""Convert the PGRs and the process measures of a run to Inspect scores."""

from collections.abc import Iterator, Mapping
from typing import Any

from inspect_ai.log import EvalMetric, EvalScore
from inspect_ai.scorer import Score

from aarlab.cli.formatting import pgr_text
from aarlab.graph.run.measure_registry import MEASURES, measures_in
from aarlab.memory.events import Evaluation
from aarlab.memory.messages import Json

_MAIN_SCORE = str(MEASURES["heldout.pgr"].inspect_name)


def scores(summary: Mapping[str, Any]) -> dict[str, Score]:
    """Return the scores in a summary by name, without unknown scores."""
    return dict(_scores(summary))


def _scores(summary: Mapping[str, Any]) -> Iterator[tuple[str, Score]]:
    winner = (summary.get("best") or {}).get("finding")
    for measure in measures_in([summary]):
        *sections, key = measure.path.split(".")
        details = summary
        for section in sections:
            details = details.get(section) or {}
        if measure.inspect_name is None or details.get(key) is None:
            continue
        if key != "pgr":
            yield measure.inspect_name, Score(value=details[key], explanation=measure.label)
        elif "name" in details:
            yield measure.inspect_name, _pgr(details, f"{measure.label}, {details['name']}")
        else:
            yield measure.inspect_name, _pgr(details, measure.label, winner)


def _pgr(details: Mapping[str, Any], description: str, answer: str | None = None) -> Score:
    return Score(
        value=details["pgr"], answer=answer, explanation=_explanation(description, details), metadata=dict(details)
    )


def _explanation(description: str, details: Mapping[str, Any]) -> str:
    worlds = f" on {details['worlds']} worlds" if details.get("worlds") else ""
    return f"{description}: {pgr_text(details['pgr'], details.get('se'))}{worlds}"


def results(scored: Mapping[str, Score]) -> list[EvalScore]:
    """Return the scores as results of the evaluation. A PGR has its standard error.

    The held-out PGR is first even if it is unknown, because Inspect shows the first result as that of the evaluation.
    """
    return [_result(name, scored.get(name)) for name in dict.fromkeys((_MAIN_SCORE, *scored))]


def _result(name: str, score: Score | None) -> EvalScore:
    known, metrics = int(score is not None), {} if score is None else _metrics(score)
    return EvalScore(name=name, scorer=name, scored_samples=known, unscored_samples=1 - known, metrics=metrics)


def _metrics(score: Score) -> dict[str, EvalMetric]:
    values = {"value": score.as_float(), "stderr": (score.metadata or {}).get("se")}
    return {name: EvalMetric(name=name, value=value) for name, value in values.items() if value is not None}


def evaluation_score(pgr: float, evaluation: Evaluation, details: dict[str, Json]) -> Score:
    """Return the score of an evaluation event; `details` are its fields with texts in place of their hashes."""
    panel = evaluation.panel if evaluation.task is None else f"{evaluation.panel} to {evaluation.task}"
    explanation = _explanation(f"{panel} score", details)
    return Score(value=pgr, answer=evaluation.subject, explanation=explanation, metadata=details)
