"""An agent in 40 lines: it pilots the best methods of others, runs the best of them in full, and posts the result."""

import re

from aarlab.agents.models.outside.outside_session import OutsideSession


async def tune(session: OutsideSession) -> None:
    """Work for one round; the round ends for the agent when this returns."""
    board = await session.call("read_board", order="best")
    others = [finding for finding in board["findings"] if finding["author"] != session.agent]
    candidates = [await borrow(session, finding["finding"]) for finding in others[:2]]
    paths = [path for path in candidates if path is not None] or [await example(session)]
    pilots = {path: await session.call("run_experiment", path=path, fidelity="pilot") for path in paths}
    best = max(paths, key=lambda path: pilots[path].get("pgr", float("-inf")))
    full = await session.call("run_experiment", path=best, fidelity="full")
    if "error" in full:
        return  # no hours left, or the method failed
    posted = await session.call(
        "post_finding",
        type="result",
        title=f"{best} on all worlds",
        body=f"PGR {full['pgr']} in full, {pilots[best].get('pgr')} in the pilot.",
        family="other",
        experiment=full["experiment"],
    )
    if "finding" in posted:
        await session.call("submit", finding=posted["finding"])


async def borrow(session: OutsideSession, finding: str) -> str | None:
    """Copy the method of a finding into the workspace; return its path, or None if it has none."""
    return (await session.call("borrow", finding=finding)).get("path")


async def example(session: OutsideSession) -> str:
    """Write the example method of the brief into the workspace, and return its path."""
    code = re.findall(r"```python\n(.*?)```", session.brief, re.DOTALL)[0]
    return (await session.call("write_file", path="method.py", text=code))["path"]
