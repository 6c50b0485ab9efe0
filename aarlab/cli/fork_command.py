"""`aarlab fork`: continue a run from one of its rounds under other settings."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import rich_click as click

from aarlab.cli.completion import complete_run
from aarlab.cli.formatting import pgr_text
from aarlab.cli.log_output import log_level_option
from aarlab.cli.options import (
    allow_base_url_option,
    env_file_option,
    json_option,
    no_cache_option,
    oversight_policy_option,
    policy_settings,
    quiet_option,
    sandbox_option,
    scheduler_option,
    set_option,
)
from aarlab.cli.output import Status, exit_on_bad_input, print_json, stdout_console
from aarlab.cli.run_execution import (
    check_models,
    execute_run,
    load_recorded_run,
    new_file,
    note_other_sandbox,
    print_summary,
    status_of,
    task_file_option,
)
from aarlab.cli.tables import data_table, name_column, number_column
from aarlab.config import ConfigError, Fault
from aarlab.config.forked_scenario import forked_scenario
from aarlab.graph.flow.context import Scheduler
from aarlab.graph.run.fork import fork_run
from aarlab.memory.message_edit import InvalidEdit, MessageEdit
from aarlab.memory.run_reader import RunReader
from aarlab.tools.sandbox import SandboxMode


@click.command()
@click.argument("run", shell_complete=complete_run)
@click.option("--round", type=click.IntRange(min=1), metavar="ROUND", help="First round under the new settings.")
@click.option(
    "--edit", nargs=2, metavar="AGENT:STEP TEXT",
    help="Fork at a message to a researcher, or a reply of it, with TEXT in place of its text; its tool calls stay. "
    "STEP is its position, such as r3:41, as `aarlab show --agent r3` and `aarlab view` show it.",
)  # fmt: skip
@set_option
@click.option("--model", metavar="NAME", help="Base model from that round on, for all researchers or for `--agent`.")
@click.option("--agent", metavar="A", help="Researcher that uses `--model`, such as r3.")
@click.option(
    "--seeds", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
    help="Number of forks. The first has the seed of the run, the others the seeds after it.",
)  # fmt: skip
@click.option("--out", metavar="DIR", default="runs", show_default=True, help="Folder for the run files.")
@sandbox_option
@task_file_option
@scheduler_option
@no_cache_option
@env_file_option
@allow_base_url_option
@oversight_policy_option
@log_level_option
@quiet_option
@json_option
def fork(
    run: str,
    round: int | None,
    edit: tuple[str, str] | None,
    settings: tuple[str, ...],
    model: str | None,
    agent: str | None,
    seeds: int,
    out: str,
    sandbox: SandboxMode,
    scheduler: Scheduler,
    no_cache: bool,
    allowed_hosts: tuple[str, ...],
    policies: dict[str, str],
    quiet: bool,
    as_json: bool,
) -> None:
    """Continue a run from one of its rounds under other settings.

    RUN is a run file, a folder (its newest run) or the id of a run in ./runs. Up to the start of round `--round` the
    new run repeats RUN from its recording, at no cost. From that round on it uses the new settings. Without settings
    it repeats the run; with `--seeds` the forks show the variation due to chance. With `--edit`, the new run has
    everything that was recorded before a message, then the edited message, and continues from there under the settings
    of RUN. RUN is not changed, and the new file records it as its parent.
    """
    settings = (*settings, *policy_settings(policies))
    with exit_on_bad_input(as_json=as_json):
        path, info, parent_scenario = load_recorded_run(run, models_needed=False)
        if agent is not None and model is None:
            raise ConfigError([Fault(f"--agent {agent}", None, "--agent without --model", "--agent A --model NAME")])
        change = _edit_of(path, edit, round, [*settings, *([model] if model else [])])
        at = change.entry.round if change else cast("int", round)
        models = [] if model is None else [f"team.model={model}" if agent is None else f"team.models.{agent}={model}"]
        scenarios = [
            forked_scenario(path, at, [*settings, *models], parent_scenario.seed + offset) for offset in range(seeds)
        ]
    check_models(scenarios[0], settings=settings, allowed_hosts=allowed_hosts, as_json=as_json)
    note_other_sandbox(info, sandbox)
    summaries: list[dict[str, Any]] = []
    for scenario in scenarios:
        target = new_file(f"{scenario.name}-at{at}", scenario.seed, Path(out), as_json=as_json)
        execute = partial(fork_run, path, target, scenario, at=at, edit=change)
        with exit_on_bad_input(as_json=as_json):
            summary = execute_run(
                execute, scenario, target, sandbox=sandbox, scheduler=scheduler, cache=not no_cache, quiet=quiet
            )
        summaries.append(summary)
        if status_of(summary) is not Status.DONE:
            break
    if as_json:
        print_json({"parent": str(path.resolve()), "round": at, "forks": summaries})
    elif seeds == 1 and "digest" in summaries[0]:
        print_summary(summaries[0])
    elif seeds > 1:
        _print_forks(path, info.summary, summaries, scenarios[0].task.score_name)
    sys.exit(max(status_of(summary) for summary in summaries))


def _edit_of(
    path: Path, edit: tuple[str, str] | None, round: int | None, settings: Sequence[str]
) -> MessageEdit | None:
    """Return the edited message of `--edit`; None without it. Raises ConfigError if it is not possible."""
    if edit is None:
        if round is None:
            fault = Fault("fork", None, "no place to fork the run", "a round or a message", "--round ROUND, or --edit")
            raise ConfigError([fault])
        return None
    place, text = edit
    if round is not None:
        raise ConfigError([Fault(f"--round {round}", None, "the message has its round", "--edit without --round")])
    if settings:
        problem = "the messages of this round belong to the settings of the run, so both cannot change at once"
        fix = "fork with --edit, then fork the new run with the settings at a later round"
        raise ConfigError([Fault(f"--edit {place}", None, problem, "--edit without --set, --model and --agent", fix)])
    agent, _, step = place.rpartition(":")
    if not (agent and step.isdecimal()):
        raise ConfigError([Fault(f"--edit {place}", None, "it names no message", "AGENT:STEP, such as r3:41")])
    try:
        with RunReader.open(path) as file:
            return MessageEdit.of(file, agent, int(step), text)
    except InvalidEdit as error:
        raise ConfigError([Fault(f"--edit {place}", None, str(error), error.expected)]) from None


def _print_forks(parent: Path, parent_summary: Any, summaries: list[dict[str, Any]], score_name: str) -> None:
    measures = (f"held-out {score_name}", "autonomy", "entropy (bits)")
    table = data_table(name_column("run"), *(number_column(measure) for measure in measures))
    rows = [(parent.stem, parent_summary), *((summary["run_id"], summary) for summary in summaries)]
    for name, summary in rows:
        if isinstance(summary, dict) and "digest" in summary:
            heldout = summary["heldout"] or {}
            values = [pgr_text(summary[measure]) for measure in ("realised_autonomy", "entropy_bits")]
            table.add_row(name, pgr_text(heldout.get("pgr"), heldout.get("se")), *values)
        else:
            table.add_row(name, "not finished", "", "")
    stdout_console().print(table)
