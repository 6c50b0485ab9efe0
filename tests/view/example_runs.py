"""Small run files for the viewer, written without a team. One of them has hostile texts."""

from collections.abc import Iterator
from pathlib import Path

from aarlab.ablation.ablation_file import load_ablation
from aarlab.graph.run.summary import summarise
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import (
    LAB,
    TEAM,
    AgentSetup,
    Borrowed,
    Decision,
    Edge,
    Evaluation,
    Experiment,
    Finding,
    ModelCall,
    Prompted,
    Published,
    ReferenceChosen,
    ReviewDecision,
    RoundStarted,
    RunClosed,
    ToolExecution,
)
from aarlab.memory.messages import Message, Text, Thinking, ToolCall, ToolResult, user_message
from aarlab.memory.run_info import with_summary_hash
from aarlab.memory.run_writer import RunWriter

HOSTILE = (
    "<script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 2'>",
    "[a link](javascript:window.hacked=3)",
    "![an image](http://127.0.0.1:9/track.png)",
    "</script><svg onload=window.hacked=4>",
    "user\u202egnp.exe",
    "\x1b[31mred\x1b[0m \x00 \x07",
    "long" * 5000,
    '"><iframe srcdoc="<script>parent.hacked=5</script>">',
    "{{constructor.constructor('window.hacked=6')()}}",
)
"""Texts that a model may write to attack the page or its reader."""
CODE = 'def method(inputs):\n    """Train on the weak labels."""\n    return inputs.weak_labels  # as they are\n'
BETTER_CODE = CODE.replace("inputs.weak_labels ", "smooth(inputs.weak_labels) ")


ABLATION = """\
name: reviews
question: Does a gate help?
scenario: {team: {researchers: 2}, budget: {hours: 4, round_hours: 2}}
arms: {free: {}, gate: {structure.review: gate}}
seeds: 2
controls: false
"""


def write_ablation(folder: Path) -> Path:
    """Write the folder of a finished ablation with two arms and two seeds, and return it."""
    (folder / "runs").mkdir(parents=True)
    (folder / "ablation.yaml").write_text(ABLATION)
    for run in load_ablation(folder / "ablation.yaml", executed=True).runs:
        write_run(folder / "runs" / f"{run.stem}.db", seed=run.seed, scenario=run.scenario)
    return folder


def write_run(
    path: Path, *, seed: int = 1, hostile: bool = False, closed: bool = True, scenario: Scenario | None = None
) -> Path:
    """Write a run of two researchers and two rounds of 2 hours, and return its path."""
    file = begin_run(path, seed=seed, hostile=hostile, scenario=scenario)
    if closed:
        _write_close(file)
        file.finish("done", with_summary_hash({**summarise(file), "status": "done", "wall_clock_s": 1.0}))
    file.close()
    return path


def begin_run(path: Path, *, seed: int = 1, hostile: bool = False, scenario: Scenario | None = None) -> RunWriter:
    """Write such a run up to its close, and return it while it is still open for writing."""
    team = {"researchers": 2}
    scenario = scenario or Scenario.model_validate(
        {"seed": seed, "structure": {"review": "gate"}, "team": team, "budget": {"hours": 4, "round_hours": 2}}
    )
    dumped = scenario.model_dump(mode="json")
    file = RunWriter.create(path, run_id=path.stem, version="0.1.0", seed=seed, scenario=dumped)
    writer = _Writer(file, iter(HOSTILE) if hostile else iter(()))
    writer.write_setup()
    writer.write_rounds()
    return file


def _write_close(file: RunWriter) -> None:
    code, better = file.store_text(CODE), file.store_text(BETTER_CODE)
    for panel, pgr in (("final", 0.5), ("heldout", 0.48), ("shifted", 0.2)):
        score = Evaluation("r2.f1", panel, better, 8, pgr, 0.02, 0.7, 0.6, 0.8)  # type: ignore[arg-type]
        file.append(TEAM, score, round=3, hours=4.0)
    known = Evaluation("baseline:bagging", "heldout", code, 8, 0.3, 0.02, 0.66, 0.6, 0.8)
    file.append(TEAM, known, round=3, hours=4.0)
    file.append(TEAM, ReferenceChosen("published", "baseline:bagging", 4, 8.0), round=3, hours=4.0)
    file.append(TEAM, RunClosed("r2.f1", 2.0), round=3, hours=4.0)


