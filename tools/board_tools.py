"""Tools of the idea board: read, search, ask, post, borrow, critique, submit."""

import json
from collections.abc import Iterable
from itertools import chain, islice
from typing import Annotated, Literal

from pydantic import Field

from aarlab.memory.board import AUTHOR_RANK, SENIOR, Board, Post
from aarlab.memory.events import Borrowed, Edge, Experiment, Finding, FindingType, Nomination
from aarlab.memory.messages import Json, content_hash
from aarlab.scenarios.known_methods import normal_form, same_method
from aarlab.scenarios.toolkit import FAMILIES
from aarlab.tools.evaluator.training_log import known_fields
from aarlab.tools.session import AgentSession
from aarlab.tools.tool import Arguments, Tool, ToolError, ToolOutput
from aarlab.tools.workspace_tools import file_text

_Limit = Annotated[int, Field(ge=1, le=50)]
_Text = Annotated[str, Field(min_length=1, max_length=20_000)]
MAX_COUNTED_LINES = 1000
"""Maximum number of matching lines that grep_board counts."""
_Title = Annotated[str, Field(min_length=1, max_length=200)]


def listing_entry(post: Post) -> dict[str, Json]:
    """Return a post as an entry of a listing, without body, code and log."""
    finding = post.finding
    entry: dict[str, Json] = {
        "finding": finding.id,
        "round": post.round,
        "author": finding.author,
        "type": finding.type,
        "title": finding.title,
        "family": finding.family,
    }
    if finding.fidelity is not None:
        entry |= {"fidelity": finding.fidelity, "pgr": finding.pgr, "se": finding.se}
    if post.by_senior:
        entry[AUTHOR_RANK] = SENIOR
    if post.held_back is not None:
        entry["status"] = post.held_back
    return entry


def senior_first(posts: Iterable[Post]) -> list[Post]:
    """Return posts with those of the senior first, otherwise in the given order."""
    return sorted(posts, key=lambda post: not post.by_senior)


def _visible_post(session: AgentSession, finding: str) -> Post:
    post = session.board.post(finding, visible_to=session.agent)
    if post is None:
        raise ToolError(
            f"there is no finding {finding!r} on the board, or you cannot see it; read_board lists findings"
        )
    return post


# -- reading ----------------------------------------------------------------------------------------------------


class ReadBoard(Arguments):
    """Arguments of read_board."""

    type: FindingType | None = None
    """Only findings of this type; not set: all types."""
    order: Literal["newest", "best"] = "newest"
    """Newest first, or best development PGR first."""
    limit: _Limit = 20


async def _read_board(session: AgentSession, args: ReadBoard) -> ToolOutput:
    posts = session.board.senior_first(visible_to=session.agent, order=args.order, type=args.type)
    count = session.board.count(visible_to=session.agent, type=args.type)
    return ToolOutput({"findings": [listing_entry(post) for post in islice(posts, args.limit)]}, f"{count} findings")


class SearchBoard(Arguments):
    """Arguments of search_board."""

    query: _Text
    """Words to search for."""
    limit: _Limit = 10


async def _search_board(session: AgentSession, args: SearchBoard) -> ToolOutput:
    posts = session.board.search(args.query, visible_to=session.agent, limit=args.limit)
    return ToolOutput(
        {"findings": [listing_entry(post) for post in senior_first(posts)]}, f"{len(posts)} findings for {args.query!r}"
    )


class GrepBoard(Arguments):
    """Arguments of grep_board."""

    pattern: Annotated[str, Field(min_length=1, max_length=200)]
    """Exact text to look for, case-insensitive."""
    limit: _Limit = 20


async def _grep_board(session: AgentSession, args: GrepBoard) -> ToolOutput:
    # Plain text, because matching an untrusted regular expression could block the run.
    found = list(islice(session.board.lines_with(args.pattern, visible_to=session.agent), MAX_COUNTED_LINES))
    matches = [
        {"finding": post.finding.id, "line": session.board.line(post, number).strip()[:200]}
        for post, number in found[: args.limit]
    ]
    count = f"{len(found)}{'+' if len(found) == MAX_COUNTED_LINES else ''}"
    return ToolOutput({"matches": matches}, f"{count} lines for {args.pattern!r}")


