"""An agent as a LangGraph graph: look at the board, write a method, run it, and post the result or try again."""

import re
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from aarlab.agents.models.outside.outside_session import OutsideSession


class State(TypedDict, total=False):
    """State of the graph."""

    session: OutsideSession
    attempts: int
    """Number of experiments so far, and one."""
    result: dict[str, Any]
    """Result of the last experiment."""


async def look(state: State) -> State:
    """Read the best findings, as a language model would before it chooses a step."""
    await state["session"].call("read_board", order="best", limit=5)
    return {"attempts": 1}


async def write(state: State) -> State:
    """Write the example method of the brief; a language model would write one of its own here."""
    code = re.findall(r"```python\n(.*?)```", state["session"].brief, re.DOTALL)[0]
    await state["session"].call("write_file", path="graph.py", text=f"# attempt {state['attempts']}\n{code}")
    return {}


async def experiment(state: State) -> State:
    """Run the method in full."""
    result = await state["session"].call("run_experiment", path="graph.py", fidelity="full")
    return {"result": result, "attempts": state["attempts"] + 1}


async def post(state: State) -> State:
    """Post the result, and submit it for the final evaluation."""
    finding = await state["session"].call(
        "post_finding", type="result", title="Result of the graph", body="See the log.", family="other",
        experiment=state["result"]["experiment"],
    )  # fmt: skip
    await state["session"].call("submit", finding=finding.get("finding", ""))
    return {}


def after_experiment(state: State) -> str:
    """Post a result; try again after an error if there are hours left."""
    if "error" not in state["result"]:
        return "post"
    return "write" if state["session"].clock.left_in_round > 0 and state["attempts"] < 4 else END


async def work(session: OutsideSession) -> None:
    """Work for one round."""
    graph = StateGraph(State)
    for node in (look, write, experiment, post):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "look")
    graph.add_edge("look", "write")
    graph.add_edge("write", "experiment")
    graph.add_conditional_edges("experiment", after_experiment, ["post", "write", END])
    graph.add_edge("post", END)
    await graph.compile().ainvoke({"session": session})
