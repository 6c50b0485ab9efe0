"""Calls of base models: a recorded reply is returned from the tape, a new reply is recorded."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aarlab.agents.models.base import ContextTooLong, FailedAttempt, ModelError, Reply, Request
from aarlab.agents.models.human_inbox import INBOX
from aarlab.graph.calls.budget import BudgetExhausted
from aarlab.graph.calls.inbox_call import ask_person
from aarlab.graph.calls.model_pool import AgentModel
from aarlab.memory.events import Event, FailedModelCall, LimitReached, ModelCall, Prompted, Role
from aarlab.memory.run_tape import EndOfTape
from aarlab.memory.run_writer import RunWriter
from aarlab.tools.session import AgentSession


@dataclass(frozen=True, slots=True)
class CallContext:
    """Records and charges the calls of an agent."""

    file: RunWriter
    stream: str
    round: int
    record: Callable[[Event], object]
    """Appends an event to the stream at its current hour."""
    spend: Callable[[], float] = lambda: 0.0
    """Charges the research hours of a call and returns them."""

    @classmethod
    def for_session(cls, session: AgentSession, price: str | None) -> "CallContext":
        """Return the context of a researcher's stream; `price` is an entry of the cost table, None for free calls."""
        return cls(
            session.file, session.agent, session.round, session.record,
            spend=lambda: 0.0 if price is None else session.spend(price),
        )  # fmt: skip


async def ask(model: AgentModel, request: Request, role: Role, call_context: CallContext) -> Reply:
    """Return the recorded reply to a request, or call the base model and record its reply.

    Failed attempts are recorded too, even if no reply follows.

    Raises:
        BudgetExhausted: The budget does not cover the call.
        ContextTooLong: The request exceeds the model's context length.
        ModelError: The model did not reply.
        WaitingForAnswer: The run ends until a person has answered.
        Divergence: The tape has another event here.
        EndOfTape: The tape of a replay ends here.
    """
    file = call_context.file
    answer = None
    if model.name == INBOX:
        answer = await ask_person(model, request, file, call_context.stream, call_context.record)
    recorded = file.recorded_call(call_context.stream, call_context.round, role)
    for attempt in recorded.failed:
        call_context.record(attempt)
        model.restore_failure(attempt)
    reply = _recorded_reply(recorded.outcome, model.name, file)
    if reply is None and file.is_replay:
        position = (call_context.stream, file.next_ordinal(call_context.stream), call_context.round)
        raise EndOfTape(*position, f"a call of the {role}'s base model")
    reply = reply or answer
    if reply is not None:
        model.restore_reply(request, reply)
    else:
        reply = await _new_reply(model, request, role, call_context)
    cost_hours = call_context.spend()
    call_context.record(_call_event(role, request, reply, file.store_message(reply.message), cost_hours))
    note = file.tape.edit_note(call_context.stream, file.next_ordinal(call_context.stream))
    if note is not None:  # in a fork, a person may have edited the recorded reply
        call_context.record(note)
    return reply


async def ask_role(model: AgentModel, request: Request, role: Role, call_context: CallContext) -> Reply:
    """Record that an agent receives the last message of a request, and return its reply as `ask` does."""
    message = request.conversation.messages[-1]
    call_context.record(Prompted(role, call_context.file.store_message(message)))
    return await ask(model, request, role, call_context)


def _recorded_reply(outcome: ModelCall | LimitReached | Prompted | None, model: str, file: RunWriter) -> Reply | None:
    """Return the recorded reply to a request; None: there is none. Raises what the call raised."""
    match outcome:
        case LimitReached(field=field, agent=agent, message=message):
            raise BudgetExhausted(field, agent, message)
        case Prompted():
            raise ContextTooLong(f"the conversation is too long for {model}")
        case ModelCall() as call:
            return Reply(file.message(call.reply), call.stop_reason, call.usage, call.model, call.cost_usd)
        case None:
            return None


async def _new_reply(model: AgentModel, request: Request, role: Role, call_context: CallContext) -> Reply:
    """Call the base model, and record its failed attempts."""
    try:
        reply = await model.reply(request)
    except ModelError as error:
        _record_failures(role, error.failed_attempts, call_context)
        raise
    _record_failures(role, reply.failed_attempts, call_context)
    return reply


def _call_event(role: Role, request: Request, reply: Reply, key: str, cost_hours: float) -> ModelCall:
    """Return the event of a reply whose message is stored under `key`."""
    return ModelCall(
        role=role,
        model=reply.model,
        request=request.hash,
        reply=key,
        stop_reason=reply.stop_reason,
        input_tokens=reply.usage.input_tokens,
        output_tokens=reply.usage.output_tokens,
        cost_usd=reply.cost_usd,
        cost_hours=cost_hours,
        cache_read_tokens=reply.usage.cache_read_tokens,
        cache_written_tokens=reply.usage.cache_written_tokens,
    )


def _record_failures(role: Role, failed: Iterable[FailedAttempt], call_context: CallContext) -> None:
    for attempt in failed:
        call_context.record(
            FailedModelCall(
                role=role,
                model=attempt.model,
                fault=attempt.error,
                input_tokens=attempt.usage.input_tokens or 0,
                output_tokens=attempt.usage.output_tokens or 0,
                cost_usd=attempt.cost_usd,
                waited_s=attempt.waited_s,
                cache_read_tokens=attempt.usage.cache_read_tokens,
                cache_written_tokens=attempt.usage.cache_written_tokens,
            )
        )