class AskLibrarian(Arguments):
    """Arguments of ask_librarian."""

    question: _Text
    """Your question."""


async def _ask_librarian(session: AgentSession, args: AskLibrarian) -> ToolOutput:
    assert session.librarian is not None, "the tool needs a librarian"
    answer_text, findings = await session.librarian(args.question)
    posts = [
        post for f in dict.fromkeys(findings) if (post := session.board.post(f, visible_to=session.agent)) is not None
    ]
    content: dict[str, Json] = {"answer": answer_text, "findings": [_full_entry(session, post) for post in posts]}
    return ToolOutput(content, f"{args.question!r}: {', '.join(post.finding.id for post in posts) or 'nothing'}")


class ReadFindings(Arguments):
    """Arguments of read_findings."""

    findings: Annotated[list[str], Field(min_length=1, max_length=10)]
    """Ids of the findings."""


async def _read_findings(session: AgentSession, args: ReadFindings) -> ToolOutput:
    posts = [_visible_post(session, finding) for finding in dict.fromkeys(args.findings)]
    return ToolOutput(
        {"findings": [_full_entry(session, post) for post in posts]}, ", ".join(post.finding.id for post in posts)
    )


def _full_entry(session: AgentSession, post: Post) -> dict[str, Json]:
    """Return a finding with its body, method, training log, critiques and the findings it builds on, if visible."""
    finding = post.finding
    entry = {**listing_entry(post), "body": finding.body}
    if finding.code is not None:
        entry["code"] = session.file.text(finding.code)
        entry["log"] = experiment_log(session.board, finding)
    # Edges of the current round are visible to their authors only.
    critiques, origins = (
        [
            (edge_entry.stream, edge_entry.event)
            for edge_entry in edges
            if edge_entry.stream == session.agent or edge_entry.round < session.round
        ]
        for edges in (session.board.critiques(finding.id), session.board.edges_from(finding.id))
    )
    entry["critiques"] = [{"by": agent, "text": edge.text} for agent, edge in critiques]
    parents = [edge.target for _, edge in origins]
    entry["builds_on"] = [key for key in parents if session.board.post(key, visible_to=session.agent) is not None]
    return entry


def experiment_log(board: Board, finding: Finding) -> Json:
    """Return the toolkit's fields of the log of the experiment that a finding reports, None if it reports none."""
    experiment = None if finding.experiment is None else board.experiment(finding.experiment)
    return None if experiment is None else known_fields(experiment.log)


# -- writing ----------------------------------------------------------------------------------------------------


class PostFinding(Arguments):
    """Arguments of post_finding."""

    type: FindingType
    """A hypothesis to test, a result of an experiment, an insight, or an error that others should know about."""
    title: _Title
    body: _Text
    family: str = Field(json_schema_extra={"enum": list(FAMILIES)})
    """Method family of the idea."""
    experiment: str | None = None
    """Id of your experiment that it reports; required for a result."""
    builds_on: list[str] = Field(default=[], max_length=10)
    """Ids of the findings it builds on."""


async def _post_finding(session: AgentSession, args: PostFinding) -> ToolOutput:
    if args.family not in FAMILIES:
        raise ToolError(f"unknown family {args.family!r}; families: {', '.join(FAMILIES)}")
    experiment = _experiment(session, args)
    parents = [_visible_post(session, parent).finding for parent in dict.fromkeys(args.builds_on)]
    finding = Finding(
        id=session.next_id("f"),
        author=session.agent,
        type=args.type,
        title=args.title,
        body=args.body,
        family=args.family,
        experiment=args.experiment,
        code=experiment.code if experiment else None,
        fidelity=experiment.fidelity if experiment else None,
        pgr=experiment.pgr if experiment else None,
        se=experiment.se if experiment else None,
    )
    session.record(finding)
    for parent in parents:
        relation = _relation(session, finding, parent)
        session.record(Edge(relation, finding.id, parent.id, ""))
    replicated = _replicated(session, finding) if finding.type == "result" else None
    if replicated is not None and replicated not in parents:
        session.record(Edge("replicates", finding.id, replicated.id, ""))
    session.record_decision("share", f"{args.type} {finding.id}")
    return ToolOutput({"finding": finding.id}, f"{finding.id} ({args.type}): {args.title}")


