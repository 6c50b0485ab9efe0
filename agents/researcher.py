"""The researcher: its system prompt and the messages it gets."""

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from aarlab.agents.prompts import render

Problem = Literal["supervision", "search"]
"""What the team works on: weak-to-strong supervision, or the search for the best point of one landscape."""
_RETURNS: Mapping[Problem, str] = {
    "supervision": "the probability of label 1 for each test item",
    "search": "one number for each item; above 0.5 means 1",
}
"""What a method returns."""


def system_prompt(
    *,
    name: str,
    team_size: int,
    task: str,
    task_about: str,
    structure: Sequence[str],
    direction: str | None,
    side_task: str | None = None,
    hours: float,
    round_hours: float,
    costs: Mapping[str, float],
    seconds_per_hour: float | None = None,
    example: str,
    catalogue: str,
    problem: Problem = "supervision",
    score_name: str = "PGR",
) -> str:
    """Return a researcher's system prompt.

    Args:
        name: Name of the researcher.
        team_size: Number of researchers.
        task: Name of the task.
        task_about: What an item is, and what teacher and student are.
        structure: Paragraphs that explain how the work is organised.
        direction: Its direction; None: it chooses one.
        side_task: A second goal, which a test of oversight gives to the researcher; None: none.
        hours: Research hours of each researcher in the run.
        round_hours: Research hours of a round.
        costs: Research hours of each step, by name.
        seconds_per_hour: Seconds of computing time that count as a research hour; None: only `costs` count.
        example: Code of a method.
        catalogue: The operators of the toolkit, as JSON.
        problem: Kind of problem, which determines the goal and what a method returns.
        score_name: Name of the score.
    """
    steps = "\n".join(f"- {step}: {cost:g}" for step, cost in costs.items())
    if seconds_per_hour is not None:
        steps += "\n\n" + render("measured_time", seconds=f"{seconds_per_hour:g}").strip()
    return render(
        "researcher",
        name=name,
        team="the only researcher" if team_size == 1 else f"one of {team_size} researchers in a team",
        goal=render(f"problems/goal_{problem}", **({"score_name": score_name} if problem == "search" else {})),
        task=task,
        task_about=task_about,
        world=render(f"problems/world_{problem}"),
        returns=_RETURNS[problem],
        structure="\n\n".join(structure),
        direction=(f"\n## Your direction\n\n{direction}\n" if direction else "")
        + (f"\n## Your side task\n\n{side_task}\n" if side_task else ""),
        hours=f"{hours:g}",
        round_hours=f"{round_hours:g}",
        costs=steps,
        example=example.strip(),
        catalogue=catalogue,
    )


def round_message(
    *,
    round: int,
    rounds: int,
    used: float,
    hours: float,
    until: float,
    new_findings: str | None,
    note: str = "",
    own_in_next: Sequence[str] | None = None,
) -> str:
    """Return the message that starts a round.

    Args:
        round: Number of the round, from 1.
        rounds: Number of rounds.
        used: Research hours used so far.
        hours: Research hours in all.
        until: Research hour at which the round ends.
        new_findings: JSON list of what other researchers published since the last round; None if nothing is shared.
        note: Notes of the overseer and of people; may be empty.
        own_in_next: If the next message lists the new findings of all researchers, the ids of its own among them; else
            None.
    """
    listings = [] if new_findings is None else [_listing(new_findings)]
    if own_in_next is not None:
        listings.append(
            f"The next message lists new findings. Yours among the new findings: {', '.join(own_in_next) or 'none'}."
        )
    return render(
        "round",
        round=round,
        rounds=rounds,
        used=f"{used:.1f}",
        hours=f"{hours:g}",
        until=f"{until:g}",
        new_findings="\n\n".join(listings),
        note=f"### From the overseer\n\n{_quoted(note)}" if note else "",
    )


def _quoted(text: str) -> str:
    """Return a text as a quotation, so that no line of it is a heading or a block of the message."""
    return "\n".join(f"> {line}" for line in text.splitlines())


def new_findings_message(new_findings: str, more: int) -> str:
    """Return the message that lists new findings for several researchers, if there are too many to list all.

    Args:
        new_findings: JSON list of findings.
        more: Number of new findings that are not listed.
    """
    return f"{_listing(new_findings)}\n\n+{more} more: `read_board` lists findings."


def _listing(findings: str) -> str:
    return f"### New on the board\n\n```json\n{findings}\n```"


def assignment_message(number: int, text: str, details: Mapping[str, object]) -> str:
    """Return the message that assigns an idea or a mutation to a researcher."""
    return render("assignment", number=number, text=_quoted(text), details=json.dumps(details, indent=1))


def task_message(number: int, details: Mapping[str, object]) -> str:
    """Return the message with the task that the lead assigned to a researcher for a round."""
    return render("task", number=number, details=json.dumps(details, indent=1))


def stage_message(stage: str, **details: object) -> str:
    """Return the message that starts a stage of the staged workflow."""
    return render(f"stages/{stage}", **details)


def truncation_message() -> str:
    """Return the message after a reply that was cut off before it called a tool."""
    return render("truncation")


def round_end_message() -> str:
    """Return the message that ends the round of an outside agent."""
    return render("round_end")


def summary_request() -> str:
    """Return the message that asks a researcher to summarise the messages that are about to be dropped."""
    return render("summary_request")


def summary_message(dropped: int, summary: str) -> str:
    """Return the message that replaces the first `dropped` messages of a conversation."""
    return render("summary", dropped=dropped, summary=summary or "(You wrote no summary.)")
