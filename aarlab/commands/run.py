"""`aarlab run`: a team at work, from its briefing to the close."""

import sys
import traceback
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
    refuse,
    sandbox_option,
    set_option,
    stderr_console,
    stdout_console,
    stop_politely,
)

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
    quiet: bool,
    as_json: bool,
) -> None:
    """Let a team of researchers work, and score what it found.

    SCENARIO is a YAML file or the name of a shipped scenario (default: quickstart). Everything that happens is
    recorded in one SQLite file, which `aarlab show` reads. Interrupted, a run keeps all that was done.
    """
    with bad_input_explained(as_json=as_json):
        from aarlab.config import load_scenario

        chosen = load_scenario(scenario, [*settings, *([] if seed is None else [f"seed={seed}"])])
    _check_models(chosen, as_json=as_json)
    path = _new_file(chosen, Path(out), as_json=as_json)
    stop_politely()
    summary = {"status": "done", **_run(chosen, path, sandbox=sandbox, cache=not no_cache, quiet=quiet)}
    if as_json:
        print_json(summary)
    elif "digest" in summary:
        _tell(summary)
    if strict_structure and (breaches := summary.get("structure_breaches")):
        click.echo("The structure was not kept:\n" + "\n".join(f"  {breach}" for breach in breaches), err=True)
        sys.exit(Status.FAILED)
    sys.exit({"done": Status.DONE, "stopped": Status.STOPPED}.get(summary["status"], Status.FAILED))


def _check_models(scenario: "Scenario", *, as_json: bool) -> None:
    """Refuse base models that lack what they need, and say where those go that do not go to their provider."""
    from aarlab.config import Fault
    from aarlab.wording import printable, without_password

    models = [scenario.live.model(name) for name in scenario.models_used]
    lacking = [(model.name, missing) for model in models if (missing := model.missing()) is not None]
    if lacking:
        refuse([Fault(name, None, missing, None) for name, missing in lacking], as_json=as_json)
    for model in models:
        if model.address is not None:
            click.echo(printable(f"{model.name} is asked at {without_password(model.address)}"), err=True)


def _new_file(scenario: "Scenario", folder: Path, *, as_json: bool) -> Path:
    """Return where the run goes, in a folder that is there."""
    from aarlab.config import Fault
    from aarlab.runs import new_run_path

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = f"a place where no folder can be made ({error.strerror or error})"
        refuse([Fault(f"--out {folder}", None, found, "a folder that can be written to")], as_json=as_json)
    return new_run_path(folder, scenario.name, scenario.seed).resolve()


def _run(scenario: "Scenario", path: Path, *, sandbox: SandboxMode, cache: bool, quiet: bool) -> dict[str, Any]:
    """Run to the end, and return the summary, or what can be said instead."""
    from aarlab.agents.models.base import ModelError
    from aarlab.display import open_display
    from aarlab.graph.run import run_scenario
    from aarlab.tools.sandbox import SandboxUnavailable

    stub = {"run_id": path.stem, "file": str(path)}
    try:
        if quiet:
            return run_scenario(scenario, path, sandbox=sandbox, cache=cache)
        with open_display(scenario, stderr_console()) as display:
            return run_scenario(
                scenario, path, listeners=[display.see], progress=display.progress, sandbox=sandbox, cache=cache
            )
    except KeyboardInterrupt:
        _say_what_is_left("Stopped.", path)
        return {**stub, "status": "stopped"}
    except Exception as error:
        if not isinstance(error, SandboxUnavailable | ModelError):
            traceback.print_exc()
        _say_what_is_left(f"The run failed: {error}", path)
        return {**stub, "status": "failed", "error": f"{type(error).__name__}: {error}"}


def _say_what_is_left(story: str, path: Path) -> None:
    kept = f"What was done is kept: aarlab show {path}" if path.exists() else "Nothing had been done yet."
    click.echo(f"{story}\n{kept}", err=True)


def _tell(summary: dict[str, Any]) -> None:
    from rich.markup import escape

    from aarlab.memory.runfile import RunFile
    from aarlab.summary import summary_text

    console = stdout_console()
    for limit in summary["limits_reached"]:
        console.print(f"[bold yellow]Stopped early:[/] {escape(limit)}.")
    console.print()
    with RunFile.read(Path(summary["file"])) as file:
        console.print(summary_text(summary, file), crop=False)
