"""The contents of a run file for analysis in Python: findings, experiments, conversations, lineage, data frames."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import networkx as nx
from rich.text import Text

from aarlab.config.data_frames import data_frame
from aarlab.config.errors import did_you_mean
from aarlab.export.lineage_graph import lineage_graph
from aarlab.memory.board import Board
from aarlab.memory.events import EVENT_CLASS_BY_KIND, Finding, ModelCall, Prompted
from aarlab.memory.messages import ToolCall, ToolResult
from aarlab.memory.run_file_errors import ALTERED
from aarlab.memory.run_reader import RunReader
from aarlab.notebook_display import RunSummary, as_html, framed

if TYPE_CHECKING:
    import pandas

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ConversationTurn:
    """One message of a conversation."""

    round: int
    hours: float
    """Research hours of the agent."""
    role: str
    """Role of the agent whose model is called, such as `researcher`, or `reviewer` for a review."""
    speaker: str
    """`user` for a message to the model, `assistant` for its reply."""
    text: str
    thinking: str
    tool_calls: tuple[ToolCall, ...]
    tool_results: tuple[ToolResult, ...]


class Recording(RunReader):
    """An open run file. Use it in the thread that opened it, in a `with` statement, or close it."""

    @property
    def summary(self) -> RunSummary | None:
        """The summary of the run, as `aarlab.run` returned it; None until the run is closed."""
        summary = self.info().summary
        return None if summary is None else RunSummary({**summary, "file": str(self.path.resolve())})

    @cached_property
    def altered(self) -> bool:
        """Whether the events or the summary of the scored run are not those that were recorded."""
        return self.is_altered()

    @property
    def findings(self) -> list[Row]:
        """All findings in the order of the board: round, hours, published, held_back, and the fields of a finding.

        `held_back` is `withheld` or `disqualified` if a flag of a monitor had this outcome.
        """
        names = ("round", "hours", "published", "held_back")
        return [{name: getattr(post, name) for name in names} | asdict(post.finding) for post in Board(self).posts()]

    @property
    def experiments(self) -> list[Row]:
        """All experiments of researchers in the order of research hours: agent, round, hours, and their fields."""
        return self.rows("experiments")

    @property
    def lineage(self) -> "nx.MultiDiGraph[str]":
        """The findings and their borrows, refinements, critiques and replications as a networkx graph.

        Edges point from later findings to earlier ones, or from the author of a critique to a finding.
        """
        return lineage_graph(self)

    def rows(self, kind: str) -> list[Row]:
        """Return the events of one kind, such as `decisions` or `evaluations`, as dictionaries.

        Each has `agent`, `round`, `hours` and the fields of the event, see docs/export.md.

        Raises:
            ValueError: There is no such kind of event.
        """
        if kind == Finding.kind:
            return self.findings
        event = EVENT_CLASS_BY_KIND.get(kind)
        if event is None:
            raise ValueError(_unknown_name("kind of event", kind, sorted(EVENT_CLASS_BY_KIND)))
        entries = self.by_research_hours(event) if kind == "experiments" else self.entries(event)
        return [
            {"agent": entry.stream, "round": entry.round, "hours": entry.hours, **entry.event.to_json()}
            for entry in entries
        ]

    def frame(self, kind: str) -> "pandas.DataFrame":
        """Return the events of one kind, such as `findings`, as a data frame with the columns of `rows`.

        Raises:
            ValueError: There is no such kind of event.
            ImportError: pandas is not installed.
        """
        return data_frame(self.rows(kind))

    def conversation(self, agent: str, round: int | None = None) -> list[ConversationTurn]:
        """Return the messages to an agent and its replies in order, of one round only if `round` is given.

        Raises:
            ValueError: The run has no such agent.
        """
        agents = self.streams()
        if agent not in agents:
            raise ValueError(_unknown_name("agent", agent, agents))
        return list(self._turns(agent, round))

    def _turns(self, agent: str, round: int | None) -> Iterator[ConversationTurn]:
        for entry in self.entries(Prompted, ModelCall, stream=agent, round=round):
            match entry.event:
                case Prompted(message=key) | ModelCall(reply=key):
                    message = self.message(key)
                    yield ConversationTurn(
                        entry.round, entry.hours, entry.event.role, message.speaker, message.text, message.thinking,
                        message.tool_calls, message.tool_results,
                    )  # fmt: skip

    def _repr_html_(self) -> str:
        """Return the page of the run in the viewer, without the conversations."""
        page = resolve_name("aarlab.view.single_page:single_page")(self.path, conversations=False)
        notice = as_html(Text(f"This run {ALTERED}.", "bold red")) if self.altered else ""
        return notice + framed(page)


def _unknown_name(kind: str, name: str, known: list[str]) -> str:
    hint = did_you_mean(name, known)
    return (
        f"no {kind} {name!r}{f'; {hint}' if hint else '.'} Known: {', '.join(known) or 'none, as there are no events'}"
    )
