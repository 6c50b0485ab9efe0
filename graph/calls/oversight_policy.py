"""What happens to a question while nobody answers it."""

import re
from dataclasses import dataclass
from typing import Literal

from aarlab.memory.events import QuestionKind

Default = Literal["approve", "reject"]
_TIMEOUT = re.compile(r"timeout=(\d+(?:\.\d+)?)(?::(approve|reject))?")
POLICY_FORMS = "ask, wait, auto-approve, reject, timeout=HOURS, timeout=HOURS:approve or timeout=HOURS:reject"


@dataclass(frozen=True, slots=True)
class OversightPolicy:
    """How long a run waits for an answer, and what answers in place of a person."""

    name: str
    """As it is written in a scenario."""
    waits: bool
    """Whether the process waits for the answer; if not, the run ends and is resumed after the answer."""
    after_hours: float | None
    """Hours after which `default` is the answer; None: never."""
    default: Default = "reject"

    @classmethod
    def parse(cls, text: str) -> "OversightPolicy":
        """Return the policy of a text. Raises ValueError, which lists the forms."""
        match text:
            case "ask":
                return cls(text, False, None)
            case "wait":
                return cls(text, True, None)
            case "auto-approve":
                return cls(text, False, 0.0, "approve")
            case "reject":
                return cls(text, False, 0.0, "reject")
        if (found := _TIMEOUT.fullmatch(text)) is None:
            raise ValueError(f"the policy {text!r} is unknown; expected {POLICY_FORMS}")
        return cls(text, True, float(found[1]), "approve" if found[2] == "approve" else "reject")


PolicyKey = QuestionKind | Literal["all"]


def policy_for(policies: dict[PolicyKey, str], kind: QuestionKind) -> OversightPolicy:
    """Return the policy for a kind of question: its own, or that of all questions, or `ask`."""
    return OversightPolicy.parse(policies.get(kind) or policies.get("all") or "ask")