def _experiment(session: AgentSession, args: PostFinding) -> Experiment | None:
    """Return the experiment that a post reports, None if it reports none. Raises ToolError."""
    if args.experiment is None:
        if args.type == "result":
            raise ToolError("a result needs the id of the experiment that it reports (experiment)")
        return None
    experiment = session.experiments.get(args.experiment)
    if experiment is None:
        known = ", ".join(session.experiments) or "none"
        raise ToolError(f"you have no experiment {args.experiment!r}; your experiments: {known}")
    if args.type == "result" and experiment.pgr is None:
        raise ToolError(f"{args.experiment} has no score to report; post it as an error or an insight")
    return experiment


def _relation(session: AgentSession, finding: Finding, parent: Finding) -> Literal["borrows", "refines", "replicates"]:
    """Return the relation of a finding to its parent.

    `replicates`: another author's method, unchanged. `borrows`: the parent's code was borrowed. Otherwise `refines`.
    """
    if _replicates(session, finding, parent):
        return "replicates"
    return "borrows" if parent.id in session.borrowed_from.values() else "refines"


def _replicates(session: AgentSession, finding: Finding, earlier: Finding) -> bool:
    """Return whether a finding has the same method as an earlier finding of another author that was not a handoff."""
    if earlier.is_handoff or earlier.author == session.agent or finding.code is None or earlier.code is None:
        return False
    return same_method(session.file.text(finding.code), session.file.text(earlier.code))


def _replicated(session: AgentSession, finding: Finding) -> Finding | None:
    """Return the first visible finding of another author with the same method, results before others.

    None if there is none, or if the author itself posted the method no later.
    """
    if finding.code is None:
        return None
    method = _method(session, finding)
    # The keys of the indexes are read once for each finding: none of them depends on the agent.
    of_author = session.board.posts_with(
        f"{session.agent} {method}", index="author and method",
        key=lambda f: None if f.code is None else f"{f.author} {_method(session, f)}", visible_to=session.agent,
    )  # fmt: skip
    first_own = next((post.round for post in of_author if post.finding.id != finding.id), None)
    results, others = (
        session.board.posts_with(
            f"{is_result} {method}", index="type and method",
            key=lambda f: None if f.code is None or f.is_handoff else f"{f.type == 'result'} {_method(session, f)}",
            visible_to=session.agent,
        )
        for is_result in (True, False)
    )  # fmt: skip
    first = next((post for post in chain(results, others) if post.finding.author != session.agent), None)
    return None if first is None or (first_own is not None and first_own <= first.round) else first.finding


def _method(session: AgentSession, finding: Finding) -> str:
    """Return the hash of the normal form of a finding's method."""
    assert finding.code is not None, "the finding has a method"
    return content_hash(normal_form(session.file.text(finding.code)))


class Borrow(Arguments):
    """Arguments of borrow."""

    finding: str
    """Id of a finding of another researcher that has a method."""


async def _borrow(session: AgentSession, args: Borrow) -> ToolOutput:
    finding = _visible_post(session, args.finding).finding
    if finding.code is None:
        raise ToolError(f"{finding.id} has no method to borrow: it reports no experiment")
    if finding.author == session.agent:
        raise ToolError(f"{finding.id} is your own; its method is already in your workspace")
    path = f"borrowed/{finding.id}.py"
    code = session.file.text(finding.code)
    session.write_file(path, code)
    session.borrowed_from[finding.code] = finding.id
    session.record(Borrowed(finding.id, path))
    session.record_decision("parent", finding.id)
    return ToolOutput({"path": path, "code": code}, f"{finding.id} into {path}")


