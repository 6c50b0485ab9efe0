"""The one way in which a base model is asked: what it answered before is on tape, what it answers now is put there."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from aarlab.agents.models.base import FailedAttempt, ModelError, Reply, Request, TooLong
from aarlab.graph.budget import LimitSpent
from aarlab.graph.payroll import Hired
from aarlab.memory.events import Event, FailedCall, LimitReached, ModelCall, Role, Told
from aarlab.memory.messages import Usage
from aarlab.memory.runfile import RunFile
from aarlab.memory.tape import EndOfTape
from aarlab.tools.bench import Bench


@dataclass(frozen=True, slots=True)
class Line:
    """Where what an agent is asked and answers is written down."""

    file: RunFile
    stream: str
    round: int
    record: Callable[[Event], object]
    """Writes into the stream, at its present hour."""
    spend: Callable[[], float] = lambda: 0.0
    """Takes the research hours of a call from whoever pays for it, and returns them."""

    @classmethod
    def of(cls, bench: Bench, price: str | None) -> "Line":
        """Return the line of a researcher's own stream, calls on which take an entry of the cost table, or nothing."""
        line = cls(bench.file, bench.agent, bench.round, bench.record)
        return line if price is None else replace(line, spend=lambda: bench.spend(price))


async def ask(model: Hired, request: Request, role: Role, line: Line) -> Reply:
    """Ask a base model and write down what comes of it, or find the answer on tape.

    Attempts that failed are written down too, also where there is no answer in the end.

    Raises:
        LimitSpent: There is no room for the call in a budget.
        TooLong: The conversation does not fit into the model's context.
        ModelError: There is no answer to be had.
        Divergence: Something else is on tape; in a replay, EndOfTape where nothing is.
    """
    file = line.file
    taped = file.taped_call(line.stream, line.round, role)
    for attempt in taped.failed:
        line.record(attempt)
        model.recall_failure(attempt)
    match taped.ending:
        case LimitReached(field=field, agent=agent, told=told):
            raise LimitSpent(field, agent, told)
        case Told():
            raise TooLong(f"the conversation has become too long for {model.name}")
        case ModelCall() as call:
            reply = _reply_of(call, file)
            model.recall(request, reply)
        case None if file.replays_only:
            place = (line.stream, file.next_ordinal(line.stream), line.round)
            raise EndOfTape(*place, f"a call of the {role}'s base model")
        case None:
            try:
                reply = await model.reply(request)
            except ModelError as error:
                _record_failures(role, error.failed, line)
                raise
            _record_failures(role, reply.failed, line)
    cost_hours = line.spend()
    line.record(
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


def _reply_of(call: ModelCall, file: RunFile) -> Reply:
    usage = Usage(call.input_tokens, call.output_tokens, call.cache_read_tokens, call.cache_written_tokens)
    return Reply(file.message(call.reply), call.stop_reason, usage, call.model, call.cost_usd)


def _record_failures(role: Role, failed: Iterable[FailedAttempt], line: Line) -> None:
    for attempt in failed:
        line.record(
            FailedCall(
                role=role,
                model=attempt.model,
                fault=attempt.fault,
                input_tokens=attempt.usage.input_tokens,
                output_tokens=attempt.usage.output_tokens,
                cost_usd=attempt.cost_usd,
                waited_s=attempt.waited_s,
                cache_read_tokens=attempt.usage.cache_read_tokens,
                cache_written_tokens=attempt.usage.cache_written_tokens,
            )
        )
