"""Log a run to Weights & Biases, online or, with WANDB_MODE=offline, into a folder that `wandb sync` uploads."""

import os

from aarlab.export.formats import TrackerError
from aarlab.export.tracked_run import TrackedRun
from aarlab.memory.run_reader import RunReader

# aarlab sends nothing that it was not asked to send. wandb reads this when it is imported.
os.environ.setdefault("WANDB_ERROR_REPORTING", "false")

import wandb


def log_run(file: RunReader, project: str, arm: str) -> None:
    """Log a run into a project; logging it again replaces it. Curves have the research hours of the team as x.

    Args:
        file: The run file.
        project: Name of the project.
        arm: Name of its arm, which is its group.

    Raises:
        TrackerError: There is no key, or the service refuses or cannot be reached.
    """
    # Without a key, wandb would ask for one at the terminal.
    if os.environ.get("WANDB_MODE", "online") == "online" and not wandb.login(prompt=False):
        raise TrackerError("there is no key of Weights & Biases: use `wandb login`, or WANDB_MODE=offline")
    run = TrackedRun.read(file)
    # Of the machine and of the code in this folder, nothing is recorded.
    settings = wandb.Settings(
        silent=True, console="off", disable_git=True, disable_code=True, x_disable_stats=True, x_disable_meta=True
    )
    config = {**run.tags, **run.parameters}
    try:
        with wandb.init(
            project=project, group=arm, name=run.run_id, id=run.run_id, resume="allow", config=config, settings=settings
        ) as logged:
            for name, points in run.curves.items():
                logged.define_metric(name, step_metric="research_hours")
                for hours, value in points:
                    logged.log({"research_hours": hours, name: value})
            for name, table in run.tables.items():
                logged.log({name: wandb.Table(columns=list(table.columns), data=[list(row) for row in table.rows])})
            logged.summary.update(run.metrics)
    except wandb.Error as error:
        raise TrackerError(f"Weights & Biases: {error}") from error
