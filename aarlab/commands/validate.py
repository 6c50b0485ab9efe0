"""`aarlab validate`: what a scenario comes to, without running it."""

import math

import rich_click as click

from aarlab.commands.shared import bad_input_explained, json_option, print_json, set_option, stdout_console


@click.command()
@click.argument("scenario", required=False)
@set_option
@json_option
def validate(scenario: str | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Check a scenario and print it with every field filled in.

    SCENARIO is a YAML file or the name of a shipped scenario (default: quickstart).
    """
    with bad_input_explained(as_json=as_json):
        from aarlab.config import load_scenario

        resolved = load_scenario(scenario, settings)
    fields = resolved.model_dump(mode="json")
    if as_json:
        print_json({"status": "valid", "scenario": fields})
        return
    from rich.syntax import Syntax

    from aarlab.config.document import yaml_text

    console = stdout_console()
    console.print(Syntax(yaml_text(fields), "yaml", theme="ansi_dark", background_color="default"))
    rounds = math.ceil(resolved.budget.hours / resolved.budget.round_hours)
    console.print(
        f"Valid: {resolved.team.researchers} researchers on {resolved.task.name}, "
        f"{resolved.budget.hours:g} research hours each in {rounds} rounds."
    )
