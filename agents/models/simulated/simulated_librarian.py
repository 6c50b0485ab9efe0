"""The simulated librarian: answers from the findings it is shown, by score or by words, and knows nothing else."""

import json
import re
from typing import Any

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated.action import Action, action_reply
from aarlab.agents.models.simulated.heuristics import word_stems

MAX_NAMED = 5
"""How many findings an answer may name."""
_QUESTION = re.compile(r"^Question: (.*)$", re.MULTILINE)
_FINDINGS = re.compile(r"```json\n(.*?)\n```", re.DOTALL)
_ASKS_FOR_BEST = re.compile(r"\b(best|highest|top|works?)\b", re.IGNORECASE)


class SimulatedLibrarian:
    """A librarian: asked for what works best it names the best scores, otherwise what shares most words with the
    question.
    """

    async def reply(self, request: Request) -> Reply:
        """Answer the request."""
        message_text = request.conversation.messages[-1].text
        findings: list[dict[str, Any]] = json.loads(_FINDINGS.findall(message_text)[-1])
        question_match = _QUESTION.search(message_text)
        chosen = _chosen(question_match[1] if question_match else "", findings)
        text = "; ".join(_finding_text(finding) for finding in chosen) or "Nothing on the board has to do with this."
        named = [finding["finding"] for finding in chosen]
        action = Action("", (("answer", {"text": text, "findings": named}),))
        return action_reply(action, 0, "simulated/librarian")


def _chosen(question: str, findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the findings that answer a question, the first first."""
    if _ASKS_FOR_BEST.search(question):
        scored = [finding for finding in findings if finding.get("pgr") is not None]
        return sorted(scored, key=lambda f: (f.get("fidelity") != "full", -f["pgr"]))[:MAX_NAMED]
    wanted = word_stems(question)
    shared = [len(wanted & word_stems(f"{f['title']} {f['family']} {f['body']}")) for f in findings]
    order = sorted(range(len(findings)), key=lambda i: -shared[i])
    return [findings[i] for i in order if shared[i]][:MAX_NAMED]


def _finding_text(finding: dict[str, Any]) -> str:
    score = "" if finding.get("pgr") is None else f", PGR {finding['pgr']:.2f} ({finding['fidelity']})"
    return f"{finding['finding']}: {finding['title']}{score}"
