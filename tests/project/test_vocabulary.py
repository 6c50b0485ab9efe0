"""Retired words stay out of code, documentation and screen texts."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUFFIXES = {".css", ".html", ".md", ".py", ".toml", ".yaml", ".yml"}
RETIRED = {
    r"purse|payroll": "shared budget, model pool",
    r"(re)?furnish\w*": "build, rebuild",
    r"on[ _-]?foot": "direct execution",
    r"hearing|who hears whom": "topology, neighbours",
    r"happens? again|happened again|happen again": "is replayed",
    r"broken off|breaks? off|broke off": "interrupted",
    r"go(es|ing|ne)? on with|went on with": "continue, resume",
    r"wish(es)?": "tool call",
    r"knocks?|bury|buries|mourns?|front[ _-]door": "connect, discard, reap, import root",
    r"glances?|outlook|partings?": "heuristics, estimate, divergence",
    r"for want of|of yours|in the midst of": "plain English",
    r"stands? for the final": "is submitted",
    r"redrawn": "shifted",
    r"NothingThere|PurseEmpty|Payroll|Hired|TapedCall": "ContentNotFound, SharedBudgetExhausted, ModelPool, AgentModel",
    r"(is|are|was|were|be|been) told (what|who|that|of|about|how)": "receives, is informed",
    r"whoever|whomever": "the caller, the user, an agent",
    r"house rules|front[ _-]office": "import rules, command line",
    r":\.0%": "percent_text, with a space before %",
    r"MOST_\w+|FEWEST_\w+|LONGEST_\w+": "MAX_..., MIN_...",
}
"""Regular expressions of private terms of earlier versions, and their replacements."""


@cache
def project_texts() -> dict[Path, str]:
    """Return the text files under version control, except this one and the changelog, which name old words."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    paths = [ROOT / name for name in listed if name]
    return {
        path.relative_to(ROOT): path.read_text(encoding="utf-8")
        for path in paths
        if path.suffix in SUFFIXES and path.is_file() and path.name not in ("CHANGELOG.md", Path(__file__).name)
    }


@pytest.mark.parametrize("retired", RETIRED)
def test_retired_words_are_absent(retired: str) -> None:
    pattern = re.compile(rf"(?<![A-Za-z])({retired})(?![A-Za-z])", re.IGNORECASE if retired.islower() else 0)
    occurrences = [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]!r}; write: {RETIRED[retired]}"
        for path, text in project_texts().items()
        for match in pattern.finditer(text)
    ]
    assert occurrences == []
