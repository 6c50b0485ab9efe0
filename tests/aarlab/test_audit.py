"""The audit of a run: components, what the page says, predictability, and signatures."""

import asyncio
import io
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from model_servers import ModelServer
from rich.console import Console

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated.recipe import SearchSpace
from aarlab.audit.audit_output import audit_page, audit_text
from aarlab.audit.component_values import ComponentAudit, audit_components
from aarlab.audit.predictability import measure_predictability, predict_by_rules
from aarlab.audit.run_audit import CHECKLIST, AuditOptions, RunAudit, audit_run
from aarlab.cli.main import main
from aarlab.export.jsonl_export import write_jsonl
from aarlab.export.jsonl_import import import_jsonl
from aarlab.graph.run.execute import create_run_file
from aarlab.graph.run.replay import replay_run
from aarlab.graph.run.summary import summarise
from aarlab.graph.scenario import Scenario
from aarlab.memory.audit_signatures import signatures
from aarlab.memory.events import AgentSetup, Edge, Evaluation, Experiment, Finding, Panel, RunClosed
from aarlab.memory.messages import Message, Text, ToolCall, Usage
from aarlab.memory.run_info import with_summary_hash
from aarlab.memory.run_reader import RunReader
from aarlab.scenarios.method_variants import components
from aarlab.scenarios.toolkit.operators import catalogue

HOSTILE = "<script>alert(1)</script>\x1b[31m"
SETTINGS: dict[str, Any] = {
    "team": {"researchers": 2},
    "scoring": {
        "secret": "", "full_worlds": 4, "final_worlds": 4, "heldout_worlds": 4, "shifted_worlds": 2,
        "transfer_worlds": 0,
    },
}  # fmt: skip


def method(*steps: str) -> str:
    """Return the code of a pipeline."""
    lines = "".join(f"    s = tk.{step}\n" for step in steps)
    head = "from aarlab.scenarios import toolkit as tk\n\n\ndef method(world):\n    s = tk.start(world)\n"
    return f"{head}{lines}    return tk.finish(s)\n"


PROBE = "consistency_probe(s)"
BORROWED = method(PROBE)
PLANTED = method("sharpen(s, temperature=0.95)", PROBE, "confidence_weight(s, power=0.25)")


def plant(path: Path, scored: Sequence[Panel] = ("final", "heldout")) -> None:
    """Write a closed run whose winner has one useful and two useless components, and borrows from another finding.

    Args:
        path: The run file.
        scored: Panels on which the run scored the winner.
    """
    scenario = Scenario.model_validate(SETTINGS)
    with create_run_file(path, scenario, "strict") as file:
        empty = file.store_text("")
        for number, (author, code, title, pgr) in enumerate(
            (("r2", BORROWED, "consistency probe", 0.3), ("r1", PLANTED, HOSTILE, 0.35)), 1
        ):
            key, at = file.store_text(code), {"round": 1, "hours": float(number)}
            file.append(author, AgentSetup("researcher", "simulated/researcher", empty, empty, None), round=0, hours=0)
            scores = (4, pgr, 0.02, 0.6, 0.5, 0.8)
            file.append(author, Evaluation(f"e{number}", "development", key, *scores, shuffled_pgr=-0.2), **at)
            file.append(author, Experiment(f"e{number}", "m.py", key, "full", None, pgr, 0.02, []), **at)
            body = f"{title}: sharpen(temperature=0.95) > consistency_probe() > confidence_weight(power=0.25)."
            what = ("result", title, body, "other", f"e{number}", key, "full", pgr, 0.02)
            file.append(author, Finding(f"f{number}", author, *what), **at)
        file.append("r1", Edge("borrows", "f2", "f1", ""), round=1, hours=2.0)
        file.append("r2", Edge("critiques", "r2", "f2", HOSTILE), round=1, hours=2.0)
        key = file.store_text(PLANTED)
        for panel in scored:
            file.append("team", Evaluation("f2", panel, key, 4, 0.3, 0.02, 0.6, 0.5, 0.8), round=2, hours=16)
        file.append("team", RunClosed("f2", 2.0), round=2, hours=16)
        file.finish("done", with_summary_hash(summarise(file)))


@pytest.fixture(scope="module")
def planted(made_once: Callable[..., Path]) -> Path:
    """Return the file of the planted run."""
    return made_once("planted", lambda folder: plant(folder / "run.db")) / "run.db"


@pytest.fixture(scope="module")
def audited(planted: Path) -> RunAudit:
    """Return the audit of the planted run."""
    return audit_run(planted, AuditOptions(top=1, worlds=12), lambda activity, share: None)


