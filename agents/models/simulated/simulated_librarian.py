"""The simulated librarian: answers with the best scores, or with the findings that share words with the question."""

import re
from typing import Any

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated.action import Action, action_reply
from aarlab.agents.models.simulated.heuristics import word_stems
from aarlab.agents.models.simulated.parsing import json_blocks

MAX_NAMED = 5
"""Maximum number of findings in an answer."""
_QUESTION = re.compile(r"^Question: (.*)$", re.MULTILINE)
_ASKS_FOR_BEST = re.compile(r"\b(best|highest|top|works?)\b", re.IGNORECASE)


class SimulatedLibrarian:
    """A librarian that uses only the findings in its request."""

    async def reply(self, request: Request) -> Reply:
        """Return the answer to the question."""
        message_text = request.conversation.messages[-1].text
        findings: list[dict[str, Any]] = json_blocks(message_text)[-1]
        question_match = _QUESTION.search(message_text)
        chosen = _relevant_findings(question_match[1] if question_match else "", findings)
        text = "; ".join(_finding_text(finding) for finding in chosen) or "The board has nothing about this."
        named = [finding["finding"] for finding in chosen]
        action = Action("", (("answer", {"text": text, "findings": named}),))
        return action_reply(action, 0, "simulated/librarian")


def _relevant_findings(question: str, findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the findings that answer a question, most relevant first."""
    if _ASKS_FOR_BEST.search(question):
        scored = [finding for finding in findings if finding.get("pgr") is not None]
        return sorted(scored, key=lambda f: (f.get("fidelity") != "full", -f["pgr"]))[:MAX_NAMED]
    stems = word_stems(question)
    shared = [len(stems & word_stems(f"{f['title']} {f['family']} {f['body']}")) for f in findings]
    order = sorted(range(len(findings)), key=lambda i: -shared[i])
    return [findings[i] for i in order if shared[i]][:MAX_NAMED]


def _finding_text(finding: dict[str, Any]) -> str:
    score = "" if finding.get("pgr") is None else f", PGR {finding['pgr']:.2f} ({finding['fidelity']})"
    return f"{finding['finding']}: {finding['title']}{score}"
