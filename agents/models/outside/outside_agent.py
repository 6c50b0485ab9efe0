"""A base model whose replies are the tool calls of an outside agent, one at a time.

The agent is started with the first request of a round and ends with it. The last reply of each round has the stop
reason `AGENT_ENDED`: its text says how the agent ended, and it holds the agent's own transcript and usage.
"""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aarlab.agents.models.base import AGENT_ENDED, ModelError, Reply, Request
from aarlab.agents.models.outside import agent_confinement
from aarlab.agents.models.outside.agent_settings import OutsideAgentSettings
from aarlab.agents.models.outside.agent_transcript import AgentTranscript
from aarlab.agents.models.outside.attached_runner import AttachedRunner
from aarlab.agents.models.outside.coroutine_runner import CoroutineRunner, UnusableAgent, load_agent
from aarlab.agents.models.outside.outside_session import END_TURN, OutsideSession, PendingCall, new_messages
from aarlab.agents.models.outside.process_runner import ProcessRunner
from aarlab.agents.models.outside.tool_server import missing_package
from aarlab.agents.researcher import round_end_message
from aarlab.memory.messages import Message, Text, ToolCall, Usage

_CALL_ID = "outside-"
_CLOSED = "your round has ended; stop now"
_UNKNOWN = Usage(None, None)


class AgentRunner(Protocol):
    """Runs an outside agent for one round: a process, or a coroutine."""

    async def start(self, session: OutsideSession) -> None:
        """Start the agent. Raises OSError if it cannot be started."""

    async def wait(self) -> str:
        """Wait until the agent ends by itself, and return how it ended, such as `exit status 1`."""

    async def stop(self, grace_s: float) -> str:
        """End the agent after `grace_s` seconds at most, free what it used, and return how it ended."""

    def transcript(self) -> AgentTranscript | None:
        """Return the transcript that the ended agent wrote; None if it wrote none."""


@dataclass(slots=True)
class _Round:
    """The agent in the current round."""

    session: OutsideSession
    runner: AgentRunner
    exit: "asyncio.Task[str]"
    deadline: float
    continued: bool
    """Whether an earlier session of the round was lost, with its usage."""


