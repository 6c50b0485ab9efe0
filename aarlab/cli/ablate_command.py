"""`aarlab ablate`: run every arm of an ablation with every seed, in one folder."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import rich_click as click
from rich.console import Console
from rich.text import Text

from aarlab.ablation.ablation_file import load_ablation
from aarlab.ablation.ablation_plan import AblationPlan
from aarlab.ablation.advance_checks import evidence_note, settings_without_effect
from aarlab.ablation.execution import AblationState, check_executor, execute_ablation, read_state
from aarlab.ablation.execution_options import ExecutionOptions, Part, Shard
from aarlab.ablation.progress_display import AblationDisplay
from aarlab.ablation.records import finished_record
from aarlab.ablation.scheduler import ExecutionResult
from aarlab.ablation.text_output import (
    cost_text,
    detectable_text,
    plan_json,
    plan_text,
    remaining,
    table_json,
    table_text,
)
from aarlab.agents.models.registry import UnknownModel, WrongRole, check_role
from aarlab.cli.command_hints import CommandHint, print_hints
from aarlab.cli.completion import complete_ablation
from aarlab.cli.formatting import printable
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
)
from aarlab.cli.output import (
    Status,
    exit_on_bad_input,
    print_json,
    print_note,
    stderr_console,
    stdout_console,
)
from aarlab.cli.progress_bar import DelayedProgressBar
from aarlab.cli.run_estimate import warnings_before
from aarlab.cli.run_execution import confirm_addresses, require_gap
from aarlab.config import ConfigError, Fault
from aarlab.tools.evaluator.world_run import available_cores
from aarlab.tools.sandbox import SandboxMode, SandboxUnavailable


@click.command()
@click.argument("ablation", shell_complete=complete_ablation)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    help="Set a field of the ablation, such as `seeds=20`, or of the scenario of all arms, such as `budget.hours=4`. "
    "Repeatable.",
)
@click.option(
    "--model",
    metavar="NAME",
    help="Base model of the researchers of all arms and of their lead, as provider/model; a live one also answers as "
    "librarian. Short for `--set team.model=NAME`.",
)
@click.option("--out", metavar="DIR", help="Folder for the runs.  [default: ablations/NAME]")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of parallel runs, each on one core.  [default: all cores, with Ray those of the cluster]",
)
@click.option(
    "--executor",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="`local`: processes on this machine. `ray`: the Ray cluster at RAY_ADDRESS, or a new one on this machine.",
)
@click.option(
    "--gpus-per-run",
    type=float,
    metavar="N",
    default=0.0,
    help="With `--executor ray`: GPUs of each run, such as 1, or 0.5 if two runs share one.  [default: none]",
)
@click.option("--dry-run", is_flag=True, help="Print the plan with its estimated time and cost and exit.")
@click.option("--no-sensitivity", is_flag=True, help="Execute only the comparison, without its sensitivity settings.")
@click.option("--only-sensitivity", is_flag=True, help="Execute only the sensitivity settings.")
@click.option(
    "--seeds-from",
    type=click.IntRange(min=0),
    metavar="SEED",
    help="First seed, such as 1001: fresh seeds confirm a result that was selected from other runs. The default folder "
    "is then ablations/NAME-from-SEED.",
)
@click.option("--shard", metavar="I/N", help="Execute only the I-th of N equal shares of the runs.")
@sandbox_option
@no_cache_option
@env_file_option
@allow_base_url_option
@oversight_policy_option
@log_level_option
@quiet_option
@json_option
def ablate(
    ablation: str,
    settings: tuple[str, ...],
    model: str | None,
    out: str | None,
    jobs: int | None,
    executor: Literal["local", "ray"],
    gpus_per_run: float,
    dry_run: bool,
    no_sensitivity: bool,
    only_sensitivity: bool,
    seeds_from: int | None,
    shard: str | None,
    sandbox: SandboxMode,
    no_cache: bool,
    allowed_hosts: tuple[str, ...],
    policies: dict[str, str],
    quiet: bool,
    as_json: bool,
) -> None:
    """Run every arm of an ablation with every seed.

    ABLATION is a YAML file or the name of a shipped ablation: autonomy, architectures, architectures_equal_calls,
    dials, evaluation, diversity, reviewer, models, pilot_price, rugged, hacking, regeneration, oversight, or a
    published design, studies/NAME (`aarlab studies` lists them). Finished runs are kept: the same command continues an
    interrupted ablation and resumes unfinished runs, with the same results. With `--shard` several machines share the
    runs, in one folder or in several; if in several, copy the files of all `runs/` into one folder afterwards.
    """
    settings = (*settings, *policy_settings(policies))
    with exit_on_bad_input(as_json=as_json):
        share = _shard(shard)
        options = _options(
            jobs=jobs, executor=executor, gpus_per_run=gpus_per_run, shard=share, sandbox=sandbox, cache=not no_cache
        )
        check_executor(options)
        if seeds_from is not None:
            settings = (*settings, f"seeds_from={seeds_from}")
        if model is not None:
            settings = (*_model_settings(model), *settings)
        plan = load_ablation(ablation, settings)
        part = _part(plan, no_sensitivity=no_sensitivity, only_sensitivity=only_sensitivity)
        root = Path(out or f"ablations/{plan.folder_name}")
        with stderr_console().status("verifying finished runs"):
            state = read_state(plan, root, share, part)
    for warning in warnings_before({run.arm: run.scenario for run in state.waiting}.values()):
        print_note(f"! {warning}")
    if dry_run:
        _print_plan(state, jobs or _cores(executor), as_json=as_json)
        return
    uses = [(run.scenario.live, name) for run in state.waiting for name in run.scenario.models_used]
    confirm_addresses(uses, settings, allowed_hosts, as_json=as_json)
    options = replace(options, part=part)
    with exit_on_bad_input(as_json=as_json):
        require_gap({run.scenario.task.model_dump_json(): run.scenario.task for run in state.waiting}.values())
        result = _execute(state, options, quiet=quiet)
    with exit_on_bad_input(as_json=as_json):
        state = read_state(plan, root, share, part)
    failures = _failures(state)
    payload = _result_json(state, result, failures)
    if as_json:
        print_json(payload)
    else:
        flags = ["--no-sensitivity"] * no_sensitivity + ["--only-sensitivity"] * only_sensitivity
        repeated = [ablation, *_repeated_options(settings, out, options, shard), *flags]
        _print_result(state, result, failures, repeated)
    done = Status.FAILED if failures else Status.DONE
    statuses = {"done": done, "stopped": Status.STOPPED, "disk full": Status.STOPPED, "failed": Status.FAILED}
    sys.exit(statuses[result.status])


def _model_settings(model: str) -> tuple[str, ...]:
    """Return the settings of `--model`. Some models, such as simulated researchers, cannot be librarians."""
    try:
        check_role(model, "librarian")
    except (UnknownModel, WrongRole):
        return (f"team.model={model}",)
    return (f"team.model={model}", f"team.librarian={model}")


def _options(*, gpus_per_run: float, **others: Any) -> ExecutionOptions:
    """Return the options of the execution. Raises ConfigError for a number of GPUs that no run can have."""
    try:
        return ExecutionOptions(gpus_per_run=gpus_per_run, **others)
    except ValueError as error:
        raise ConfigError([Fault("--gpus-per-run", None, str(error), "1, or a share such as 0.5")]) from None


def _shard(text: str | None) -> Shard:
    try:
        return Shard() if text is None else Shard.parse(text)
    except ValueError as error:
        expected = "I/N with I from 1 to N, such as 1/4"
        raise ConfigError([Fault(f"--shard {text}", None, str(error), expected)]) from None


def _part(plan: AblationPlan, *, no_sensitivity: bool, only_sensitivity: bool) -> Part:
    """Return which runs to execute. Raises ConfigError."""
    if only_sensitivity and (no_sensitivity or not plan.settings):
        problem = "it contradicts --no-sensitivity" if no_sensitivity else "the ablation has no `sensitivity`"
        raise ConfigError([Fault("--only-sensitivity", None, problem, "an ablation with `sensitivity`, or no option")])
    return "sensitivity" if only_sensitivity else "comparison" if no_sensitivity else "all"


def _execute(state: AblationState, options: ExecutionOptions, *, quiet: bool) -> ExecutionResult:
    console = Console(quiet=True) if quiet else stderr_console()
    plan = state.plan
    for sentence in [*settings_without_effect(plan), *filter(None, [evidence_note(plan)])]:
        console.print(Text(f"! {printable(sentence)}", style="yellow"), soft_wrap=not console.is_terminal)
    console.print(f"Detectable difference: {detectable_text(plan)}.", soft_wrap=not console.is_terminal)
    if state.forecast.costs_money:
        console.print(f"Estimated cost: {cost_text(state)}.", soft_wrap=not console.is_terminal)
    try:
        return execute_ablation(
            plan, state.folder.root, options,
            lambda state, jobs: AblationDisplay(state, console, jobs=jobs).live(), DelayedProgressBar(console),
        )  # fmt: skip
    except KeyboardInterrupt:
        return ExecutionResult("stopped", "interrupted by the user")
    except SandboxUnavailable as error:
        return ExecutionResult("failed", str(error))


def _failures(state: AblationState) -> list[dict[str, Any]]:
    """Return the runs that failed and their errors."""
    return [
        {
            "arm": run.arm,
            "task": run.task,
            "setting": run.setting,
            "seed": run.seed,
            "run": run.title,
            "file": str(state.folder.draft(run)),
            "error": error,
        }
        for run in state.waiting
        if (error := state.folder.error_of(run)) is not None
    ]


def _result_json(state: AblationState, result: ExecutionResult, failures: list[dict[str, Any]]) -> dict[str, Any]:
    shown = {"disk full": "stopped", "done": "failed" if failures else "done"}
    status = shown.get(result.status, result.status)
    return {
        "status": status,
        "reason": result.reason,
        "name": state.plan.ablation.name,
        "folder": str(state.folder.root.resolve()),
        "runs": {
            "planned": len(state.plan.runs) + len(state.plan.sensitivity_runs),
            "in_this_shard": len(state.runs),
            "done": len(state.done),
            "failed": len(failures),
            "missing_in_folder": remaining(state),
        },
        "arms": table_json(state),
        "warnings": _warnings(state),
        "failures": failures,
    }


def _warnings(state: AblationState) -> list[str]:
    """Return the report's warnings on the finished runs of the comparison."""
    # The import takes longer than the rest of the command.
    from aarlab.report.arm_runs import arms_in
    from aarlab.report.mechanism import warnings

    order = {arm.name: number for number, arm in enumerate(state.plan.arms)}
    runs = sorted((run for run in state.runs if run.stem in state.done and not run.setting), key=lambda r: order[r.arm])
    return warnings(arms_in([finished_record(run, state.done[run.stem], state.folder) for run in runs]))


