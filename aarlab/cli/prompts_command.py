"""`aarlab prompts`: what the agents of a scenario are told, word for word."""

import rich_click as click

from aarlab.cli.options import exit_on_bad_input, json_option, print_json, set_option


@click.command()
@click.argument("scenario", required=False)
@set_option
@json_option
def prompts(scenario: str | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Print the prompts of a scenario as the agents are shown them, and the tools that go with them.

    SCENARIO is a YAML file or the name of a shipped scenario (default: quickstart). Nothing is run. What only a run can
    fill in (the cases that a reviewer is shown, the news of a round) stands in angle brackets.
    """
    with exit_on_bad_input(as_json=as_json):
        from aarlab.config.scenario_files import load_scenario

        chosen = load_scenario(scenario, settings)
    from aarlab.graph.run.prompt_preview import render_prompts

    sections = render_prompts(chosen)
    if as_json:
        print_json({"prompts": sections})
        return
    click.echo("\n\n".join(f"{'=' * 12} {title} {'=' * 12}\n\n{text}" for title, text in sections.items()))