class OutsideAgent:
    """An outside agent as the base model of one researcher."""

    def __init__(
        self,
        name: str,
        agent: str,
        settings: OutsideAgentSettings,
        make_runner: Callable[[str, Path | None], AgentRunner],
    ) -> None:
        """Store how to run the agent.

        Args:
            name: Name of the base model.
            agent: Name of the researcher.
            settings: Time limits of the agent.
            make_runner: Returns a runner, given the name of the researcher and its workspace folder.
        """
        self._name, self._agent, self._settings, self._make_runner = name, agent, settings, make_runner
        self._folder: Path | None = None
        self._round: _Round | None = None

    def use_folder(self, folder: Path) -> None:
        """Set the folder of the run's agents, in which the agent's workspace is."""
        self._folder = folder / self._agent

    async def reply(self, request: Request) -> Reply:
        """Return the next tool call of the agent, or its last reply in the round."""
        messages = new_messages(request.conversation)
        if messages and messages[-1].text == round_end_message():
            return await self._end(request, "its round ended")
        if self._round is None:
            try:
                self._round = await self._start(request)
            except OSError as error:
                return self._last_reply(f"it could not be started: {error}", None, _UNKNOWN, None)
        else:
            self._round.session.deliver(request)
        call, reason = await self._next_call(self._round)
        if call is None:
            return await self._end(request, reason)
        if call.name == END_TURN.name:
            return Reply(Message("assistant", ()), "end_turn", Usage(), self._name, 0.0)
        tool_call = ToolCall(f"{_CALL_ID}{_n_calls(request) + 1}", call.name, call.arguments)
        # The agent states its usage at the end of the round, if it does.
        return Reply(Message("assistant", (tool_call,)), "tool_use", Usage(), self._name, 0.0)

    async def aclose(self) -> None:
        """Stop the agent at once, if it is running."""
        if (current := self._round) is None:
            return
        self._round = None
        current.session.close(None, _CLOSED)
        current.exit.cancel()
        await current.runner.stop(0.0)

    async def _start(self, request: Request) -> _Round:
        results = [result for message in new_messages(request.conversation) for result in message.tool_results]
        continued = any(result.tool_call_id.startswith(_CALL_ID) for result in results)
        session, runner = (
            OutsideSession(self._agent, request, self._settings.env),
            self._make_runner(self._agent, self._folder),
        )
        try:
            await runner.start(session)
        except BaseException:
            await runner.stop(0.0)
            raise
        deadline = time.monotonic() + 60 * self._settings.round_minutes
        return _Round(session, runner, asyncio.ensure_future(runner.wait()), deadline, continued)

    async def _next_call(self, current: _Round) -> tuple[PendingCall | None, str]:
        """Return the next call; or None, and why there is none."""
        next_call = asyncio.ensure_future(current.session.next_call())
        try:
            timeout = max(0.0, current.deadline - time.monotonic())
            await asyncio.wait({next_call, current.exit}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if next_call.done():
                return next_call.result(), ""
            if current.exit.done():
                # A call can arrive just before the end of the agent that made it.
                return (await next_call if current.session.has_call else None), "it ended by itself"
            return None, f"it had used its {self._settings.round_minutes:g} minutes for the round"
        finally:
            next_call.cancel()

    async def _end(self, request: Request, reason: str) -> Reply:
        if (current := self._round) is None:
            return self._last_reply("its session was interrupted", None, _UNKNOWN, None)
        current.session.close(request.conversation, _CLOSED)
        natural = current.exit.done()
        how = await current.runner.stop(0.0 if natural else self._settings.grace_seconds)
        current.exit.cancel()
        self._round, transcript = None, current.runner.transcript()
        stated = transcript is not None and not current.continued
        usage = transcript.usage if transcript is not None and stated else _UNKNOWN
        cost_usd = transcript.cost_usd if transcript is not None and stated else None
        return self._last_reply(f"{reason}; {how}", transcript, usage, cost_usd)

    def _last_reply(
        self, ending: str, transcript: AgentTranscript | None, usage: Usage, cost_usd: float | None
    ) -> Reply:
        blocks = () if transcript is None or not transcript.text else (transcript.block,)
        text = Text(f"(The outside agent stopped: {ending}.)")
        return Reply(Message("assistant", (*blocks, text)), AGENT_ENDED, usage, self._name, cost_usd)


def _n_calls(request: Request) -> int:
    """Return the number of tool calls in a conversation, which keeps the ids of calls unique."""
    return sum(len(message.tool_calls) for message in request.conversation.messages)


def open_outside_agent(name: str, agent: str, settings: OutsideAgentSettings | None) -> OutsideAgent:
    """Return the outside agent of a name for one researcher.

    Raises:
        ModelError: It has no command, and no installed package has an agent of this name.
    """
    chosen = settings or OutsideAgentSettings()

    def process(researcher: str, folder: Path | None) -> AgentRunner:
        workspace = folder or Path(tempfile.mkdtemp(prefix=f"aarlab-{researcher}-"))
        return AttachedRunner(workspace) if chosen.attach else ProcessRunner(chosen, workspace)

    if chosen.command or chosen.attach:
        return OutsideAgent(name, agent, chosen, process)
    try:
        coroutine = load_agent(name.partition("/")[2])
    except UnusableAgent as error:
        raise ModelError(str(error)) from None
    return OutsideAgent(name, agent, chosen, lambda researcher, folder: CoroutineRunner(coroutine))


def missing_requirement(name: str, settings: OutsideAgentSettings | None) -> str | None:
    """Return why an outside agent cannot be run here, and the fix; None if it can be run."""
    if settings is None or not (settings.command or settings.attach):
        try:
            load_agent(name.partition("/")[2])
        except UnusableAgent as error:
            return str(error)
        return None
    if (missing := missing_package()) is not None:
        return missing
    if settings.attach:
        return None
    if unset := [variable for variable in settings.env if variable not in os.environ]:
        return f"{' and '.join(unset)} not set, which live.agents names in env; set the variable or remove it"
    if settings.confined and (reason := agent_confinement.unavailable_reason()) is not None:
        return f"{reason}; install it, or set confined: false if the agent may have the rights of this user"
    for path in (*settings.read, *settings.write):
        if not Path(path).expanduser().exists():
            return f"{path} does not exist, which live.agents names in read or write"
    return _missing_program(settings)


def _missing_program(settings: OutsideAgentSettings) -> str | None:
    """Return why the program of a command cannot be started, and the fix; None if it can be started."""
    program = settings.command[0]
    if "/" in program and not program.startswith("/"):
        return None  # in the workspace, perhaps written by the agent itself
    if (found := shutil.which(program)) is None:
        return f"the command {program!r} is not found; install it, or give its path"
    visible = agent_confinement.visible_paths((*settings.read, *settings.write))
    for path in (Path(found), Path(found).resolve()) if settings.confined else ():
        if not any(path.is_relative_to(folder) for folder in visible):
            return f"{path} is not visible to the confined command; add the folder of its installation to read"
    return None
