"""Settings of an outside agent: its command line, and what it may use."""

import shlex
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"


class OutsideAgentSettings(BaseModel):
    """An outside agent: how it is started for each round, and what it may use."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    command: list[str] = []
    """Command line, as a list or as one text. Paths replace `{brief}` (also the standard input), `{mcp_config}`,
    `{workspace}` (its working folder) and `{connection}` (the folder of the first two); the address of the tools
    replaces `{mcp_url}`. Empty: the coroutine that an installed package declares under this name.
    """
    attach: bool = False
    """Whether nothing is started: the run waits for an agent that connects with `aarlab serve-tools`."""
    round_minutes: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 30.0
    """Minutes of wall-clock time that the agent has for a round. Then it is stopped, and the round ends for it."""
    grace_seconds: Annotated[float, Field(ge=0, le=600)] = 10.0
    """Seconds that the agent has to end by itself after its round has ended."""
    transport: Literal["stdio", "http"] = "stdio"
    """How the MCP configuration connects the agent to the tools. `http` needs `network`."""
    confined: bool = True
    """Whether bubblewrap confines the command to its workspace folder. False: it has the rights of this user."""
    network: bool = True
    """Whether a confined command has a network. Most agents need one to reach their provider."""
    read: list[str] = []
    """Further files and folders that a confined command can read, such as the installation of the agent."""
    write: list[str] = []
    """Further files and folders that a confined command can change, such as its login and settings."""
    env: list[Annotated[str, Field(pattern=_VARIABLE)]] = []
    """Names of environment variables that the command gets, such as the key of its provider. It gets no others."""
    transcript: str | None = None
    """Transcript of the agent in JSON Lines, which the run stores: `stdout`, or a pattern of paths in the workspace,
    such as `logs/*.jsonl`. Not set: none.
    """

    @property
    def about(self) -> str:
        """How the agent takes part, for the user."""
        if self.attach:
            return "waits in each round for an agent that connects with: aarlab serve-tools RUN.agents/RESEARCHER"
        if not self.command:
            return "is the coroutine of an installed package"
        confinement = "in bubblewrap" if self.confined else "NOT confined"
        return f"starts, {confinement}: {shlex.join(self.command)}"

    @field_validator("command", mode="before")
    @classmethod
    def _split_command(cls, value: object) -> object:
        return shlex.split(value) if isinstance(value, str) else value

    @field_validator("transcript")
    @classmethod
    def _check_transcript(cls, pattern: str | None) -> str | None:
        if pattern is not None and (pattern.startswith(("/", "~")) or ".." in pattern.split("/") or not pattern):
            raise ValueError("transcript is `stdout` or a pattern of paths inside the workspace")
        return pattern

    @model_validator(mode="after")
    def _check_contradictions(self) -> "OutsideAgentSettings":
        if self.transport == "http" and not self.network:
            raise ValueError("transport http needs a network; use transport stdio")
        if self.attach and self.command:
            raise ValueError("an agent has a command or attach: true, not both")
        return self
