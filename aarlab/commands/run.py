"""`aarlab run`: a team at work, from its briefing to the close."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from aarlab.commands.shared import (
    SandboxMode,
    Status,
    bad_input_explained,
    env_file_option,
    json_option,
    no_cache_option,
    print_json,
    sandbox_option,
    set_option,
    stop_politely,
)
from aarlab.commands.work import carry_out, check_models, new_file, status_of, tell

if TYPE_CHECKING:
    from aarlab.graph.scenario import Scenario


@click.command()
@click.argument("scenario", required=False)
@set_option
@click.option("--seed", metavar="N", help="The same as `--set seed=N`: everything random is derived from it.")
@click.option("--out", metavar="DIR", default="runs", show_default=True, help="Folder for the run file.")
@sandbox_option
@click.option(
    "--strict-structure", is_flag=True, help="Fail where what happened is not what the structure says; see the summary."
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
    strict_structure: bool,
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
    with bad_input_explained(as_json=as_json):
        from aarlab.config.load import load_scenario

        chosen = load_scenario(scenario, [*settings, *([] if seed is None else [f"seed={seed}"])])
    if dry_run:
        _tell_outlook(chosen, as_json=as_json)
        return
    check_models(chosen, as_json=as_json)
    path = new_file(chosen.name, chosen.seed, Path(out), as_json=as_json)
    stop_politely()
    summary = carry_out(_work(chosen, path), chosen, path, sandbox=sandbox, cache=not no_cache, quiet=quiet)
    if as_json:
        print_json(summary)
    elif "digest" in summary:
        tell(summary)
    if strict_structure and (breaches := summary.get("structure_breaches")):
        click.echo("The structure was not kept:\n" + "\n".join(f"  {breach}" for breach in breaches), err=True)
        sys.exit(Status.FAILED)
    sys.exit(status_of(summary))


def _tell_outlook(scenario: "Scenario", *, as_json: bool) -> None:
    from aarlab.display import headline
    from aarlab.outlook import outlook_json, outlook_text
    from aarlab.wording import printable

    if as_json:
        print_json(outlook_json(scenario))
    else:
        click.echo(printable(f"{headline(scenario)}\n{outlook_text(scenario)}"))


def _work(scenario: "Scenario", path: Path) -> "Callable[..., dict[str, Any]]":
    from aarlab.graph.run import run_scenario

    return partial(run_scenario, scenario, path)
