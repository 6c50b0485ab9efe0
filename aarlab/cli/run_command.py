"""`aarlab run`: a team at work, from its briefing to the close."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    set_option,
)
from aarlab.cli.run_common import check_models, execute_run, new_file, print_summary, status_of

if TYPE_CHECKING:
    from aarlab.graph.scenario import Scenario


@click.command()
@click.argument("scenario", required=False)
@set_option
@click.option("--seed", metavar="N", help="The same as `--set seed=N`: everything random is derived from it.")
@click.option("--out", metavar="DIR", default="runs", show_default=True, help="Folder for the run file.")
@sandbox_option
@click.option(
    "--fail-on-structure-violation",
    is_flag=True,
    help="Fail where what happened is not what the structure says; see the summary.",
)
@no_cache_option
@env_file_option
@click.option("--dry-run", is_flag=True, help="Say what it would about cost, and do nothing.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
@json_option
def run(
    scenario: str | None,
    settings: tuple[str, ...],
    seed: str | None,
    out: str,
    sandbox: SandboxMode,
    fail_on_structure_violation: bool,
    no_cache: bool,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Let a team of researchers work, and score what it found.

    SCENARIO is a YAML file or the name of a shipped scenario (default: quickstart). Everything that happens is
    recorded in one SQLite file, which `aarlab show` reads. Interrupted, a run keeps all that was done, and
    `aarlab resume` goes on with it.
    """
    with exit_on_bad_input(as_json=as_json):
        from aarlab.config.scenario_files import load_scenario

        chosen = load_scenario(scenario, [*settings, *([] if seed is None else [f"seed={seed}"])])
    if dry_run:
        _print_estimate(chosen, as_json=as_json)
        return
    check_models(chosen, as_json=as_json)
    path = new_file(chosen.name, chosen.seed, Path(out), as_json=as_json)
    handle_sigterm()
    summary = execute_run(_work(chosen, path), chosen, path, sandbox=sandbox, cache=not no_cache, quiet=quiet)
    if as_json:
        print_json(summary)
    elif "digest" in summary:
        print_summary(summary)
    if fail_on_structure_violation and (violations := summary.get("structure_violations")):
        click.echo("The structure was not kept:\n" + "\n".join(f"  {violation}" for violation in violations), err=True)
        sys.exit(Status.FAILED)
    sys.exit(status_of(summary))


def _print_estimate(scenario: "Scenario", *, as_json: bool) -> None:
    from aarlab.cli.formatting import printable
    from aarlab.cli.run_display import scenario_line
    from aarlab.cli.run_estimate import estimate_json, estimate_text

    if as_json:
        print_json(estimate_json(scenario))
    else:
        click.echo(printable(f"{scenario_line(scenario)}\n{estimate_text(scenario)}"))


def _work(scenario: "Scenario", path: Path) -> "Callable[..., dict[str, Any]]":
    from aarlab.graph.run.execute import run_scenario

    return partial(run_scenario, scenario, path)
