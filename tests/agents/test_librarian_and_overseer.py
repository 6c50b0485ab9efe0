"""The simulated librarian and the simulated overseer."""

import json
from typing import Any

from stub_environment import LOG, ask

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.registry import open_model
from aarlab.memory.messages import Conversation, ToolSpec, user_message


def request(text: str, data: Any, *tools: str) -> Request:
    message = f"{text}\n\n```json\n{json.dumps(data)}\n```"
    return Request(
        Conversation.begin("You help.").then(user_message(message)), tuple(ToolSpec(t, "", {}) for t in tools)
    )


def answer(model: str, text: str, data: Any, *tools: str) -> tuple[str, dict[str, Any]]:
    reply: Reply = ask(open_model(model, seed=1, agent="helper"), request(text, data, *tools))
    (call,) = reply.message.tool_calls
    assert call.name in tools
    return call.name, dict(call.arguments)


def finding(
    name: str, title: str, pgr: float | None = None, fidelity: str | None = "full", **more: Any
) -> dict[str, Any]:
    about = {
        "finding": name,
        "round": 1,
        "author": "r2",
        "type": "result",
        "title": title,
        "family": "ensemble",
        "body": "",
    }
    return {**about, **({} if pgr is None else {"fidelity": fidelity, "pgr": pgr, "se": 0.1}), **more}


FINDINGS = [
    finding("r2.f1", "harden, then bag", 0.2),
    finding("r2.f2", "coherence", 0.6),
    finding("r3.f1", "bag of coherence", 0.9, "pilot"),
    finding("r3.f2", "a thought about propagation", None),
    *(finding(f"r4.f{i}", "sharpen", 0.01 * i) for i in range(6)),
]


def librarian_findings(question: str, findings: list[dict[str, Any]] = FINDINGS) -> list[str]:
    _, arguments = answer("simulated/librarian", f"Question: {question}", findings, "answer")
    assert arguments["text"]
    return list(arguments["findings"])


def test_the_librarian_names_the_best_scores_full_runs_first() -> None:
    assert librarian_findings("What works best so far?")[:2] == ["r2.f2", "r2.f1"]
    assert len(librarian_findings("What is the highest PGR?")) == 5


def test_the_librarian_matches_the_words_of_a_question() -> None:
    assert librarian_findings("What is known about neighbour propagation?") == ["r3.f2"]
    assert set(librarian_findings("Has anybody tried coherence?")) == {"r2.f2", "r3.f1"}


def test_the_librarian_names_nothing_that_does_not_match() -> None:
    assert librarian_findings("Has anybody tried astrology?") == []
    assert librarian_findings("What works best?", []) == []


def state(round: int, *, leaderboard: Any = (), new: Any = ()) -> dict[str, Any]:
    return {"round": round, "rounds": 10, "leaderboard": list(leaderboard), "new": list(new)}


def test_the_overseer_continues_early_or_with_a_result() -> None:
    for case in (state(1), state(5), state(9, leaderboard=FINDINGS[:1])):
        assert answer("simulated/overseer", "Continue?", case, "proceed", "stop")[0] == "proceed"


def test_the_overseer_stops_without_a_result_after_half() -> None:
    name, arguments = answer("simulated/overseer", "Continue?", state(6), "proceed", "stop")
    assert name == "stop"
    assert arguments["reason"]


def test_the_overseer_releases_experiments_with_a_sound_log() -> None:
    new = [
        finding("r1.f1", "sound", 0.3, log=LOG),
        finding("r1.f2", "only a thought", None),
        finding("r1.f3", "one class", 0.3, log=[{"operator": "harden", "balance": 0.99}]),
        finding("r1.f4", "a pilot", 0.3, "pilot", log=LOG),
    ]
    name, arguments = answer("simulated/overseer", "Which?", state(1, new=new), "release")
    assert name == "release"
    assert arguments["findings"] == ["r1.f1", "r1.f4"]
    # The whole team reads the note, and unreleased findings are private to their authors.
    assert "r1.f3" not in arguments["note"]
    assert "one class" in arguments["note"]
