"""Definition of a tool: name, description, typed arguments, cost and handler."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from aarlab.memory.messages import Json, ToolSpec
from aarlab.tools.session import AgentSession


class Arguments(BaseModel):
    """Base class of tool arguments. Unknown arguments are rejected; field docstrings describe fields to the model."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class ToolError(Exception):
    """The call failed. The message is returned to the agent: it names the problem and how to fix it."""


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """Output of a handler."""

    content: dict[str, Json]
    """JSON object that the agent gets."""
    summary: str
    """One line for the event log and the screen."""
    ok: bool = True
    """Whether the call succeeded."""
    hours: float | None = None
    """Research hours that are charged, if the handler measured them; None: the cost of the tool."""


@dataclass(frozen=True)
class Tool:
    """A tool of researchers."""

    name: str
    description: str
    """What it does, for the model. It ends with a period."""
    arguments: type[Arguments]
    cost: str | float | Callable[[Any], str]
    """Research hours of a call: a number, an entry of the scenario's cost table, or a function from the arguments to an
    entry.
    """
    handler: Callable[[AgentSession, Any], Awaitable[ToolOutput]]
    """Executes the call, given the agent's session and the parsed arguments. Raises ToolError."""

    @cached_property
    def spec(self) -> ToolSpec:
        """Name, description and JSON schema of the arguments, for the model."""
        return ToolSpec(self.name, self.description, self.arguments.model_json_schema())

    def parse(self, arguments: Mapping[str, Json]) -> Arguments:
        """Return the checked arguments of a call. Raises ToolError, which lists every error."""
        try:
            return self.arguments.model_validate(arguments)
        except ValidationError as error:
            errors = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors())
            raise ToolError(f"{self.name}: {errors}") from None

    def cost_of(self, arguments: Arguments) -> str | float:
        """Return the cost of a call: hours, or an entry of the cost table."""
        return self.cost(arguments) if callable(self.cost) else self.cost
