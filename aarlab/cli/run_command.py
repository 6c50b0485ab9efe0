"""`aarlab run`: execute a scenario from the first round to the close."""

import sys
from functools import partial
from pathlib import Path

import rich_click as click
from rich.text import Text

from aarlab.cli.completion import complete_scenario
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
    scheduler_option,
    set_option,
)
from aarlab.cli.output import Status, exit_on_bad_input, print_json, print_note, stdout_console
from aarlab.cli.run_display import scenario_line
from aarlab.cli.run_estimate import estimate_json, estimate_text, warnings_before
from aarlab.cli.run_execution import check_models, execute_run, new_file, print_result, require_gap, status_of
from aarlab.config.scenario_files import load_scenario
from aarlab.graph.flow.context import Scheduler
from aarlab.graph.run.execute import run_scenario
from aarlab.graph.run.inert_settings import inert_settings, inert_text
from aarlab.graph.scenario import Scenario
from aarlab.tools.sandbox import SandboxMode


@click.command()
@click.argument("scenario", required=False, shell_complete=complete_scenario)
@set_option
@click.option("--seed", metavar="N", help="Same as `--set seed=N`. All randomness is derived from it.")
@click.option("--out", metavar="DIR", default="runs", show_default=True, help="Folder for the run file.")
@sandbox_option
@click.option(
    "--fail-on-structure-violation",
    is_flag=True,
    help="Exit with status 1 if the realised structure differs from the configured one; the summary lists how.",
)
@scheduler_option
@no_cache_option
@env_file_option
@allow_base_url_option
@oversight_policy_option
@click.option("--dry-run", is_flag=True, help="Print the estimated cost and exit.")
@log_level_option
@quiet_option
@json_option
def run(
    scenario: str | None,
    settings: tuple[str, ...],
    seed: str | None,
    out: str,
    sandbox: SandboxMode,
    fail_on_structure_violation: bool,
    scheduler: Scheduler,
    no_cache: bool,
    allowed_hosts: tuple[str, ...],
    policies: dict[str, str],
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run a team of researchers and score its best method.

    SCENARIO is a YAML file or the name of a shipped scenario (default: quickstart). Every event is recorded in one
    SQLite file; `aarlab show` reads it. An interrupted run keeps its finished work, and `aarlab resume` continues it.
    """
    with exit_on_bad_input(as_json=as_json):
        chosen = load_scenario(
            scenario, [*settings, *policy_settings(policies), *([] if seed is None else [f"seed={seed}"])]
        )
    for field, reason in inert_settings(chosen).items():
        print_note(f"! {inert_text(field, reason)}")
    for warning in warnings_before([chosen]):
        print_note(f"! {warning}")
    if dry_run:
        _print_estimate(chosen, as_json=as_json)
        return
    check_models(chosen, settings=settings, allowed_hosts=allowed_hosts, as_json=as_json)
    with exit_on_bad_input(as_json=as_json):
        require_gap([chosen.task, *chosen.transfer_tasks])
    path = new_file(chosen.name, chosen.seed, Path(out), as_json=as_json)
    execute = partial(run_scenario, chosen, path)
    with exit_on_bad_input(as_json=as_json):
        summary = execute_run(
            execute, chosen, path, sandbox=sandbox, scheduler=scheduler, cache=not no_cache, quiet=quiet
        )
    print_result(summary, as_json=as_json)
    if fail_on_structure_violation and (violations := summary.get("structure_violations")):
        click.echo("Structure violations:\n" + "\n".join(f"  {violation}" for violation in violations), err=True)
        sys.exit(Status.FAILED)
    sys.exit(status_of(summary))


def _print_estimate(scenario: Scenario, *, as_json: bool) -> None:
    if as_json:
        print_json(estimate_json(scenario))
    else:
        console = stdout_console()
        text = printable(f"{scenario_line(scenario)}\n{estimate_text(scenario)}")
        console.print(Text(text), soft_wrap=not console.is_terminal)
