"""Completion of run files, scenarios, ablations and presets in the shell."""

from collections.abc import Iterable

import rich_click as click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class


class _BashCompletion(BashComplete):
    """Completion for Bash, which takes `structure=sta` for three words and replaces only the last one."""

    _replaced_from = 0
    """Number of characters of the incomplete word that Bash keeps."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the incomplete one, and the incomplete one with what stands before its `=`."""
        words, incomplete = super().get_completion_args()
        before, after = ([*words, incomplete], "") if incomplete == "=" else (words, incomplete)
        if len(before) < 2 or before[-1] != "=":
            return words, incomplete
        start = f"{before[-2]}="
        self._replaced_from = len(start)
        return before[:-2], f"{start}{after}"

    def format_completion(self, item: CompletionItem) -> str:
        """Return the type and the value of a completion without what Bash keeps."""
        return f"{item.type},{item.value[self._replaced_from :]}"


def use_completion() -> None:
    """Make the command line use the completion classes of this module."""
    add_completion_class(_BashCompletion, "bash")


def complete_run(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the ids of runs in ./runs that start with a text, newest first; files if none does."""
    from aarlab.config.run_lookup import DEFAULT_FOLDER, runs_in

    ids = [run.path.stem for run in reversed(runs_in(DEFAULT_FOLDER))]
    return _matching_or_files(incomplete, ids)


def complete_scenario(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the shipped scenarios that start with a text; files if none does."""
    from aarlab.config.scenario_files import shipped_scenarios

    return _matching_or_files(incomplete, shipped_scenarios())


def complete_ablation(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the shipped ablations that start with a text; files if none does."""
    from aarlab.config.scenario_files import shipped_ablations

    return _matching_or_files(incomplete, shipped_ablations())


def complete_preset(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the presets of the structure that start with a text; files if none does."""
    from aarlab.graph.structure.structure import PRESETS

    return _matching_or_files(incomplete, PRESETS)


def complete_setting(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the presets for `structure=`."""
    from aarlab.graph.structure.structure import PRESETS

    return _starting_with(incomplete, (f"structure={preset}" for preset in PRESETS))


def _matching_or_files(incomplete: str, words: Iterable[str]) -> list[CompletionItem]:
    return _starting_with(incomplete, words) or [CompletionItem(incomplete, type="file")]


def _starting_with(incomplete: str, words: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]