class HandOff(Arguments):
    """Arguments of hand_off."""

    finding: str
    """Id of the hypothesis that the method tests."""
    path: str
    """Workspace file that defines `method(world)`."""
    note: Annotated[str, Field(max_length=20_000)] = ""
    """What the analysis specialist should know."""


async def _hand_off(session: AgentSession, args: HandOff) -> ToolOutput:
    hypothesis = _visible_post(session, args.finding).finding
    if hypothesis.type != "hypothesis":
        raise ToolError(f"{hypothesis.id} is not a hypothesis; name the hypothesis that the method tests")
    code = file_text(session, args.path)
    finding = Finding(
        id=session.next_id("f"),
        author=session.agent,
        type="insight",
        title=f"Method for {hypothesis.id}: {hypothesis.title}"[:200],
        body=args.note,
        family=hypothesis.family,
        experiment=None,
        code=session.file.store_text(code),
        fidelity=None,
        pgr=None,
        se=None,
    )
    session.record(finding)
    session.record(Edge("refines", finding.id, hypothesis.id, ""))
    session.record_decision("share", f"method {finding.id}")
    return ToolOutput({"finding": finding.id}, f"{finding.id}: {finding.title}")


class Critique(Arguments):
    """Arguments of critique."""

    finding: str
    """Id of the finding."""
    text: _Text
    """What is wrong or missing, and how to check it."""


async def _critique(session: AgentSession, args: Critique) -> ToolOutput:
    finding = _visible_post(session, args.finding).finding
    session.record(Edge("critiques", session.agent, finding.id, args.text))
    return ToolOutput({"critiqued": finding.id}, f"{finding.id}: {args.text}")


class Submit(Arguments):
    """Arguments of submit."""

    finding: str
    """Id of your result from a full experiment."""


async def _submit(session: AgentSession, args: Submit) -> ToolOutput:
    finding = _visible_post(session, args.finding).finding
    if finding.author != session.agent or finding.type != "result" or finding.fidelity != "full":
        raise ToolError(
            f"{finding.id} cannot be submitted: only your own result from a full experiment can be submitted"
        )
    session.record(Nomination(finding.id))
    session.record_decision("publish", finding.id)
    return ToolOutput({"submitted": finding.id}, f"{finding.id} is submitted for the final evaluation")


BOARD_TOOLS: tuple[Tool, ...] = (
    Tool("read_board", "List findings on the idea board.", ReadBoard, "read", _read_board),
    Tool("search_board", "Search findings by words.", SearchBoard, "read", _search_board),
    Tool(
        "grep_board",
        "Find the lines of findings and their methods that contain a text.",
        GrepBoard,
        "read",
        _grep_board,
    ),
    Tool("ask_librarian", "Ask the librarian a question about the findings.", AskLibrarian, "ask", _ask_librarian),
    Tool(
        "read_findings",
        "Read findings in full: body, method, critiques and the findings they build on.",
        ReadFindings,
        "read",
        _read_findings,
    ),
    Tool("post_finding", "Post a finding on the idea board.", PostFinding, "share", _post_finding),
    Tool("borrow", "Copy the method of another researcher's finding into your workspace.", Borrow, "read", _borrow),
    Tool("critique", "Say what is wrong or missing in a finding.", Critique, "share", _critique),
    Tool(
        "submit",
        "Submit one of your results. At the close the submitted results with the best development scores are scored on "
        "fresh worlds, and the winner is scored on held-out worlds. Your last submission counts.",
        Submit,
        "share",
        _submit,
    ),
)


HAND_OFF = Tool(
    "hand_off",
    "Hand off a method for a hypothesis: it is posted on the board, and analysis specialists can borrow and run it.",
    HandOff,
    "share",
    _hand_off,
)
"""The tool of method specialists."""


def listing_json(posts: list[Post]) -> str:
    """Return a listing of posts as JSON, one per line."""
    return "[\n" + ",\n".join(json.dumps(listing_entry(post)) for post in posts) + "\n]" if posts else "[]"
