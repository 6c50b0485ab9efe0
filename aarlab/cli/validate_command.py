"""`aarlab validate`: check a scenario or an ablation and print all its fields."""

import shlex
from collections.abc import Sequence

import rich_click as click
from rich.syntax import Syntax
from rich.text import Text

from aarlab.ablation.ablation_file import is_ablation, load_ablation
from aarlab.ablation.advance_checks import settings_without_effect
from aarlab.cli.formatting import counted, printable
from aarlab.cli.options import json_option, set_option
from aarlab.cli.output import exit_on_bad_input, print_json, stdout_console
from aarlab.config import ConfigError, Fault
from aarlab.config.document import yaml_text
from aarlab.config.field_text import explained_fields
from aarlab.config.scenario_files import load_scenario
from aarlab.graph.run.inert_settings import inert_settings, inert_text


@click.command()
@click.argument("file", required=False)
@set_option
@click.option("--explain", is_flag=True, help="Explain every field of a scenario, and every value of a dial.")
@json_option
def validate(file: str | None, settings: tuple[str, ...], explain: bool, as_json: bool) -> None:
    """Check a scenario or an ablation and print all its fields.

    FILE is a YAML file, or the name of a shipped scenario (default: quickstart) or ablation. Nothing is executed.
    """
    with exit_on_bad_input(as_json=as_json):
        if file is not None and is_ablation(file):
            if explain:
                fix = "aarlab validate --explain; docs/ablations.md explains the fields of an ablation"
                raise ConfigError([Fault("--explain", None, f"{file} is an ablation", "a scenario", fix)])
            _validate_ablation(file, settings, as_json=as_json)
        else:
            _validate_scenario(file, settings, explain=explain, as_json=as_json)


def _validate_scenario(file: str | None, settings: Sequence[str], *, explain: bool, as_json: bool) -> None:
    scenario = load_scenario(file, settings)
    fields = scenario.model_dump(mode="json")
    notes = [inert_text(path, reason) for path, reason in inert_settings(scenario).items()]
    if as_json:
        print_json({"status": "valid", "scenario": fields, "without_effect": notes})
        return
    _print_yaml(explained_fields(scenario) if explain else yaml_text(fields))
    console = stdout_console()
    console.print(
        f"Valid: {counted(scenario.team.researchers, 'researcher')} on {scenario.task.name}, "
        f"{scenario.budget.hours:g} research hours each in {counted(scenario.rounds, 'round')}."
        + ("" if explain else " Explain every field: add --explain."),
        soft_wrap=not console.is_terminal,
    )
    _print_notes(notes)


def _validate_ablation(file: str, settings: Sequence[str], *, as_json: bool) -> None:
    plan = load_ablation(file, settings)
    fields = plan.ablation.model_dump(mode="json")
    arms = {arm.name: arm.scenario.model_dump(mode="json", exclude={"name", "seed"}) for arm in plan.arms}
    notes = settings_without_effect(plan)
    if as_json:
        print_json({"status": "valid", "ablation": fields, "arms": arms, "without_effect": notes})
        return
    _print_yaml(yaml_text(fields))
    console = stdout_console()
    console.print(
        f"Valid: {counted(len(plan.arms), 'arm')}, {counted(len(plan.runs), 'run')}. "
        f"Show the settings of each arm: aarlab ablate {shlex.quote(file)} --dry-run",
        soft_wrap=not console.is_terminal,
    )
    _print_notes(notes)


def _print_notes(notes: Sequence[str]) -> None:
    console = stdout_console()
    for note in notes:
        console.print(Text(f"! {printable(note)}", style="yellow"), soft_wrap=not console.is_terminal)


def _print_yaml(text: str) -> None:
    stdout_console().print(Syntax(text, "yaml", theme="ansi_dark", background_color="default"))
