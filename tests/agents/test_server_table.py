"""The tables of servers and settings in docs/models.md agree with the code."""

import re
from pathlib import Path

from aarlab.agents.models.error_classes import error_class
from aarlab.agents.models.request_settings import KNOWN_SERVERS, RequestSettings

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
ROWS = {row.split("|")[1].strip(): row.split("|") for row in PAGE.splitlines() if row.startswith("|")}
SERVERS = {"api.openai.com": "OpenAI, Azure", "openai.azure.com": "OpenAI, Azure", "api.groq.com": "Groq",
           "openrouter.ai": "OpenRouter", "api.deepseek.com": "DeepSeek", "api.moonshot.ai": "Kimi",
           "api.moonshot.cn": "Kimi", "api.kimi.com": "Kimi", "api.mistral.ai": "Mistral",
           "generativelanguage.googleapis.com": "Google"}  # fmt: skip


def test_the_page_has_every_request_setting() -> None:
    named = {name for row in ROWS for name in re.findall(r"`(\w+)`", row)}
    assert RequestSettings.model_fields.keys() <= named


def test_the_page_has_the_defaults_of_every_known_server() -> None:
    assert SERVERS.keys() == KNOWN_SERVERS.keys()
    for host, settings in KNOWN_SERVERS.items():
        cell = ROWS[SERVERS[host]][2]
        changed = settings.model_dump(exclude_none=True, exclude={"headers", "body"})
        assert {f"{name}: {str(value).lower()}" for name, value in changed.items()} == set(re.findall(r"`(.+?)`", cell))


def test_the_words_on_the_page_are_recognised() -> None:
    phrases = [(name, phrase) for name, cells in ROWS.items() if len(cells) == 6 for phrase in _quoted(cells[3])]
    assert len(phrases) >= 18
    for server, phrase in phrases:
        text = re.sub(r"\bN\b", "4096", phrase)
        assert error_class(400, "", text) == "too_long", (server, phrase)


def _quoted(cell: str) -> list[str]:
    return re.findall(r'"([^"]+)"', cell)
