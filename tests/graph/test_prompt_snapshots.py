"""Snapshots of the prompts of every preset, because a changed prompt changes every experiment.

After an intended change, run `python tests/graph/test_prompt_snapshots.py` and read the difference.
"""

from pathlib import Path

import pytest

from aarlab.graph.flow.researcher_setup import catalogue
from aarlab.graph.run.prompt_preview import render_prompts
from aarlab.graph.scenario import Scenario
from aarlab.graph.structure.structure import PRESETS
from aarlab.scenarios import baselines

FOLDER = Path(__file__).parent / "prompts"


def prompts_of(preset: str) -> str:
    """Return the prompts of a preset, without the toolkit's catalogue and the example, which have their own tests."""
    scenario = Scenario.model_validate({"structure": preset})
    text = "\n\n".join(f"=== {title} ===\n\n{prompt}" for title, prompt in render_prompts(scenario).items())
    elided = {
        catalogue(scenario): "[the catalogue]",
        baselines.load()["vanilla_soft"].code.strip(): "[an example]",
    }
    for part, name in elided.items():
        text = text.replace(part, name)
    return text + "\n"


@pytest.mark.parametrize("preset", PRESETS)
def test_prompts_equal_the_snapshot(preset: str) -> None:
    assert prompts_of(preset) == (FOLDER / f"{preset}.txt").read_text(encoding="utf-8")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in PRESETS:
        (FOLDER / f"{name}.txt").write_text(prompts_of(name), encoding="utf-8")
