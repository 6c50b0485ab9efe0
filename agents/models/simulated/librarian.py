"""The simulated librarian: answers from the findings it is shown, by score or by words, and knows nothing else."""

import json
import re
from typing import Any

from aarlab.agents.models.base import Reply, Request
from aarlab.agents.models.simulated.glance import stems
from aarlab.agents.models.simulated.move import Move, spoken_reply

MOST_NAMED = 5
"""How many findings an answer may name."""
_QUESTION = re.compile(r"^Question: (.*)$", re.MULTILINE)
_FINDINGS = re.compile(r"```json\n(.*?)\n```", re.DOTALL)
_ABOUT_SCORES = re.compile(r"\b(best|highest|top|works?)\b", re.IGNORECASE)


class SimulatedLibrarian:
    """A librarian: asked for what works best it names the best scores, otherwise what shares most words with the
    question.
    """

    async def reply(self, request: Request) -> Reply:
        """Answer the request."""
        said = request.conversation.messages[-1].text
        findings: list[dict[str, Any]] = json.loads(_FINDINGS.findall(said)[-1])
        asked = _QUESTION.search(said)
        chosen = _chosen(asked[1] if asked else "", findings)
        text = "; ".join(_told(finding) for finding in chosen) or "Nothing on the board has to do with this."
        named = [finding["finding"] for finding in chosen]
        move = Move("", (("answer", {"text": text, "findings": named}),))
        return spoken_reply(move, 0, "simulated/librarian")


def _chosen(question: str, findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the findings that answer a question, the first first."""
    if _ABOUT_SCORES.search(question):
        scored = [finding for finding in findings if finding.get("pgr") is not None]
        return sorted(scored, key=lambda f: (f.get("fidelity") != "full", -f["pgr"]))[:MOST_NAMED]
    wanted = stems(question)
    shared = [len(wanted & stems(f"{f['title']} {f['family']} {f['body']}")) for f in findings]
    order = sorted(range(len(findings)), key=lambda i: -shared[i])
    return [findings[i] for i in order if shared[i]][:MOST_NAMED]


def _told(finding: dict[str, Any]) -> str:
    score = "" if finding.get("pgr") is None else f", PGR {finding['pgr']:.2f} ({finding['fidelity']})"
    return f"{finding['finding']}: {finding['title']}{score}"
