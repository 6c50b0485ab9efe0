"""A recorded run as a base model: `tape/FILE` answers each agent as the agent of its name was answered there.

A request is found by its hash: whoever asks what was asked then, to the letter, hears what was said then. Asked the
same again, it goes on to the next answer that was given to it.
"""

from collections import Counter
from pathlib import Path

from aarlab.agents.models.base import ContextTooLong, ModelError, Reply, Request
from aarlab.memory.events import Compaction, Event, ModelCall
from aarlab.memory.messages import Usage
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader

_ROLES = ("reviewer", "overseer", "planner")
"""Agents that are called as their part is; the others are researchers, and their librarians."""


class RecordedModel:
    """What was said in a recorded run, as one agent's base model."""

    def __init__(self, path: Path, agent: str) -> None:
        """Answer `agent` from the run file at `path`."""
        self._path, self._agent = path, agent
        self._file: RunReader | None = None
        self._replies: dict[str, list[ModelCall]] = {}
        """By request, in the order in which they were given."""
        self._refused_requests: set[str] = set()
        """Requests that were refused as too long."""
        self._times_used: Counter[str] = Counter()

    async def reply(self, request: Request) -> Reply:
        """Answer the request. It costs nothing again; the tokens are those of then.

        Raises:
            ContextTooLong: It was refused as too long then.
            ModelError: There is no such request on tape, or no tape.
        """
        file = self._run_file()
        request_hash = request.hash
        if request_hash in self._refused_requests:
            raise ContextTooLong(f"tape/{self._path}: the conversation was refused as too long")
        calls = self._replies.get(request_hash, [])
        if self._times_used[request_hash] == len(calls):
            raise self._not_recorded_error(request, seen_before=bool(calls))
        call = calls[self._times_used[request_hash]]
        self._times_used[request_hash] += 1
        usage = Usage(call.input_tokens, call.output_tokens, call.cache_read_tokens, call.cache_written_tokens)
        return Reply(file.message(call.reply), call.stop_reason, usage, call.model, 0.0)

    async def aclose(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _run_file(self) -> RunReader:
        if self._file is None:
            try:
                self._file = RunReader.open(self._path)
            except (OSError, SchemaError) as error:
                raise ModelError(f"tape/{self._path} cannot be read: {error}") from None
            for event in self._events(self._file):
                match event:
                    case ModelCall():
                        self._replies.setdefault(event.request, []).append(event)
                    case Compaction(rejected_request=str(refused)):
                        self._refused_requests.add(refused)
                    case _:
                        pass
        return self._file

    def _events(self, file: RunReader) -> list[Event]:
        """Return the calls of this agent, and what became of its conversation."""
        researcher, _, helper_role = self._agent.partition(" ")
        if self._agent in _ROLES:
            # A reviewer rules in the streams of the researchers.
            return [entry.event for entry in file.entries(ModelCall) if entry.event.role == self._agent]
        roles = (helper_role,) if helper_role else ("researcher", "summariser")
        entries = file.entries(ModelCall, Compaction, stream=researcher)
        return [entry.event for entry in entries if _role(entry.event) in (*roles, None)]

    def _not_recorded_error(self, request: Request, *, seen_before: bool) -> ModelError:
        turn = 1 + sum(message.speaker == "assistant" for message in request.conversation.messages)
        found = "made this request fewer times" if seen_before else "did not make this request"
        return ModelError(
            f"tape/{self._path}: {self._agent} {found} in turn {turn}. A tape answers a run with the same scenario, "
            "seed and versions; undo the change, or give the agents another model with team.model or "
            "team.models"
        )


def _role(event: Event) -> str | None:
    return event.role if isinstance(event, ModelCall) else None


def missing_requirement(path: Path) -> str | None:
    """Say that there is no run file at `path`, and what to do; None if there is one."""
    try:
        RunReader.open(path).close()
    except (OSError, SchemaError) as error:
        return f"{error}; write `tape/` and the path of a run file, such as runs/NAME.db"
    return None