def _print_plan(state: AblationState, jobs: int | None, *, as_json: bool) -> None:
    if as_json:
        print_json(plan_json(state, jobs=jobs))
    else:
        stdout_console().print(plan_text(state, jobs=jobs))


def _print_result(
    state: AblationState, result: ExecutionResult, failures: list[dict[str, Any]], continue_arguments: list[str]
) -> None:
    console = stdout_console()
    if any(not run.setting for run in state.runs):
        console.print(table_text(state))
    for warning in _warnings(state):
        console.print(Text(f"! {printable(warning)}", style="yellow"))
    console.print(Text(f"{len(state.done)} of {len(state.runs)} runs are finished, in {state.folder.root}."))
    for failure in failures:
        line = f"{failure['run']} failed: {printable(failure['error'])}"
        console.print(Text(line, style="red"), soft_wrap=not console.is_terminal)
    if result.reason is not None:
        console.print(Text(f"Stopped early: {result.reason}.", style="yellow"), soft_wrap=not console.is_terminal)
    console.print(Text("\nNext", style="bold"))
    if len(state.done) < len(state.runs):
        print_hints(console, CommandHint(("aarlab", "ablate", *continue_arguments), "continue"))
    elif missing := remaining(state, state.part):
        console.print(
            f"  {missing} runs of other shards are missing: execute them, or copy their runs/ into this folder",
            highlight=False,
        )
    report = CommandHint(("aarlab", "report", str(state.folder.root)), "results with confidence intervals")
    print_hints(console, report)


def _cores(executor: str) -> int | None:
    """Return the default number of parallel runs; None for a cluster, because its size is not known yet."""
    return available_cores() if executor == "local" else None


def _repeated_options(
    settings: tuple[str, ...], out: str | None, options: ExecutionOptions, shard: str | None
) -> list[str]:
    """Return the options of the command that continues the ablation."""
    words = [word for setting in settings for word in ("--set", setting)]
    remote, gpus = None if options.executor == "local" else options.executor, options.gpus_per_run or None
    for option, value in (
        ("--out", out), ("--jobs", options.jobs), ("--executor", remote), ("--gpus-per-run", gpus), ("--shard", shard)
    ):  # fmt: skip
        words += [option, str(value)] if value is not None else []
    return words
