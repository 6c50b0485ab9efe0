"""The two systems that aarlab is compared with: a loop written by hand, and plain LangGraph.

Agents, nine by default, call a model that replies at once and posts a finding of 300 bytes in each call. Every agent
keeps its conversation. Nothing of LangGraph is recorded; the loop commits each call to SQLite.
"""

import asyncio
import json
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

AGENTS = 9
WORDS = tuple("".join(chr(97 + (i * step) % 26) for step in (1, 7, 11, 3, 17)) for i in range(400))


def finding(rng: random.Random) -> dict[str, str]:
    """Return a finding of 300 bytes."""
    return {"type": "insight", "title": " ".join(rng.choices(WORDS, k=5)), "body": " ".join(rng.choices(WORDS, k=50))}


def by_hand(calls: int, path: Path, agents: int = AGENTS) -> float:
    """Return the milliseconds of CPU time per call of the loop, which writes `path`."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("CREATE TABLE calls (agent INTEGER, turn INTEGER, reply TEXT, result TEXT)")
        rngs = [random.Random(agent) for agent in range(agents)]
        conversations: list[list[dict[str, Any]]] = [[] for _ in range(agents)]
        started_at = time.process_time()
        for turn in range(calls):
            for agent, conversation in enumerate(conversations):
                reply = {"role": "assistant", "content": [{"name": "post", "input": finding(rngs[agent])}]}
                result = {"role": "user", "content": [{"id": f"r{agent}.f{turn}"}]}
                conversation += (reply, result)
                row = (agent, turn, json.dumps(reply), json.dumps(result))
                connection.execute("INSERT INTO calls VALUES (?, ?, ?, ?)", row)  # and commit
        return 1000 * (time.process_time() - started_at) / (agents * calls)


def read_by_hand(path: Path) -> float:
    """Return the milliseconds of CPU time per call to read the file of `by_hand` again."""
    started_at = time.process_time()
    with closing(sqlite3.connect(path)) as connection:
        rows = [(json.loads(a), json.loads(b)) for a, b in connection.execute("SELECT reply, result FROM calls")]
    return 1000 * (time.process_time() - started_at) / len(rows)


def by_langgraph(calls: int, agents: int = AGENTS) -> float:
    """Return the milliseconds of CPU time per call of agents that are LangGraph graphs with a model and a tool node."""
    from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
    from langgraph.graph import END, START, MessagesState, StateGraph

    class State(MessagesState):
        agent: int

    rngs = [random.Random(agent) for agent in range(agents)]

    async def model(state: State) -> dict[str, Any]:
        call = {"name": "post", "args": finding(rngs[state["agent"]]), "id": f"t{len(state['messages'])}"}
        return {"messages": [AIMessage("", tool_calls=[call])]}

    async def tool(state: State) -> dict[str, Any]:
        (call,) = state["messages"][-1].tool_calls
        return {"messages": [ToolMessage(json.dumps({"id": call["id"]}), tool_call_id=call["id"])]}

    async def route(state: State) -> str:
        return "model" if len(state["messages"]) < 2 * calls else END

    graph = StateGraph(State)
    graph.add_node("model", model)
    graph.add_node("tool", tool)
    graph.add_edge(START, "model")
    graph.add_edge("model", "tool")
    graph.add_conditional_edges("tool", route, ["model", END])
    compiled = graph.compile()

    async def team() -> None:
        config: Any = {"recursion_limit": 4 * calls + 10}
        starts = ({"messages": [HumanMessage("Begin.")], "agent": agent} for agent in range(agents))
        await asyncio.gather(*(compiled.ainvoke(start, config=config) for start in starts))

    started_at = time.process_time()
    asyncio.run(team())
    return 1000 * (time.process_time() - started_at) / (agents * calls)
