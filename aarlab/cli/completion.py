"""Completion of run files, scenarios, ablations and presets in the shell."""

from collections.abc import Iterable

import rich_click as click
from click.shell_completion import CompletionItem


def complete_run(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the ids of runs in ./runs that start with a text, newest first; files if none does."""
    from aarlab.config.run_lookup import DEFAULT_FOLDER, runs_in

    ids = [run.path.stem for run in reversed(runs_in(DEFAULT_FOLDER))]
    return _starting_with(incomplete, ids) or [CompletionItem(incomplete, type="file")]


def complete_scenario(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the shipped scenarios that start with a text; files if none does."""
    from aarlab.config.scenario_files import shipped_scenarios

    return _starting_with(incomplete, shipped_scenarios()) or [CompletionItem(incomplete, type="file")]


def complete_ablation(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the shipped ablations that start with a text; files if none does."""
    from aarlab.config.scenario_files import shipped_ablations

    return _starting_with(incomplete, shipped_ablations()) or [CompletionItem(incomplete, type="file")]


def complete_preset(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the presets of the structure that start with a text; files if none does."""
    from aarlab.graph.structure.structure import PRESETS

    return _starting_with(incomplete, PRESETS) or [CompletionItem(incomplete, type="file")]


def complete_setting(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the presets for `structure=`."""
    from aarlab.graph.structure.structure import PRESETS

    return _starting_with(incomplete, (f"structure={preset}" for preset in PRESETS))


def _starting_with(incomplete: str, words: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]
