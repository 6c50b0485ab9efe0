"""The one way in which a base model is asked: what it answered before is on tape, what it answers now is put there."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from aarlab.agents.models.base import ContextTooLong, FailedAttempt, ModelError, Reply, Request
from aarlab.graph.calls.budget import BudgetExhausted
from aarlab.graph.calls.model_pool import AgentModel
from aarlab.memory.events import Event, FailedModelCall, LimitReached, ModelCall, Prompted, Role
from aarlab.memory.messages import Usage
from aarlab.memory.run_tape import EndOfTape
from aarlab.memory.run_writer import RunWriter
from aarlab.tools.session import AgentSession


@dataclass(frozen=True, slots=True)
class CallContext:
    """Where what an agent is asked and answers is written down."""

    file: RunWriter
    stream: str
    round: int
    record: Callable[[Event], object]
    """Writes into the stream, at its present hour."""
    spend: Callable[[], float] = lambda: 0.0
    """Takes the research hours of a call from whoever pays for it, and returns them."""

    @classmethod
    def for_session(cls, session: AgentSession, price: str | None) -> "CallContext":
        """Return the line of a researcher's own stream, calls on which take an entry of the cost table, or nothing."""
        call_context = cls(session.file, session.agent, session.round, session.record)
        return call_context if price is None else replace(call_context, spend=lambda: session.spend(price))


async def ask(model: AgentModel, request: Request, role: Role, call_context: CallContext) -> Reply:
    """Ask a base model and write down what comes of it, or find the answer on tape.

    Attempts that failed are written down too, also where there is no answer in the end.

    Raises:
        LimitSpent: There is no room for the call in a budget.
        ContextTooLong: The conversation does not fit into the model's context.
        ModelError: There is no answer to be had.
        Divergence: Something else is on tape; in a replay, EndOfTape where nothing is.
    """
    file = call_context.file
    taped = file.recorded_call(call_context.stream, call_context.round, role)
    for attempt in taped.failed:
        call_context.record(attempt)
        model.restore_failure(attempt)
    match taped.outcome:
        case LimitReached(field=field, agent=agent, message=message):
            raise BudgetExhausted(field, agent, message)
        case Prompted():
            raise ContextTooLong(f"the conversation has become too long for {model.name}")
        case ModelCall() as call:
            reply = _reply_of(call, file)
            model.restore_reply(request, reply)
        case None if file.is_replay:
            place = (call_context.stream, file.next_ordinal(call_context.stream), call_context.round)
            raise EndOfTape(*place, f"a call of the {role}'s base model")
        case None:
            try:
                reply = await model.reply(request)
            except ModelError as error:
                _record_failures(role, error.failed_attempts, call_context)
                raise
            _record_failures(role, reply.failed_attempts, call_context)
    cost_hours = call_context.spend()
    call_context.record(
        ModelCall(
            role=role,
            model=reply.model,
            request=request.hash,
            reply=file.store_message(reply.message),
            stop_reason=reply.stop_reason,
            input_tokens=reply.usage.input_tokens,
            output_tokens=reply.usage.output_tokens,
            cost_usd=reply.cost_usd,
            cost_hours=cost_hours,
            cache_read_tokens=reply.usage.cache_read_tokens,
            cache_written_tokens=reply.usage.cache_written_tokens,
        )
    )
    return reply


def _reply_of(call: ModelCall, file: RunWriter) -> Reply:
    usage = Usage(call.input_tokens, call.output_tokens, call.cache_read_tokens, call.cache_written_tokens)
    return Reply(file.message(call.reply), call.stop_reason, usage, call.model, call.cost_usd)


def _record_failures(role: Role, failed: Iterable[FailedAttempt], call_context: CallContext) -> None:
    for attempt in failed:
        call_context.record(
            FailedModelCall(
                role=role,
                model=attempt.model,
                fault=attempt.error,
                input_tokens=attempt.usage.input_tokens,
                output_tokens=attempt.usage.output_tokens,
                cost_usd=attempt.cost_usd,
                waited_s=attempt.waited_s,
                cache_read_tokens=attempt.usage.cache_read_tokens,
                cache_written_tokens=attempt.usage.cache_written_tokens,
            )
        )
