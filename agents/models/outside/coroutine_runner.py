"""Outside agents as Python coroutines, from installed packages.

A package adds an agent with an entry point of the group `aarlab.agents`; its name is the name after `agent/`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from importlib.metadata import entry_points
from inspect import iscoroutinefunction

from aarlab.agents.models.api_keys import redacted
from aarlab.agents.models.outside.agent_transcript import AgentTranscript
from aarlab.agents.models.outside.outside_session import OutsideSession

ENTRY_POINT_GROUP = "aarlab.agents"

AgentCoroutine = Callable[[OutsideSession], Awaitable[object]]
"""An agent: it gets its session of a round, and its round ends when it returns."""
_CANCEL_S = 5.0
"""Seconds that a cancelled coroutine has to end."""


class UnusableAgent(ValueError):
    """No installed package has an agent of this name, or it cannot be loaded."""


def installed_agents() -> list[str]:
    """Return the names of the agents of installed packages, sorted. No package is imported."""
    return sorted({point.name for point in entry_points(group=ENTRY_POINT_GROUP)})


def load_agent(name: str) -> AgentCoroutine:
    """Return the agent of an installed package. Raises UnusableAgent."""
    points = list(entry_points(group=ENTRY_POINT_GROUP, name=name))
    if not points:
        installed = ", ".join(installed_agents()) or "none"
        raise UnusableAgent(
            f"live.agents has no command for {name!r}, and no installed package has an agent of this name; "
            f"installed: {installed}"
        )
    try:
        agent = points[0].load()
    except Exception as error:
        raise UnusableAgent(f"the agent {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    if not iscoroutinefunction(agent):
        raise UnusableAgent(f"the agent {name!r} is not an async function; see docs/agents.md")
    loaded: AgentCoroutine = agent
    return loaded


class CoroutineRunner:
    """Runs a coroutine as an outside agent, in the event loop of the run."""

    def __init__(self, agent: AgentCoroutine) -> None:
        """Store the coroutine function."""
        self._agent = agent
        self._task: asyncio.Task[object] | None = None

    async def start(self, session: OutsideSession) -> None:
        """Start the coroutine."""
        self._task = asyncio.ensure_future(self._agent(session))

    async def wait(self) -> str:
        """Wait until the coroutine ends, and return how it ended."""
        assert self._task is not None, "the agent was started"
        await asyncio.wait({self._task})
        return self._ending()

    async def stop(self, grace_s: float) -> str:
        """Cancel the coroutine after `grace_s` seconds, and return how it ended."""
        if (task := self._task) is None:
            return "it was not started"
        await asyncio.wait({task}, timeout=grace_s)
        if task.done():
            return self._ending()
        task.cancel()
        await asyncio.wait({task}, timeout=_CANCEL_S)
        return "it was cancelled" if task.done() else "it does not react to its cancellation"

    def transcript(self) -> AgentTranscript | None:
        """Return None: a coroutine writes no transcript."""
        return None

    def _ending(self) -> str:
        assert self._task is not None, "the agent was started"
        if self._task.cancelled():
            return "it was cancelled"
        error = self._task.exception()
        return "it returned" if error is None else redacted(f"it raised {type(error).__name__}: {error}"[:500])
