"""The rows of table `instructions`: what people tell a run from another process.

Any process may append to the table while the run is written. The run takes an instruction up as an event
`PersonAction`, which replays read; so the table is no part of the recording.
"""

import json
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, get_args

from aarlab.memory.events import Action
from aarlab.memory.messages import canonical_json
from aarlab.memory.run_file_creation import now
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader

_ACTIONS: Final[dict[str, Action]] = {action: action for action in get_args(Action)}


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of a person, or of a policy in place of a person."""

    action: Action
    who: str
    why: str
    question: str | None = None
    """Id of the question that it answers; None: it answers none."""
    findings: tuple[str, ...] = ()
    """Ids of the findings to release, for `modify` of a release."""
    agent: str | None = None
    """Receiver of a message."""
    text: str = ""
    """Text of a post or message, or the arguments of a tool call as JSON, for `modify`."""
    id: str = ""
    """Drawn when it is written; empty before."""
    at: str = ""
    """Wall-clock time at which it was written, ISO 8601, UTC; empty before."""


def instructions(file: RunReader) -> Iterator[Instruction]:
    """Yield the instructions in a run file in the order in which they were written.

    Raises:
        SchemaError: A row is not one that aarlab writes.
    """
    for id_, question, action, arguments, who, why, at in file.instruction_rows():
        try:
            fields = json.loads(arguments)
            yield Instruction(
                _ACTIONS[action],
                who,
                why,
                question,
                tuple(fields["findings"]),
                fields["agent"],
                fields["text"],
                id_,
                at,
            )
        except (ValueError, TypeError, KeyError) as error:
            raise SchemaError(f"an instruction in {file.path} cannot be read ({error})") from None


def insert_instruction(connection: sqlite3.Connection, instruction: Instruction) -> bool:
    """Append an instruction; return whether it was written, False if its question already has an answer."""
    arguments = {"findings": list(instruction.findings), "agent": instruction.agent, "text": instruction.text}
    row = (
        secrets.token_hex(8), instruction.question, instruction.action, canonical_json(arguments), instruction.who,
        instruction.why, now(),
    )  # fmt: skip
    query = (
        "INSERT INTO instructions (id, question, action, arguments, who, why, at) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (question) DO NOTHING"
    )
    return connection.execute(query, row).rowcount == 1
