"""Tools of the idea board: read, search, ask, post, borrow, critique, submit."""

import json
from typing import Annotated, Literal

from pydantic import Field

from aarlab.memory.board import Post
from aarlab.memory.events import Borrowed, Edge, Experiment, Finding, FindingType, Nomination
from aarlab.memory.messages import Json
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios.known_methods import same_method
from aarlab.scenarios.toolkit import FAMILIES
from aarlab.tools.evaluator.training_log import known_fields
from aarlab.tools.session import AgentSession
from aarlab.tools.tool import Arguments, Tool, ToolError, ToolOutput

_Limit = Annotated[int, Field(ge=1, le=50)]
_Text = Annotated[str, Field(min_length=1, max_length=20_000)]
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
    return entry


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
    posts = session.board.posts(visible_to=session.agent, type=args.type)[::-1]
    if args.order == "best":
        posts.sort(key=lambda post: post.finding.pgr if post.finding.pgr is not None else float("-inf"), reverse=True)
    return ToolOutput({"findings": [listing_entry(post) for post in posts[: args.limit]]}, f"{len(posts)} findings")


class SearchBoard(Arguments):
    """Arguments of search_board."""

    query: _Text
    """Words to search for."""
    limit: _Limit = 10


async def _search_board(session: AgentSession, args: SearchBoard) -> ToolOutput:
    posts = session.board.search(args.query, visible_to=session.agent, limit=args.limit)
    return ToolOutput(
        {"findings": [listing_entry(post) for post in posts]}, f"{len(posts)} findings for {args.query!r}"
    )


class GrepBoard(Arguments):
    """Arguments of grep_board."""

    pattern: Annotated[str, Field(min_length=1, max_length=200)]
    """Exact text to look for, case-insensitive."""
    limit: _Limit = 20


async def _grep_board(session: AgentSession, args: GrepBoard) -> ToolOutput:
    # Plain text, because matching an untrusted regular expression could block the run.
    pattern = args.pattern.casefold()
    matches = [
        {"finding": post.finding.id, "line": line.strip()[:200]}
        for post in session.board.posts(visible_to=session.agent)
        for line in _lines(session, post)
        if pattern in line.casefold()
    ]
    return ToolOutput({"matches": matches[: args.limit]}, f"{len(matches)} lines for {args.pattern!r}")


def _lines(session: AgentSession, post: Post) -> list[str]:
    finding = post.finding
    code = session.file.text(finding.code) if finding.code is not None else ""
    return [finding.title, *finding.body.splitlines(), *code.splitlines()]


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
    """Return a finding with its body, method, training log, critiques and the findings it builds on."""
    finding = post.finding
    entry = {**listing_entry(post), "body": finding.body}
    if finding.code is not None:
        entry["code"] = session.file.text(finding.code)
        entry["log"] = experiment_log(session.file, finding)
    # Edges of the current round are visible to their authors only.
    edges = [
        (edge_entry.stream, edge_entry.event)
        for edge_entry in session.board.edges(of=finding.id)
        if edge_entry.stream == session.agent or edge_entry.round < session.round
    ]
    entry["critiques"] = [{"by": agent, "text": edge.text} for agent, edge in edges if edge.relation == "critiques"]
    entry["builds_on"] = [edge.target for _, edge in edges if edge.source == finding.id]
    return entry


def experiment_log(file: RunReader, finding: Finding) -> Json:
    """Return the toolkit's fields of the log of the experiment that a finding reports, None if it reports none."""
    logs = (e.event for e in file.entries(Experiment, stream=finding.author))
    return next((known_fields(experiment.log) for experiment in logs if experiment.id == finding.experiment), None)


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
    """Return whether a finding has the same method as an earlier finding of another author."""
    return earlier.author != session.agent and _same_method(session, finding, earlier)


def _same_method(session: AgentSession, finding: Finding, earlier: Finding) -> bool:
    if finding.code is None or earlier.code is None:
        return False
    return same_method(session.file.text(finding.code), session.file.text(earlier.code))


def _replicated(session: AgentSession, finding: Finding) -> Finding | None:
    """Return the first visible finding of another author with the same method, results before others.

    None if there is none, or if the author itself posted the method no later.
    """
    visible = [post for post in session.board.posts(visible_to=session.agent) if post.finding.id != finding.id]
    own = [
        post.round
        for post in visible
        if post.finding.author == session.agent and _same_method(session, finding, post.finding)
    ]
    others = [post for post in visible if _replicates(session, finding, post.finding)]
    first = next((post for post in others if post.finding.type == "result"), next(iter(others), None))
    return None if first is None or (own and min(own) <= first.round) else first.finding


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


def listing_json(posts: list[Post]) -> str:
    """Return a listing of posts as JSON, one per line."""
    return "[\n" + ",\n".join(json.dumps(listing_entry(post)) for post in posts) + "\n]" if posts else "[]"