class _Writer:
    def __init__(self, file: RunWriter, hostile: Iterator[str]) -> None:
        self.file, self._hostile = file, hostile
        self.code, self.better = file.store_text(CODE), file.store_text(BETTER_CODE)

    def text(self, usual: str) -> str:
        """Return the next hostile text; the usual one when there are none."""
        return next(self._hostile, usual)

    def write_setup(self) -> None:
        file = self.file
        posted = Finding("lab.f1", LAB, "result", "known method", "", "other", "lab.e1", self.code, "full", 0.1, 0.03)
        file.append(LAB, posted, round=0, hours=0.0)
        file.append(LAB, Published("lab.f1"), round=0, hours=0.0)
        system = file.store_text(self.text("You are a researcher."))
        tools = file.store_text('[{"name":"run_experiment","description":"","input_schema":{}}]')
        for name in ("r1", "r2"):
            setup = AgentSetup("researcher", "simulated/researcher", system, tools, self.text("weights"))
            file.append(name, setup, round=0, hours=0.0)

    def write_rounds(self) -> None:
        file = self.file
        file.append(TEAM, RoundStarted(2.0), round=1, hours=2.0)
        self._turn("r1", 1, 0.5, "I will weigh the labels.")
        self._experiment("r1.e1", "r1", 1, 1.5, self.code, 0.30)
        self._post("r1.f1", "r1", 1, 1.6, self.code, 0.30, "weigh the labels")
        file.append("r1", ReviewDecision(self.code, False, self.text("too early"), 0.1), round=1, hours=1.7)
        file.append(TEAM, Published("r1.f1"), round=1, hours=2.0)
        file.append(TEAM, RoundStarted(4.0), round=2, hours=4.0)
        file.append("r2", Borrowed("r1.f1", "method.py"), round=2, hours=2.2)
        self._turn("r2", 2, 2.3, "I will smooth the weights of r1.")
        self._experiment("r2.e1", "r2", 2, 3.4, self.better, 0.55)
        self._post("r2.f1", "r2", 2, 3.5, self.better, 0.55, "smooth the weights")
        file.append("r2", Edge("borrows", "r2.f1", "r1.f1", ""), round=2, hours=3.5)
        file.append("r1", Edge("critiques", "r1", "r2.f1", self.text("on few worlds")), round=2, hours=3.8)
        file.append("r1", Decision("next_step", "critique", "agent"), round=2, hours=3.8)
        file.append(TEAM, Published("r2.f1"), round=2, hours=4.0)

    def _turn(self, agent: str, round: int, hours: float, text: str) -> None:
        """Write a message, a reply with a tool call, and its result."""
        file, call = (
            self.file,
            ToolCall(f"{agent}.{round}", "run_experiment", {"path": "method.py", "note": self.text("")}),
        )
        prompt = user_message(self.text(f"Round {round} begins."))
        reply = Message("assistant", (Thinking(self.text("Labels are noisy.")), Text(self.text(text)), call))
        result = Message("user", (ToolResult(call.id, self.text('{"pgr": 0.3}')),))
        file.append(agent, Prompted("researcher", file.store_message(prompt)), round=round, hours=hours - 0.1)
        model_call = ModelCall(
            "researcher", "simulated/researcher", "", file.store_message(reply), "tool_use", 900, 80, 0.01, 0.1
        )
        file.append(agent, model_call, round=round, hours=hours)
        execution = ToolExecution(call.id, call.name, True, "pilot of method.py", 0.2)
        file.append(agent, execution, round=round, hours=hours + 0.2)
        file.append(agent, Prompted("researcher", file.store_message(result)), round=round, hours=hours + 0.2)

    def _experiment(self, name: str, agent: str, round: int, hours: float, code: str, pgr: float) -> None:
        event = Experiment(name, "method.py", code, "full", None, pgr, 0.03, [])
        self.file.append(agent, event, round=round, hours=hours)

    def _post(self, name: str, agent: str, round: int, hours: float, code: str, pgr: float, title: str) -> None:
        event = Finding(
            name, agent, "result", self.text(title), self.text(f"It helps to {title}."), "ensemble", f"{agent}.e1",
            code, "full", pgr, 0.03,
        )  # fmt: skip
        self.file.append(agent, event, round=round, hours=hours)
