"""`aarlab ablate`: what did the structure do? Arms x seeds in one folder, gone on with by the same command."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import rich_click as click

from aarlab.cli.options import (
    SandboxMode,
    Status,
    env_file_option,
    exit_on_bad_input,
    handle_sigterm,
    json_option,
    no_cache_option,
    print_json,
    sandbox_option,
    stderr_console,
    stdout_console,
)

if TYPE_CHECKING:
    from aarlab.ablation.execution import AblationState
    from aarlab.ablation.execution_options import ExecutionOptions, Shard
    from aarlab.ablation.scheduler import ExecutionResult


@click.command()
@click.argument("ablation")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    help="Set a field of the ablation, such as `seeds=20`, or of the scenario that its arms have in common, such as "
    "`budget.hours=4`; may be repeated.",
)
@click.option("--out", metavar="DIR", help="Folder of the ablation.  [default: ablations/NAME]")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Runs at a time, each on one core.  [default: all cores, with Ray those of the cluster]",
)
@click.option(
    "--executor",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Who does the runs: processes on this machine, or a Ray cluster, that of RAY_ADDRESS or else one that is "
    "started here.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and what it takes, and do nothing.")
@click.option("--shard", metavar="I/N", help="Do only the I-th of N equal shares of the runs.")
@sandbox_option
@no_cache_option
@env_file_option
@click.option("--quiet", is_flag=True, help="Show no progress.")
@json_option
def ablate(
    ablation: str,
    settings: tuple[str, ...],
    out: str | None,
    jobs: int | None,
    executor: Literal["local", "ray"],
    dry_run: bool,
    shard: str | None,
    sandbox: SandboxMode,
    no_cache: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run every arm of an ablation under every seed.

    ABLATION is a YAML file or the name of a shipped ablation: autonomy, dials, evaluation, diversity, reviewer, models,
    temperament.
    Runs that are done are kept: started again, whatever ended it, the command goes on where it was. Unfinished runs
    begin anew, and come to the same. Several machines can share the work with `--shard`, in one folder or in several
    whose `runs/` are copied together.
    """
    with exit_on_bad_input(as_json=as_json):
        from aarlab.ablation.ablation_file import load_ablation
        from aarlab.ablation.execution import check_executor, read_state
        from aarlab.ablation.execution_options import ExecutionOptions

        check_executor(executor)
        plan = load_ablation(ablation, settings)
        share = _shard(shard)
        root = Path(out or f"ablations/{plan.ablation.name}")
        state = read_state(plan, root, share)
    if dry_run:
        _print_plan(state, jobs or _cores(executor), as_json=as_json)
        return
    handle_sigterm()
    with exit_on_bad_input(as_json=as_json):
        options = ExecutionOptions(jobs, executor, share, sandbox, cache=not no_cache)
        ending = _execute(state, options, quiet=quiet)
    with exit_on_bad_input(as_json=as_json):
        state = read_state(plan, root, share)
    failures = _failures(state)
    payload = _result(state, ending, failures)
    if as_json:
        print_json(payload)
    else:
        _print_result(state, ending, failures, [ablation, *_continue_command(settings, out, jobs, executor, shard)])
    statuses = {"done": Status.FAILED if failures else Status.DONE, "stopped": Status.STOPPED}
    sys.exit(statuses.get(ending.status, Status.FAILED))


def _shard(text: str | None) -> "Shard":
    from aarlab.ablation.execution_options import Shard
    from aarlab.config import ConfigError, Fault

    try:
        return Shard() if text is None else Shard.parse(text)
    except ValueError as error:
        allowed = "I/N with I from 1 to N, such as 1/4"
        raise ConfigError([Fault(f"--shard {text}", None, str(error), allowed)]) from None


