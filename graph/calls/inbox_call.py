"""Calls of `human/inbox`: the question is recorded, and the answer of a person is taken up when it is in the run file.

LangGraph's `interrupt` is not used. It needs a checkpointer, a second store beside the run file, and executes the node
again from its beginning when it is resumed. The run file has the question and the answer, and `resume` re-executes the
whole graph against it already.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from aarlab.agents.models.base import ModelError, Reply, Request
from aarlab.agents.models.human_inbox import question_of, reply_to
from aarlab.graph.calls.model_pool import AgentModel, ModelPool
from aarlab.graph.calls.oversight_policy import policy_for
from aarlab.memory.events import Event, PersonAction, QuestionAsked
from aarlab.memory.instruction_rows import Instruction, instructions
from aarlab.memory.instructions import waited_s
from aarlab.memory.run_file_creation import now
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_tape import EndOfTape
from aarlab.memory.run_writer import RunWriter

_POLL_S: Final = 0.5
"""Seconds between two looks at the run file while the process waits."""


class WaitingForAnswer(ModelError):
    """The run ends until a person has answered its question."""

    def __init__(self, question: QuestionAsked) -> None:
        """Name the question."""
        super().__init__(f"the run waits for an answer to {question.id}: {question.text}")
        self.question = question


async def ask_person(
    model: AgentModel, request: Request, file: RunWriter, stream: str, record: Callable[[Event], object]
) -> Reply:
    """Record the question of a request, take up its answer, and return it as the reply of the person.

    Args:
        model: The model `human/inbox` of one agent.
        request: The request to this agent.
        file: The run file.
        stream: Stream of the call.
        record: Appends an event to the stream.

    Raises:
        WaitingForAnswer: There is no answer, and by the policy the process does not wait for one.
        EndOfTape: The tape of a replay has no answer.
        Divergence: The tape has another event here.
    """
    number = 1 + sum(1 for _ in file.entries(QuestionAsked, stream=stream))
    question = question_of(request, f"{stream}-{number}")
    record(question)
    (*_, asked) = file.entries(QuestionAsked, stream=stream)
    recorded = file.tape.entry(stream, file.next_ordinal(stream))
    if recorded is not None and isinstance(recorded.event, PersonAction):
        answer = recorded.event
    elif file.is_replay:
        raise EndOfTape(stream, file.next_ordinal(stream), asked.round, f"the answer to {question.id}")
    else:
        answer = await _answer(model.model_pool, question, asked.at, file)
    record(answer)
    return reply_to(question, answer)


async def _answer(pool: ModelPool, question: QuestionAsked, asked_at: str, file: RunWriter) -> PersonAction:
    """Return the answer in the run file; wait for one, or write that of the policy, as the policy says."""
    policy = policy_for(pool.oversight_policies, question)
    while True:
        given = next((one for one in instructions(file) if one.question == question.id), None)
        if given is not None and given.action in question.actions:
            return person_action(given, waited_s(asked_at, given.at))
        if given is not None or pool.is_recorded:
            raise SchemaError(f"the answer to {question.id} in {file.path} is missing or not one of aarlab")
        if policy.after_hours is not None and waited_s(asked_at, now()) >= 3600 * policy.after_hours:
            # It is written like the answer of a person, so that the first of the two stands.
            why = (
                f"nobody answered within {policy.after_hours:g} hours"
                if policy.after_hours
                else "the policy of this run"
            )
            file.add_instruction(Instruction(policy.default, f"policy {policy.name}", why, question.id))
        elif not policy.waits:
            raise WaitingForAnswer(question)
        elif pool.stopped is not None:
            raise pool.stopped
        else:
            pool.report_wait(f"waiting for an answer to {question.id} (aarlab inbox)")
            await asyncio.sleep(_POLL_S)


def person_action(instruction: Instruction, waited: float = 0.0) -> PersonAction:
    """Return the event for an instruction that the run takes up, `waited` seconds after it asked."""
    return PersonAction(
        action=instruction.action,
        question=instruction.question,
        findings=list(instruction.findings),
        agent=instruction.agent,
        text=instruction.text,
        who=instruction.who,
        why=instruction.why,
        given=instruction.id,
        given_at=instruction.at,
        waited_s=waited,
    )
