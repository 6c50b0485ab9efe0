"""`aarlab prompts`: print the prompts and tools of every agent of a scenario."""

import rich_click as click

from aarlab.cli.completion import complete_scenario
from aarlab.cli.options import json_option, set_option
from aarlab.cli.output import exit_on_bad_input, print_json
from aarlab.config.scenario_files import load_scenario
from aarlab.graph.run.prompt_preview import render_prompts


@click.command()
@click.argument("scenario", required=False, shell_complete=complete_scenario)
@set_option
@json_option
def prompts(scenario: str | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Print the prompts and tools of every agent of a scenario.

    SCENARIO is a YAML file or the name of a shipped scenario (default: quickstart). Nothing is executed. Parts that
    only a run determines, such as the findings of a round, appear in angle brackets.
    """
    with exit_on_bad_input(as_json=as_json):
        sections = render_prompts(load_scenario(scenario, settings))
    if as_json:
        print_json({"prompts": sections})
        return
    click.echo("\n\n".join(f"{'=' * 12} {title} {'=' * 12}\n\n{text}" for title, text in sections.items()))
