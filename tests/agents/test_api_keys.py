"""API keys: white space around them is removed, keys that cannot be sent are refused, texts do not contain them."""

import asyncio
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from model_clients import ModelClient, each_provider
from model_servers import ModelServer

from aarlab.agents.models.api_keys import redacted
from aarlab.agents.models.base import ModelError, ModelUnavailable, Reply, Request, TransientError
from aarlab.agents.models.registry import find_model
from aarlab.agents.models.retrying import RetryingModel, RetryPolicy
from aarlab.memory.messages import Conversation, Message, Text, Usage

REPLY = Reply(Message("assistant", (Text("yes"),)), "end_turn", Usage(), "", None)
UNUSABLE = {
    "curly quotes": "\N{LEFT DOUBLE QUOTATION MARK}sk-planted-91d4\N{RIGHT DOUBLE QUOTATION MARK}",
    "line break": "sk-planted\n-91d4c07be2",
    "space": "Bearer sk-planted-91d4c07be2",
    "escape": "sk-planted\x1b-91d4c07be2",
    "not UTF-8": "sk-planted\udcff-91d4c07be2",
}


@each_provider
@pytest.mark.parametrize("around", ["{}\n", " {}\r\n", "\t{} "])
def test_white_space_around_a_key_is_not_sent(
    provider: str, around: str, opened: Callable[..., ModelClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer(lambda request: REPLY) as server:
        client = opened(provider, server)
        monkeypatch.setenv(f"{provider.upper()}_API_KEY", around.format(ModelServer.key))
        assert client().message.text == "yes"


@each_provider
@pytest.mark.parametrize("key", UNUSABLE.values(), ids=UNUSABLE)
def test_a_key_that_no_header_can_have_is_refused(
    provider: str, key: str, opened: Callable[..., ModelClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"{provider.upper()}_API_KEY"
    with ModelServer(lambda request: pytest.fail("not reached")) as server:
        client = opened(provider, server)
        monkeypatch.setenv(variable, key)
        with pytest.raises(ModelError, match=f"{variable} is not a key: its character ") as raised:
            client()
    requirement = find_model(f"{provider}/m").missing_requirement()
    assert requirement == str(raised.value)
    assert not isinstance(raised.value, TransientError)
    assert "planted" not in str(raised.value)


OTHER_KEYS = ("sk-planted/91d4+c0=7be2", "sk-planted\n", 'sk-"planted"\\91d4')


@pytest.mark.parametrize("key", [*OTHER_KEYS, *UNUSABLE.values()])
def test_every_written_form_of_a_key_is_removed(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    data = key.encode(errors="surrogateescape")
    forms = [
        key, key.strip(), repr(key), repr(data),
        f"Illegal header value {b'Bearer ' + data!r}", json.dumps({"key": key}),
        json.dumps({"error": repr(key)}), json.dumps({"error": repr(data)}), quote(data), quote(data, safe=""),
        quote_plus(data), re.sub("%..", lambda code: code[0].lower(), quote(data)),
    ]  # fmt: skip
    for form in forms:
        assert "planted" not in redacted(f"before {form} after")
        assert "[OPENAI_API_KEY]" in redacted(f"before {form} after")


class Leaking:
    """A base model of another package, whose errors contain the key."""

    async def reply(self, request: Request) -> Reply:
        """Fail."""
        raise TransientError("Illegal header value b'Bearer sk-planted-91d4c07be2\\n'")


def test_errors_of_other_packages_do_not_contain_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_API_KEY", "sk-planted-91d4c07be2\n")
    waits: list[str] = []
    policy = RetryPolicy(max_total_s=0.02, initial_wait_s=0.001)
    model = RetryingModel(
        Leaking(), "other/m", policy, seed=1, agent="r1", on_wait=lambda text, share: waits.append(text)
    )
    with pytest.raises(ModelUnavailable) as raised:
        asyncio.run(model.reply(Request(Conversation.begin(""), ())))
    texts = [str(raised.value), *waits, *(attempt.error for attempt in raised.value.failed_attempts)]
    assert len(texts) >= 3
    for text in texts:
        assert "planted" not in text
        assert "[OTHER_API_KEY]" in text
