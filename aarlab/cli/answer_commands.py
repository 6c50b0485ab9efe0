"""Answers to the questions of a run, and instructions to it: written into the run file, also while it is running."""

import sqlite3
from pathlib import Path

import rich_click as click

from aarlab.cli.command_hints import CommandHint, print_hints, short_path
from aarlab.cli.completion import complete_run
from aarlab.cli.options import Command, json_option
from aarlab.cli.output import exit_on_bad_input, print_json, print_note, stderr_console
from aarlab.config import ConfigError, Fault
from aarlab.config.run_lookup import find_run
from aarlab.config.user_name import user_name
from aarlab.memory.events import Action
from aarlab.memory.instruction_rows import Instruction
from aarlab.memory.instructions import InstructionRefused, give_instruction

_run = click.argument("run", shell_complete=complete_run)
_id = click.argument("question", metavar="ID")


def _signed(command: Command) -> Command:
    """Add `--why`, `--as` and `--json`."""
    why = click.option("--why", metavar="TEXT", required=True, help="The reason. It is recorded with your name.")
    who = click.option("--as", "who", metavar="NAME", help="Who you are.  [default: your user name]")
    return why(who(json_option(command)))


@click.command()
@_run
@_id
@_signed
def approve(run: str, question: str, why: str, who: str | None, as_json: bool) -> None:
    """Approve what a run asks.

    The run continues, all its new findings are released, or the full run or the tool call takes place. RUN and ID are
    those of `aarlab inbox`.
    """
    _give(run, "approve", why, who, as_json, question)


@click.command()
@_run
@_id
@click.option("--findings", metavar="IDS", default="", help="Findings to release, separated by commas.")
@click.option("--arguments", metavar="JSON", default="", help="All arguments of the tool call, as a JSON object.")
@_signed
def modify(run: str, question: str, findings: str, arguments: str, why: str, who: str | None, as_json: bool) -> None:
    """Release only some findings, or change a tool call.

    With --findings, the other new findings that the run asks about stay private to their authors. With --arguments, the
    tool call takes place with these arguments, which are checked like those of the researcher. RUN and ID are those of
    `aarlab inbox`.
    """
    names = tuple(findings.replace(",", " ").split())
    _give(run, "modify", why, who, as_json, question, findings=names, text=arguments)


@click.command()
@_run
@_id
@_signed
def reject(run: str, question: str, why: str, who: str | None, as_json: bool) -> None:
    """Reject what a run asks.

    No new finding is released, the full run does not start, the tool call has no effect and its researcher gets the
    reason, or, at a checkpoint, the run ends. RUN and ID are those of `aarlab inbox`.
    """
    _give(run, "reject", why, who, as_json, question)


@click.command()
@_run
@_id
@_signed
def advise(run: str, question: str, why: str, who: str | None, as_json: bool) -> None:
    """Approve what a run asks, and send the reason to the team.

    The reason for a full run, a flag or a tool call goes to its author. RUN and ID are those of `aarlab inbox`.
    """
    _give(run, "advise", why, who, as_json, question)


@click.command()
@_run
@click.argument("question", metavar="[ID]", required=False)
@_signed
def stop(run: str, question: str | None, why: str, who: str | None, as_json: bool) -> None:
    """End a run: score its findings and close it.

    With ID, that is the answer to a question. Without it, the run ends after the current round.
    """
    _give(run, "stop", why, who, as_json, question)


@click.command()
@_run
@click.argument("text")
@_signed
def post(run: str, text: str, why: str, who: str | None, as_json: bool) -> None:
    """Post a text on the board of a run.

    The lab publishes TEXT after the current round, so that all researchers can read it.
    """
    _give(run, "post", why, who, as_json, text=text)


@click.command()
@_run
@click.argument("agent")
@click.argument("text")
@_signed
def message(run: str, agent: str, text: str, why: str, who: str | None, as_json: bool) -> None:
    """Send a text to one researcher of a run.

    AGENT, such as r1, reads TEXT at the beginning of the next round.
    """
    _give(run, "message", why, who, as_json, agent=agent, text=text)


@click.command()
@_run
@_signed
def pause(run: str, why: str, who: str | None, as_json: bool) -> None:
    """Pause a run after the current round.

    The process ends. `aarlab resume` continues the run.
    """
    _give(run, "pause", why, who, as_json)


def _give(
    run: str,
    action: Action,
    why: str,
    who: str | None,
    as_json: bool,
    question: str | None = None,
    *,
    findings: tuple[str, ...] = (),
    agent: str | None = None,
    text: str = "",
) -> None:
    """Write an instruction into the run file, and say when it is taken up."""
    with exit_on_bad_input(as_json=as_json):
        path = find_run(run)
        name = who or user_name()
        _require_texts(why=why, text=text if action in ("post", "message") else "-", who=name)
        _write(path, Instruction(action, name, why, question, findings, agent, text))
    if as_json:
        print_json({"run": str(path), "action": action, "question": question, "who": name, "why": why})
        return
    taken_up = "at once if the run waits, else when it is resumed" if question else "after the current round"
    print_note(f"Recorded: {action} by {name}. It is taken up {taken_up}.")
    print_hints(stderr_console(), CommandHint(("aarlab", "resume", short_path(path)), "if the run has ended"))


def _require_texts(**texts: str) -> None:
    names = {"why": "--why", "text": "TEXT", "who": "--as"}
    faults = [Fault(names[key], None, "it is empty", "a text") for key, value in texts.items() if not value.strip()]
    if faults:
        raise ConfigError(faults)


def _write(path: Path, instruction: Instruction) -> None:
    try:
        give_instruction(path, instruction)
    except InstructionRefused as error:
        raise ConfigError([Fault(str(path), instruction.question, str(error), error.expected)]) from None
    except (sqlite3.OperationalError, OSError) as error:
        problem = f"the answer cannot be written ({error})"
        raise ConfigError([Fault(str(path), None, problem, "a run file that you may write")]) from None
