"""Measure the overhead of aarlab per model call.

    python benchmarks/call_overhead.py [--json]

Takes some seconds of CPU time. All results are CPU time:

- *Call overhead*: nine researchers with an instant base model make 400 calls each, under a budget that is checked
  before each call. This covers everything between a researcher and its model: cost bound, ledger, retries, price, and
  the transcript in the run file.
- *Request body*: converting a conversation of 400 calls into the body of a request to the Messages API. It grows with
  the conversation, as the request does.
- *Start*: `import aarlab` and `aarlab --help`, in separate processes.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import instant_model

from aarlab.agents.models import anthropic
from aarlab.agents.models.base import ModelSettings, Request
from aarlab.agents.models.pricing import Price
from aarlab.graph.calls.call import CallContext, ask
from aarlab.graph.calls.model_pool import AgentModel, ModelPool
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import Prompted
from aarlab.memory.messages import Conversation, Message, ToolResult, user_message
from aarlab.memory.run_writer import RunWriter
from aarlab.tools.tool_registry import TOOLS

RESEARCHERS = 9
CALLS = 400
"""Calls of each researcher."""
TOOL_RESULT = json.dumps({"note": instant_model.NOTE})
PRICE = Price(input=4.0, output=20.0, cache_read=0.2, cache_write=5.0)


@dataclass(frozen=True, slots=True)
class OverheadFigures:
    """Results in milliseconds of CPU time."""

    call_overhead_ms: float
    """Per call."""
    body_ms: float
    """Per request after 400 calls."""
    import_ms: float
    help_ms: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    arguments = parser.parse_args()
    call_overhead_ms, conversation = call_overhead()
    figures = OverheadFigures(
        call_overhead_ms,
        request_body_ms(conversation),
        start_ms("-c", "import aarlab"),
        start_ms("-m", "aarlab", "--help"),
    )
    if arguments.json:
        print(json.dumps(asdict(figures)))
        return
    for label, name in (("overhead per call", "call_overhead_ms"), ("body after 400 calls", "body_ms"),
                        ("import aarlab", "import_ms"), ("aarlab --help", "help_ms")):  # fmt: skip
        print(f"{label:<24}{getattr(figures, name):8.2f} ms of CPU time")


def call_overhead() -> tuple[float, Conversation]:
    """Return the overhead per call in milliseconds, and the last conversation."""
    instant_model.register(PRICE)
    scenario = Scenario.model_validate(
        {"team": {"model": instant_model.NAME}, "budget": {"usd": 1e6, "tokens": 10**12, "calls_per_agent": CALLS}}
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.db"
        with RunWriter.create(path, run_id="benchmark", version="0", seed=1, scenario={}) as file:
            pool = ModelPool(scenario.budget, scenario.live, seed=scenario.seed, temperament="varied")
            models = {f"r{i + 1}": pool.get(instant_model.NAME, f"r{i + 1}") for i in range(RESEARCHERS)}
            started_at = time.process_time()
            last = asyncio.run(_conversations(models, file))
            return (time.process_time() - started_at) / (RESEARCHERS * CALLS) * 1000, last


async def _conversations(models: dict[str, AgentModel], file: RunWriter) -> Conversation:
    return (await asyncio.gather(*(_conversation(agent, model, file) for agent, model in models.items())))[-1]


async def _conversation(agent: str, model: AgentModel, file: RunWriter) -> Conversation:
    """Make all calls of a researcher and record the transcript."""
    conversation = Conversation.begin("You are a researcher. " * 500).then(user_message("Begin."))
    tools = tuple(tool.spec for tool in TOOLS.values())
    for turn in range(CALLS):
        request = Request(conversation, tools)
        call_context = CallContext(file, agent, 1, partial(file.append, agent, round=1, hours=turn * 0.1))
        reply = await ask(model, request, "researcher", call_context)
        result = Message("user", (ToolResult(reply.message.tool_calls[0].id, TOOL_RESULT),))
        file.append(agent, Prompted("researcher", file.store_message(result)), round=1, hours=turn * 0.1)
        conversation = conversation.then(reply.message, result)
    return conversation


def request_body_ms(conversation: Conversation) -> float:
    """Return the milliseconds for the body of a request."""
    request = Request(conversation, tuple(tool.spec for tool in TOOLS.values()))
    started_at = time.process_time()
    for _ in range(20):
        anthropic.request_body(request, "claude", ModelSettings())
    return (time.process_time() - started_at) / 20 * 1000


def start_ms(*arguments: str) -> float:
    """Return the minimum milliseconds of three starts of the interpreter with these arguments."""
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(seconds) * 1000


if __name__ == "__main__":
    main()
