"""The prompts of every preset, word for word: a change to one is a change to every experiment, and is to be seen.

Where a change is meant, write the snapshots anew with `python tests/graph/test_prompt_snapshots.py` and read the
difference.
"""

from pathlib import Path

import pytest

from aarlab.graph.flow.researcher_setup import catalogue, starters
from aarlab.graph.run.prompt_preview import render_prompts
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.structure import PRESETS

FOLDER = Path(__file__).parent / "prompts"


def prompts_of(preset: str) -> str:
    """Return the prompts of a preset; the toolkit's catalogue and the shipped methods have tests of their own."""
    scenario = Scenario.model_validate({"structure": preset})
    text = "\n\n".join(f"=== {title} ===\n\n{said}" for title, said in render_prompts(scenario).items())
    methods = starters()
    elided = {
        catalogue(): "[the catalogue]",
        ", ".join(f"`{path}`" for path in methods): "[the shipped methods]",
        methods["baselines/vanilla_soft.py"].strip(): "[an example]",
    }
    for part, name in elided.items():
        text = text.replace(part, name)
    return text + "\n"


@pytest.mark.parametrize("preset", PRESETS)
def test_the_prompts_of_a_preset_are_what_they_were(preset: str) -> None:
    assert prompts_of(preset) == (FOLDER / f"{preset}.txt").read_text(encoding="utf-8")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in PRESETS:
        (FOLDER / f"{name}.txt").write_text(prompts_of(name), encoding="utf-8")
