"""A recorded run as a base model: with `tape/FILE` each agent gets the replies of the agent of the same name.

A reply is found by the hash of its request. A request that was made several times gets its recorded replies in order.
"""

from collections import Counter
from pathlib import Path

from aarlab.agents.models.base import ContextTooLong, ModelError, Reply, Request
from aarlab.memory.events import Compaction, Event, ModelCall
from aarlab.memory.run_file_errors import SchemaError
from aarlab.memory.run_reader import RunReader

_ROLES = ("reviewer", "overseer", "lead", "monitor", "replicator")
"""Agents that are named by their role, except the second overseer `escalation`; leads of groups have a number, too. All
other agents are researchers, or helpers of a researcher.
"""


class RecordedModel:
    """The recorded replies of one agent, as its base model."""

    def __init__(self, path: Path, agent: str) -> None:
        """Store the path of the run file and the agent's name."""
        self._path, self._agent = path, agent
        self._file: RunReader | None = None
        self._replies: dict[str, list[ModelCall]] = {}
        """Recorded calls by request hash, in order."""
        self._rejected_requests: set[str] = set()
        """Hashes of requests that were rejected as too long."""
        self._times_used: Counter[str] = Counter()

    async def reply(self, request: Request) -> Reply:
        """Return the recorded reply to a request, with its recorded tokens. It costs nothing.

        Raises:
            ContextTooLong: The recorded request was rejected as too long.
            ModelError: The run file has no such request, or cannot be read.
        """
        file = self._run_file()
        request_hash = request.hash
        if request_hash in self._rejected_requests:
            raise ContextTooLong(f"tape/{self._path}: the conversation was rejected as too long")
        calls = self._replies.get(request_hash, [])
        if self._times_used[request_hash] == len(calls):
            raise self._not_recorded_error(request, seen_before=bool(calls))
        call = calls[self._times_used[request_hash]]
        self._times_used[request_hash] += 1
        return Reply(file.message(call.reply), call.stop_reason, call.usage, call.model, 0.0)

    async def aclose(self) -> None:
        """Close the run file."""
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
                    case Compaction(rejected_request=str(rejected)):
                        self._rejected_requests.add(rejected)
                    case _:
                        pass
        return self._file

    def _events(self, file: RunReader) -> list[Event]:
        """Return the recorded calls and compactions of this agent."""
        researcher, _, helper_role = self._agent.partition(" ")
        role = "overseer" if self._agent == "escalation" else self._agent.rstrip("0123456789")
        if role in _ROLES:
            # Calls of a reviewer, and of an overseer about tool calls, are in the streams of the researchers.
            return [entry.event for entry in file.entries(ModelCall) if entry.event.role == role]
        roles = (helper_role,) if helper_role else ("researcher", "summariser")
        entries = file.entries(ModelCall, Compaction, stream=researcher)
        return [entry.event for entry in entries if _role(entry.event) in (*roles, None)]

    def _not_recorded_error(self, request: Request, *, seen_before: bool) -> ModelError:
        turn = 1 + sum(message.speaker == "assistant" for message in request.conversation.messages)
        difference = "made this request fewer times" if seen_before else "did not make this request"
        return ModelError(
            f"tape/{self._path}: {self._agent} {difference} in turn {turn}. A tape has replies only for a run with the "
            "same scenario, seed and versions; undo the change, or give the agents another model with team.model or "
            "team.models"
        )


def _role(event: Event) -> str | None:
    return event.role if isinstance(event, ModelCall) else None


def missing_requirement(path: Path) -> str | None:
    """Return why `path` is not a run file, and the fix; None if it is one."""
    try:
        RunReader.open(path).close()
    except (OSError, SchemaError) as error:
        return f"{error}; write `tape/` and the path of a run file, such as runs/NAME.db"
    return None