def _execute(state: "AblationState", options: "ExecutionOptions", *, quiet: bool) -> "ExecutionResult":
    from rich.console import Console

    from aarlab.ablation.execution import execute_ablation
    from aarlab.ablation.progress_display import AblationDisplay
    from aarlab.ablation.scheduler import ExecutionResult
    from aarlab.ablation.text_output import cost_text, detectable_text
    from aarlab.cli.progress_bar import DelayedProgressBar
    from aarlab.tools.sandbox import SandboxUnavailable

    console = Console(quiet=True) if quiet else stderr_console()
    plan = state.plan
    console.print(f"Detectable difference: {detectable_text(plan)}.", soft_wrap=True)
    if state.forecast.costs_money:
        console.print(f"Estimated cost: {cost_text(state)}.", soft_wrap=True)
    try:
        return execute_ablation(
            plan, state.folder.root, options,
            lambda state, jobs: AblationDisplay(state, console, jobs=jobs).live(), DelayedProgressBar(console),
        )  # fmt: skip
    except KeyboardInterrupt:
        return ExecutionResult("stopped", "stopped by you")
    except SandboxUnavailable as error:
        return ExecutionResult("failed", str(error))


def _failures(state: "AblationState") -> list[dict[str, Any]]:
    """Return the runs that failed, and reason."""
    return [
        {"arm": run.arm, "seed": run.seed, "file": str(state.folder.draft(run)), "error": error}
        for run in state.waiting
        if (error := state.folder.error_of(run)) is not None
    ]


def _result(state: "AblationState", ending: "ExecutionResult", failures: list[dict[str, Any]]) -> dict[str, Any]:
    from aarlab.ablation.text_output import remaining, table_json

    status = "failed" if failures and ending.status == "done" else ending.status
    return {
        "status": status,
        "reason": ending.reason,
        "name": state.plan.ablation.name,
        "folder": str(state.folder.root.resolve()),
        "runs": {
            "planned": len(state.plan.runs),
            "in_this_shard": len(state.runs),
            "done": len(state.done),
            "failed": len(failures),
            "missing_in_folder": remaining(state),
        },
        "arms": table_json(state),
        "failures": failures,
    }


def _print_plan(state: "AblationState", jobs: int | None, *, as_json: bool) -> None:
    from aarlab.ablation.text_output import plan_json, plan_text

    if as_json:
        print_json(plan_json(state, jobs=jobs))
    else:
        stdout_console().print(plan_text(state, jobs=jobs))


def _print_result(
    state: "AblationState", ending: "ExecutionResult", failures: list[dict[str, Any]], continue_command: list[str]
) -> None:
    from rich.text import Text

    from aarlab.ablation.text_output import remaining, table_text
    from aarlab.cli.formatting import printable

    console = stdout_console()
    console.print(table_text(state))
    console.print(Text(f"{len(state.done)} of {len(state.runs)} runs are done, in {state.folder.root}."))
    for failure in failures:
        story = f"{failure['arm']}, seed {failure['seed']} failed: {printable(failure['error'])}"
        console.print(Text(story, style="red"), soft_wrap=True)
    if ending.reason is not None:
        console.print(Text(f"It stopped early: {ending.reason}.", style="yellow"), soft_wrap=True)
    console.print(Text("\nNext", style="bold"))
    if len(state.done) < len(state.runs):
        _print_command(console, ["aarlab", "ablate", *continue_command], "continue")
    elif left := remaining(state):
        console.print(f"  {left} runs of other shards are not in this folder yet: copy their runs/ into it")
    _print_command(console, ["aarlab", "report", str(state.folder.root)], "what came out, with intervals")


def _print_command(console: Any, words: list[str], reason: str) -> None:
    import shlex

    from rich.text import Text

    console.print(Text.assemble(f"  {shlex.join(words)}", (f"  # {reason}", "dim")), crop=False, soft_wrap=True)


def _cores(executor: str) -> int | None:
    """Return how many runs are done at a time where nothing is said; a cluster has to be asked for that."""
    from aarlab.tools.evaluator.world_run import available_cores

    return available_cores() if executor == "local" else None


def _continue_command(
    settings: tuple[str, ...], out: str | None, jobs: int | None, executor: str, shard: str | None
) -> list[str]:
    """Return the options with which the command goes on."""
    words = [word for setting in settings for word in ("--set", setting)]
    elsewhere = None if executor == "local" else executor
    for option, value in (("--out", out), ("--jobs", jobs), ("--executor", elsewhere), ("--shard", shard)):
        words += [option, str(value)] if value is not None else []
    return words
