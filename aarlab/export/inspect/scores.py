"""How good a team was and how it worked, as Inspect's scores. Needs the extra `inspect`."""

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
    """Return the scores in a summary by name; unknown ones are left out."""
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


def _pgr(details: Mapping[str, Any], meaning: str, answer: str | None = None) -> Score:
    return Score(value=details["pgr"], answer=answer, explanation=_explained(meaning, details), metadata=dict(details))


def _explained(meaning: str, details: Mapping[str, Any]) -> str:
    worlds = f" on {details['worlds']} worlds" if details.get("worlds") else ""
    return f"{meaning}: {pgr_text(details['pgr'], details.get('se'))}{worlds}"


def results(scored: Mapping[str, Score]) -> list[EvalScore]:
    """Return scores as those of a whole evaluation, which a run is; those of a PGR with its standard error.

    Inspect sums an evaluation up by the first: where the held-out PGR is not known, it is to be told that.
    """
    return [_result(name, scored.get(name)) for name in dict.fromkeys((_MAIN_SCORE, *scored))]


def _result(name: str, score: Score | None) -> EvalScore:
    known, metrics = int(score is not None), {} if score is None else _metrics(score)
    return EvalScore(name=name, scorer=name, scored_samples=known, unscored_samples=1 - known, metrics=metrics)


def _metrics(score: Score) -> dict[str, EvalMetric]:
    values = {"value": score.as_float(), "stderr": (score.metadata or {}).get("se")}
    return {name: EvalMetric(name=name, value=value) for name, value in values.items() if value is not None}


def evaluated(pgr: float, score: Evaluation, details: dict[str, Json]) -> Score:
    """Return what the evaluator told of a method; `details` are the fields of the event, spelt out."""
    panel = score.panel if score.task is None else f"{score.panel} to {score.task}"
    return Score(value=pgr, answer=score.subject, explanation=_explained(f"{panel} PGR", details), metadata=details)
