"""Prompts: every placeholder gets a value, and text of agents is never a placeholder."""

import re
from pathlib import Path
from string import Template

import pytest
from stub_environment import COSTS, prompt

from aarlab.agents import prompts, reviewer
from aarlab.agents.prompts import render
from aarlab.agents.researcher import round_message, stage_message
from aarlab.graph.flow.stages import STAGES

FOLDER = Path(prompts.__file__).parent
TEMPLATES = sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.md"))
PLACEHOLDER = re.compile(r"\$\{?[a-z_]+")


def placeholders(template: str) -> list[str]:
    return Template((FOLDER / f"{template}.md").read_text()).get_identifiers()


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_rendered_prompt_has_no_placeholder(template: str) -> None:
    filled = render(template, **{name: f"<{name}>" for name in placeholders(template)})
    assert PLACEHOLDER.search(filled) is None
    assert all(f"<{name}>" in filled for name in placeholders(template))


@pytest.mark.parametrize("template", [template for template in TEMPLATES if placeholders(template)])
def test_a_placeholder_without_a_value_is_an_error(template: str) -> None:
    missing, *others = placeholders(template)
    with pytest.raises(KeyError, match=missing):
        render(template, **dict.fromkeys(others, ""))


def test_text_of_agents_is_never_a_placeholder() -> None:
    text = reviewer.finding_review_request("r1", {"title": "$author $case ${system}"}).conversation.messages[0].text
    assert "$author $case ${system}" in text


def test_the_prompts_of_a_researcher_have_no_placeholder() -> None:
    texts = [
        prompt(direction="Look inside."),
        round_message(round=1, rounds=6, used=0.0, hours=24.0, until=4.0, new_findings="[]"),
        stage_message("analyse", result="{}"),
        reviewer.system_prompt(),
        reviewer.run_review_request("r1", {}, full_hours=2.0).conversation.messages[0].text,
    ]
    assert [text for text in texts if PLACEHOLDER.search(text)] == []


def test_the_system_prompt_has_name_direction_and_costs() -> None:
    text = prompt(direction="Look inside.")
    assert text.startswith("You are r1, one of 2 researchers in a team.")
    assert "## Your direction\n\nLook inside." in text
    assert all(f"- {step}: {hours:g}" in text for step, hours in COSTS.items())


def test_a_prompt_without_a_direction_does_not_mention_it() -> None:
    assert "direction" not in prompt(direction=None).lower().split("## methods")[0]


def test_a_round_message_lists_new_findings_only_if_shared() -> None:
    details = {"round": 1, "rounds": 6, "used": 0.0, "hours": 24.0, "until": 4.0}
    assert "New on the board" in round_message(**details, new_findings="[]")  # type: ignore[arg-type]
    assert "New on the board" not in round_message(**details, new_findings=None)  # type: ignore[arg-type]


def test_every_stage_of_a_researcher_has_a_prompt() -> None:
    assert {template.removeprefix("stages/") for template in TEMPLATES if template.startswith("stages/")} == set(STAGES)
