"""The simulated librarian and the simulated overseer: they judge by what they are shown."""

import json
from typing import Any

from stub_environment import LOG, ask

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.registry import open_model
from aarlab.memory.messages import Conversation, ToolSpec, user_message


def request(words: str, shown: Any, *tools: str) -> Request:
    said = f"{words}\n\n```json\n{json.dumps(shown)}\n```"
    return Request(Conversation.begin("You help.").then(user_message(said)), tuple(ToolSpec(t, "", {}) for t in tools))


def answer(model: str, words: str, shown: Any, *tools: str) -> tuple[str, dict[str, Any]]:
    reply: Reply = ask(open_model(model, seed=1, agent="helper"), request(words, shown, *tools))
    (wish,) = reply.message.tool_calls
    assert wish.name in tools
    return wish.name, dict(wish.arguments)


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
    _, told = answer("simulated/librarian", f"Question: {question}", findings, "answer")
    assert told["text"]
    return list(told["findings"])


def test_asked_for_the_best_the_librarian_names_the_best_scores_full_runs_first() -> None:
    assert librarian_findings("What works best so far?")[:2] == ["r2.f2", "r2.f1"]
    assert len(librarian_findings("What is the highest PGR?")) == 5


def test_asked_for_a_subject_the_librarian_goes_by_words() -> None:
    assert librarian_findings("What is known about neighbour propagation?") == ["r3.f2"]
    assert set(librarian_findings("Has anybody tried coherence?")) == {"r2.f2", "r3.f1"}


def test_where_nothing_is_known_the_librarian_names_nothing() -> None:
    assert librarian_findings("Has anybody tried astrology?") == []
    assert librarian_findings("What works best?", []) == []


def state(round: int, *, leaderboard: Any = (), new: Any = ()) -> dict[str, Any]:
    return {"round": round, "rounds": 10, "leaderboard": list(leaderboard), "new": list(new)}


def test_the_overseer_lets_work_go_on_while_there_is_a_result_or_hope() -> None:
    for shown in (state(1), state(5), state(9, leaderboard=FINDINGS[:1])):
        assert answer("simulated/overseer", "Go on?", shown, "proceed", "stop")[0] == "proceed"


def test_the_overseer_stops_what_has_brought_nothing_in_half_the_time() -> None:
    name, told = answer("simulated/overseer", "Go on?", state(6), "proceed", "stop")
    assert name == "stop"
    assert told["reason"]


def test_the_overseer_releases_what_has_an_experiment_and_a_log_without_a_fault() -> None:
    new = [
        finding("r1.f1", "sound", 0.3, log=LOG),
        finding("r1.f2", "only a thought", None),
        finding("r1.f3", "one class", 0.3, log=[{"operator": "harden", "balance": 0.99}]),
        finding("r1.f4", "a pilot", 0.3, "pilot", log=LOG),
    ]
    name, told = answer("simulated/overseer", "Which?", state(1, new=new), "release")
    assert name == "release"
    assert told["findings"] == ["r1.f1", "r1.f4"]
    assert "r1.f3" in told["note"]
    assert "one class" in told["note"]