@pytest.fixture
def aarlab(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return the command line in this process."""
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *arguments: CliRunner().invoke(main, ["audit", *map(str, arguments)])


# -- components -----------------------------------------------------------------------------------------------------


def game(value: Callable[[frozenset[str]], float], n_worlds: int = 6) -> Callable[..., Any]:
    """Return a scorer for variants of a method: the value of their operators, with a small effect of the world."""

    async def score(codes: Mapping[str, str]) -> Mapping[str, Sequence[float]]:
        worlds = np.arange(n_worlds)
        return {
            name: list(value(frozenset(part.operator for part in components(code))) + 0.001 * worlds)
            for name, code in codes.items()
        }

    return score


def values(audit: ComponentAudit | None) -> dict[str, float]:
    """Return the Shapley values by operator."""
    assert audit is not None
    return {value.operator: value.shapley.value for value in audit.values if value.shapley is not None}


@pytest.mark.parametrize(("n_worlds", "verdict"), [(4, "unknown"), (5, "earns")])
def test_fewer_than_five_worlds_give_no_verdict(n_worlds: int, verdict: str) -> None:
    scorer = game(lambda present: float("harden" in present), n_worlds)
    audit = asyncio.run(audit_components(method("harden(s)"), scorer))
    assert audit is not None
    assert [value.verdict for value in audit.values] == [verdict]


def test_shapley_values_of_a_known_game_are_exact() -> None:
    # The glove game: a pair is worth 1, and two components compete for one half of it.
    def pairs(present: frozenset[str]) -> float:
        return float("harden" in present and bool(present & {"bag", "sharpen"}))

    audit = asyncio.run(audit_components(method("harden(s)", "bag(s)", "sharpen(s)"), game(pairs)))
    assert values(audit) == pytest.approx({"harden": 2 / 3, "bag": 1 / 6, "sharpen": 1 / 6})


def test_sampled_shapley_values_add_up_and_find_additive_gains() -> None:
    gains = {"harden": 0.3, "bag": 0.2, "sharpen": 0.0, "coherence": 0.0, "lowrank": -0.1, "regularise": 0.05}
    code = method(*(f"{name}(s)" for name in gains))
    audit = asyncio.run(audit_components(code, game(lambda present: sum(gains[name] for name in present))))
    assert audit is not None
    assert not audit.exact
    assert values(audit) == pytest.approx(gains)


def test_audit_finds_the_one_useful_component(audited: RunAudit) -> None:
    parts = audited.methods[0].components
    assert parts is not None
    assert parts.nothing is not None
    found = {value.operator: value for value in parts.values}
    assert {name: value.verdict for name, value in found.items()} == {
        "sharpen": "no effect", "consistency_probe": "earns", "confidence_weight": "no effect",
    }  # fmt: skip
    assert sum(values(parts).values()) == pytest.approx(parts.whole.value - parts.nothing.value)
    for name, value in found.items():
        assert value.shapley is not None
        assert value.shapley.interval is not None
        low, high = value.shapley.interval
        assert low < value.shapley.value < high
        assert (low > 0.05) == (name == "consistency_probe")


def test_components_are_measured_on_shifted_worlds_where_the_run_scored_the_method(
    audited: RunAudit, tmp_path: Path
) -> None:
    assert audited.methods[0].shifted_components is None
    plant(tmp_path / "run.db", ("final", "heldout", "shifted"))
    audit = audit_run(tmp_path / "run.db", AuditOptions(top=2, worlds=2), lambda activity, share: None)
    first, second = audit.methods
    shifted = first.shifted_components
    assert second.shifted_components is None
    assert shifted is not None
    assert shifted.nothing is not None
    assert sum(values(shifted).values()) == pytest.approx(shifted.whole.value - shifted.nothing.value)
    assert values(shifted) != pytest.approx(values(first.components))
    text = printed(audit)
    assert max(map(len, text.splitlines())) <= 80
    flat = " ".join(text.split())
    assert f"{shifted.whole.value:.2f} on 2 shifted worlds" in flat
    assert "on shifted worlds (95\N{NO-BREAK SPACE}%)" in audit_page(audit)


# -- output ---------------------------------------------------------------------------------------------------------


def printed(audit: RunAudit) -> str:
    """Return the audit as a terminal of 80 columns shows it."""
    output = io.StringIO()
    console = Console(width=80, file=output, force_terminal=False)
    for part in audit_text(audit):
        console.print(part)
    return output.getvalue()


def test_audit_text_fits_in_80_columns_and_tells_the_story(audited: RunAudit) -> None:
    text = printed(audited)
    assert max(map(len, text.splitlines())) <= 80
    flat = " ".join(text.split())
    assert re.findall(r"[ (]-\d*\.\d+", flat) == [], "all minus signs are typographic"
    assert "these earn the score: consistency_probe +0." in flat
    assert "no measurable effect: sharpen" in flat
    assert "its score is 0.35, and \N{MINUS SIGN}0.20 with shuffled weak labels; it learns from the teacher" in flat
    assert "the team had scored 2 experiments (2 in full) of 2 different methods; 1 of them were r1's" in flat
    assert "+ s = tk.sharpen(s, temperature=0.95)" in flat
    assert "f2 borrows f1" in flat
    assert "\x1b" not in text


def test_page_escapes_what_agents_wrote_and_loads_nothing(audited: RunAudit) -> None:
    page = audit_page(audited)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert "<ins>+    s = tk.sharpen(s, temperature=0.95)</ins>" in page


def test_scores_elsewhere_that_the_run_lacks_are_measured(audited: RunAudit) -> None:
    scores = {score.place: score for score in audited.methods[0].scores}
    assert list(scores) == ["held-out", "shifted"]
    assert scores["held-out"].pgr == 0.3
    assert scores["shifted"].worlds == 2


# -- predictability -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "share"), [("consistency_probe() > harden()", 1.0), ("It is good.", 0.0)])
def test_text_that_says_what_matters_is_predictable(text: str, share: float) -> None:
    code, space = method(PROBE, "harden(s)"), SearchSpace(catalogue())
    score = game(lambda present: 0.1 * len(present))
    predict = predict_by_rules(text, code, space)
    measured = asyncio.run(measure_predictability(code, 30, score, predict, seed=1, finding="f1"))
    assert measured.from_text is not None
    assert measured.from_code is not None
    assert measured.from_text.value == pytest.approx(share, abs=0.2)
    assert measured.from_code.value > 0.9


def test_a_model_describes_and_predicts(
    planted: Path, aarlab: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", ModelServer.key)

    def answer(request: Request) -> Reply:
        if request.tools:
            call = ToolCall("t1", "predict", {"higher": "A"})
            return Reply(Message("assistant", (call,)), "tool_use", Usage(), "", None)
        return Reply(Message("assistant", (Text("It probes for consistency."),)), "end_turn", Usage(), "", None)

    with ModelServer(answer) as server:
        base_url = f'live.base_urls={{anthropic: "{server.url}"}}'
        options = ("--top", 1, "--worlds", 2, "--predictability", 2, "--model", "anthropic/claude-opus-5-5", "--json")
        done = aarlab(planted, *options, "--set", base_url)
    assert done.exit_code == 0, done.output
    (audit,) = json.loads(done.stdout)["methods"]
    assert (audit["description"], audit["described_by"]) == (
        ["It probes for consistency."],
        "anthropic/claude-opus-5-5",
    )
    assert len(server.requests) == 1 + 2 * audit["predictability"]["clear"]


# -- signatures -----------------------------------------------------------------------------------------------------


def test_a_signed_file_has_the_same_digest(planted: Path, tmp_path: Path, aarlab: Callable[..., Result]) -> None:
    path = tmp_path / "run.db"
    shutil.copy(planted, path)
    with RunReader.open(path) as file:
        digest = file.digest()
    for who, confirm in (("Ada", "all"), ("Grace", "1,3")):
        done = aarlab(path, "--worlds", 0, "--sign", who, "--confirm", confirm)
        assert done.exit_code == 0, done.output
    with RunReader.open(path) as file:
        first, second = (entry.event for entry in signatures(file))
        assert (file.digest(), file.is_altered()) == (digest, False)
        assert (first.who, first.confirmed, first.digest) == ("Ada", list(CHECKLIST), digest)
        assert (second.who, second.confirmed) == ("Grace", [CHECKLIST[0], CHECKLIST[2]])
        assert first.report == second.report
        write_jsonl(file, tmp_path / "run.jsonl")
    with (tmp_path / "run.jsonl").open() as lines:
        copy = import_jsonl(lines, "run.jsonl", tmp_path / "copy")
    with RunReader.open(copy) as file:
        assert (file.digest(), [entry.event.who for entry in signatures(file)]) == (digest, ["Ada", "Grace"])
    assert "Grace" in aarlab(path, "--worlds", 0).output


def test_a_signed_run_is_valid_and_replays(
    summary: dict[str, Any], tmp_path: Path, aarlab: Callable[..., Result]
) -> None:
    path = tmp_path / "run.db"
    shutil.copy(summary["file"], path)
    assert aarlab(path, "--worlds", 0, "--sign", "Ada", "--confirm", "all").exit_code == 0
    assert replay_run(path).digest == summary["digest"]
    assert CliRunner().invoke(main, ["check", str(path)]).exit_code == 0


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--sign", "Ada"), "no terminal"),
        (("--sign", " ", "--confirm", "all"), "this is no name"),
        (("--sign", "Ada", "--confirm", "8"), "no list of statements"),
        (("--confirm", "all"), "only a signature"),
        (("--worlds", "1"), "no interval"),
        (("--worlds", "0", "--predictability", "3"), "variants need worlds"),
        (("--out", "audit.txt"), "another suffix"),
        (("--model", "simulated/reviewer"), "cannot be the auditor"),
    ],
)
def test_bad_input_is_refused_before_the_audit(
    planted: Path, aarlab: Callable[..., Result], options: tuple[str, ...], problem: str
) -> None:
    done = aarlab(planted, *options)
    assert done.exit_code == 2
    assert problem in " ".join(done.output.split())
