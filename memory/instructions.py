"""Questions of a run that wait for a person, and the instructions that people give it from another process."""

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aarlab.memory.events import AgentSetup, PersonAction, QuestionAsked
from aarlab.memory.instruction_rows import Instruction, insert_instruction, instructions
from aarlab.memory.messages import Json, tool_from_json
from aarlab.memory.run_reader import RunReader
from aarlab.memory.schema import connect_existing, connect_read_only, open_read_only, require_schema
from aarlab.memory.schema_sql import SCHEMA_VERSION


class InstructionRefused(ValueError):
    """The run cannot take this instruction. The message names the problem, `expected` what is possible."""

    def __init__(self, problem: str, expected: str) -> None:
        """Store the problem and what is possible instead."""
        super().__init__(problem)
        self.expected = expected


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question that the run has not taken up an answer to."""

    question: QuestionAsked
    asked_at: str
    """Wall-clock time, ISO 8601, UTC."""
    answer: Instruction | None
    """The answer, if there is one; it is taken up when the run continues."""


def open_questions(file: RunReader) -> list[OpenQuestion]:
    """Return the questions without an answer that was taken up, oldest first; none if the run is finished."""
    if file.info().summary is not None:
        return []
    taken = {entry.event.question for entry in file.entries(PersonAction)}
    answers = {one.question: one for one in instructions(file) if one.question is not None}
    return [
        OpenQuestion(entry.event, entry.at, answers.get(entry.event.id))
        for entry in file.entries(QuestionAsked)
        if entry.event.id not in taken
    ]


def give_instruction(path: Path, instruction: Instruction) -> None:
    """Write an instruction into a run file. Another process may be writing the run, or nobody.

    Raises:
        InstructionRefused: The run is finished, the question is unknown or has an answer, the action does not answer
            it, or the agent is unknown. Nothing was written.
        FileNotFoundError, SchemaError: The file cannot be read.
        sqlite3.OperationalError: The file cannot be written.
    """
    open_read_only(path).close()  # checks that there is a run
    with closing(connect_read_only(path)) as connection:
        if require_schema(path, connection) != SCHEMA_VERSION:
            raise InstructionRefused("its file is of an earlier schema version", "a run that aarlab resume continues")
    with closing(connect_existing(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")  # of two terminals, the second sees the answer of the first
        with RunReader(path, connection) as file:
            _check(file, instruction)
            insert_instruction(connection, instruction)
            connection.execute("COMMIT")


def _check(file: RunReader, instruction: Instruction) -> None:
    info = file.info()
    if info.summary is not None or info.status == "partial":
        raise InstructionRefused(f"the run is finished ({info.status})", "a run that is not finished")
    if instruction.agent is not None and instruction.agent not in file.researchers():
        raise InstructionRefused(
            f"the run has no researcher {instruction.agent!r}", ", ".join(file.researchers()) or "no researcher yet"
        )
    if instruction.question is None:
        return
    waiting = {one.question.id: one for one in open_questions(file)}
    unanswered = [key for key, one in waiting.items() if one.answer is None]
    expected = f"a question that waits: {', '.join(unanswered)}" if unanswered else "no question of this run waits"
    question = waiting.get(instruction.question)
    if question is None:
        taken = next((e.event for e in file.entries(PersonAction) if e.event.question == instruction.question), None)
        if taken is not None:
            raise InstructionRefused(_answered(taken.question, taken.action, taken.who, taken.why), expected)
        raise InstructionRefused(f"no question {instruction.question!r} waits in this run", expected)
    if question.answer is not None:
        first = question.answer
        raise InstructionRefused(_answered(first.question, first.action, first.who, first.why), expected)
    asked = question.question
    if instruction.action not in asked.actions:
        raise InstructionRefused(
            f"{asked.id} cannot be answered with {instruction.action!r}", f"one of {', '.join(asked.actions)}"
        )
    if instruction.action == "modify":
        if asked.call is None and not instruction.findings:
            raise InstructionRefused(f"{asked.id} asks which findings to release", "--findings; for none, reject")
        problem = None if asked.call is None else _argument_problem(file, asked.call, instruction.text)
        if problem is not None:
            raise InstructionRefused(f"{asked.id}: {problem[0]}", problem[1])
    if unknown := [key for key in instruction.findings if key not in asked.findings]:
        raise InstructionRefused(
            f"{asked.id} does not ask about {unknown[0]!r}", f"ids among {', '.join(asked.findings)}"
        )


def _argument_problem(file: RunReader, call: Mapping[str, Json], text: str) -> tuple[str, str] | None:
    """Return what is wrong with the arguments in `text` for the tool of a call, and what is expected; None if nothing.

    The run checks their values when it makes the call.
    """
    texts = dict.fromkeys(entry.event.tools for entry in file.entries(AgentSetup))
    tools = [tool_from_json(data) for key in texts for data in json.loads(file.text(key))]
    schema = next((tool.schema for tool in reversed(tools) if tool.name == call["tool"]), {})
    known, required = list(schema.get("properties", call["arguments"])), list(schema.get("required", ()))
    expected = f"a JSON object with the arguments {', '.join(known)}, such as {json.dumps(call['arguments'])}"
    try:
        arguments = json.loads(text)
    except ValueError:
        return "the arguments are no JSON", expected
    if not isinstance(arguments, dict):
        return "the arguments are no JSON object", expected
    if unknown := [name for name in arguments if name not in known]:
        return f"{call['tool']} has no argument {unknown[0]!r}", expected
    missing = [name for name in required if name not in arguments]
    return (f"the argument {missing[0]!r} of {call['tool']} is missing", expected) if missing else None


def _answered(question: str | None, action: str, who: str, why: str) -> str:
    return f"{question} already has an answer, which stands: {action} by {who} ({why})"


def waited_s(asked_at: str, answered_at: str) -> float:
    """Return the seconds between two times in ISO 8601, at least 0."""
    seconds = (datetime.fromisoformat(answered_at) - datetime.fromisoformat(asked_at)).total_seconds()
    return round(max(seconds, 0.0), 3)
