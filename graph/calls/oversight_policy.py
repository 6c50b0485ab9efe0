"""What happens to a question while nobody answers it."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from aarlab.memory.events import QuestionAsked, QuestionKind

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


def policy_for(policies: Mapping[str, str], question: QuestionAsked) -> OversightPolicy:
    """Return the policy for a question: that of its tool, of its kind, of all questions, or `ask`."""
    names = [*([question.call["tool"]] if question.call else []), question.about, "all"]
    return OversightPolicy.parse(next((policies[name] for name in names if name in policies), "ask"))


def policy_problem(policies: Mapping[str, str], approve_tools: Collection[str]) -> str | None:
    """Return why a policy applies to no question; None if all can apply.

    Args:
        policies: Policies by kind of question, by tool, or for `all`.
        approve_tools: Tools whose calls are questions.
    """
    names = [*get_args(QuestionKind), "all", *approve_tools]
    unknown = next((name for name in policies if name not in names), None)
    if unknown is None:
        return None
    return (
        f"live.oversight_policy names {unknown!r}, which is no kind of question, and structure.approve_tools does not "
        f"name it; expected {', '.join(names)}"
    )
