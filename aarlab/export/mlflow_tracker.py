"""Log a run to MLflow, to the server or database that MLflow is configured for (MLFLOW_TRACKING_URI)."""

import os
import time

from aarlab.export.formats import TrackerError
from aarlab.export.tracked_run import TrackedRun
from aarlab.memory.run_reader import RunReader

# aarlab sends nothing that it was not asked to send. MLflow reads this when it is imported.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

_MAX_BATCH = 100
_MAX_PARAMETER = 500
"""Characters of a parameter that every store of MLflow accepts."""


def log_run(file: RunReader, project: str, arm: str) -> None:
    """Log a run into an experiment, once: a run with the same id in the experiment is left as it is.

    The step of a curve is the research minute of the team.

    Args:
        file: The run file.
        project: Name of the experiment.
        arm: Name of its arm.

    Raises:
        TrackerError: MLflow refuses, or cannot be reached.
    """
    try:
        _log(TrackedRun.read(file), project, arm)
    except MlflowException as error:
        raise TrackerError(f"MLflow: {error.message}") from error


def _log(run: TrackedRun, project: str, arm: str) -> None:
    client = MlflowClient()
    experiment = client.get_experiment_by_name(project)
    experiment_id = client.create_experiment(project) if experiment is None else experiment.experiment_id
    if client.search_runs([experiment_id], f"tags.`aarlab.run` = '{run.run_id}'", max_results=1):
        return
    tags = {"aarlab.run": run.run_id, "aarlab.arm": arm, **run.tags}
    logged = client.create_run(experiment_id, run_name=run.run_id, tags=tags).info.run_id
    now = int(time.time() * 1000)
    parameters = [Param(name, str(value)[:_MAX_PARAMETER]) for name, value in run.parameters.items()]
    metrics = [Metric(name, value, now, 0) for name, value in run.metrics.items()]
    metrics += [Metric(name, y, now, round(60 * x)) for name, points in run.curves.items() for x, y in points]
    for start in range(0, max(len(parameters), len(metrics)), _MAX_BATCH):
        part = slice(start, start + _MAX_BATCH)
        client.log_batch(logged, metrics=metrics[part], params=parameters[part])
    for name, table in run.tables.items():
        client.log_text(logged, table.csv(), f"{name}.csv")
    client.set_terminated(logged)
