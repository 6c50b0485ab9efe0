"""What a tool is: a name, a description, typed arguments, a price and a handler."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from aarlab.memory.messages import Json, ToolSpec
from aarlab.tools.session import AgentSession


class Arguments(BaseModel):
    """Base of all tool arguments: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class ToolError(Exception):
    """The tool cannot do that. The message is for the agent: what was wrong and what would be right."""


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """What a tool answers."""

    content: Json
    summary: str
    """One line for people."""
    ok: bool = True
    work: float = 1.0
    """Share of its price that the use takes: less where a part of the work was not done."""


@dataclass(frozen=True)
class Tool:
    """A tool that researchers can be given."""

    name: str
    description: str
    arguments: type[Arguments]
    cost_entry: Callable[[Any], str]
    """Which entry of the cost table a use takes, from its arguments."""
    handler: Callable[[AgentSession, Any], Awaitable[ToolOutput]]

    @cached_property
    def spec(self) -> ToolSpec:
        """The tool as a model is shown it."""
        return ToolSpec(self.name, self.description, self.arguments.model_json_schema())

    def parse(self, arguments: Mapping[str, Json]) -> Arguments:
        """Check arguments that came from a model. Raises ToolError naming every fault."""
        try:
            return self.arguments.model_validate(arguments)
        except ValidationError as error:
            errors = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors())
            raise ToolError(f"{self.name}: {errors}") from None


def fixed_cost(entry: str) -> Callable[[Any], str]:
    """Return a price that is always the same entry of the cost table."""
    return lambda _: entry
