"""The tool server of an outside agent: who can connect over HTTP, and what it costs to serve."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from stub_environment import first_request

from aarlab.agents.models.base import Request
from aarlab.agents.models.outside.agent_transcript import read_transcript, read_transcript_file
from aarlab.agents.models.outside.outside_session import OutsideSession
from aarlab.agents.models.outside.tool_connection import ToolConnection
from aarlab.memory.messages import Message, ToolCall, ToolResult, user_message

httpx = pytest.importorskip("httpx")
pytest.importorskip("mcp", reason="needs the extra mcp")

HELLO = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}  # fmt: skip


def with_connection(test: Callable[[ToolConnection], Awaitable[None]]) -> None:
    """Serve a session over HTTP during an async function."""

    async def work() -> None:
        connection = ToolConnection(OutsideSession("r1", first_request()), http=True)
        await connection.start()
        try:
            await test(connection)
        finally:
            await connection.stop()
        assert not connection.folder.exists()

    asyncio.run(work())


def test_http_needs_the_token_the_address_and_no_foreign_origin() -> None:
    async def ask(connection: ToolConnection) -> None:
        right = {"Authorization": f"Bearer {connection.token}", "Accept": "application/json, text/event-stream"}
        assert connection.url.startswith("http://127.0.0.1:")
        cases = [
            (right, 200),
            ({**right, "Authorization": "Bearer x"}, 401),
            ({"Accept": right["Accept"]}, 401),
            ({**right, "Host": "rebound.example.org"}, 421),
            ({**right, "Origin": "https://rebound.example.org"}, 403),
        ]
        async with httpx.AsyncClient() as client:
            for headers, status in cases:
                assert (await client.post(connection.url, json=HELLO, headers=headers)).status_code == status
            other = connection.url.replace("/mcp", "/other")
            assert (await client.post(other, json=HELLO, headers=right)).status_code == 404

    with_connection(ask)


def test_new_tools_are_announced_and_messages_come_with_a_result() -> None:
    from mcp import ClientSession
    from mcp.client.stdio import StdioServerParameters, stdio_client

    async def work() -> None:
        first = first_request()
        session = OutsideSession("r1", first)
        connection = ToolConnection(session, http=False)
        await connection.start()
        entry = json.loads(connection.mcp_config.read_text())["mcpServers"]["aarlab"]
        notified: list[str] = []

        async def listen(message: Any) -> None:
            notified.append(getattr(getattr(message, "root", None), "method", ""))

        server = StdioServerParameters(command=entry["command"], args=entry["args"])
        async with stdio_client(server) as streams, ClientSession(*streams, message_handler=listen) as client:
            await client.initialize()
            assert len((await client.list_tools()).tools) == len(first.tools) + 1
            call = asyncio.ensure_future(client.call_tool("write_notebook", {"text": "a"}))
            made = await session.next_call()
            reply = Message("assistant", (ToolCall("outside-1", made.name, made.arguments),))
            result = Message("user", (ToolResult("outside-1", '{"hours":1.5}'),))
            conversation = first.conversation.then(reply, result, user_message("The next stage."))
            session.deliver(Request(conversation, first.tools[:2]))
            assert [block.text for block in (await call).content] == ['{"hours":1.5}', "The next stage."]
            assert [tool.name for tool in (await client.list_tools()).tools][2:] == ["end_turn"]
            assert session.clock.used == 1.5
            assert notified == ["notifications/tools/list_changed"]
            session.close(None, "the round has ended")
            assert (await client.call_tool("read_board", {})).isError
        await connection.stop()

    asyncio.run(work())


def test_only_this_user_can_read_the_files_of_a_connection() -> None:
    async def look(connection: ToolConnection) -> None:
        assert connection.folder.stat().st_mode & 0o777 == 0o700
        assert connection.token not in connection.mcp_config.read_text(), "stdio needs no token"

    with_connection(look)


def test_the_brief_has_what_happened_before_and_the_clock_follows_results() -> None:
    session = OutsideSession("r1", first_request())
    assert session.brief.startswith("You are r1, one of 2 researchers")
    assert "What happened before" not in session.brief
    assert (session.clock.used, session.clock.total, session.clock.round_end) == (0.0, 24.0, 4.0)
    assert session.tools[-1].name == "end_turn"


def test_usage_is_summed_over_the_lines_that_state_it() -> None:
    lines = [
        b'{"type": "assistant", "message": {"usage": {"input_tokens": 9, "output_tokens": 9}}}',
        b'{"type": "result", "usage": {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 2}}',
        b'{"type": "turn.completed", "usage": {"input_tokens": 7, "cached_input_tokens": 4, "output_tokens": 1}}',
        b'{"type": "result", "total_cost_usd": 0.5}',
        b"not JSON",
        b'{"usage": {"input_tokens": -1, "output_tokens": 10}}',
    ]
    transcript = read_transcript(b"\n".join(lines))
    assert (transcript.usage.input_tokens, transcript.usage.output_tokens) == (22, 3)
    assert (transcript.usage.cache_read_tokens, transcript.cost_usd) == (9, 0.5)
    nothing = read_transcript(b"words")
    assert (nothing.usage.tokens, nothing.cost_usd) == (None, None)


def test_a_transcript_outside_the_workspace_is_not_read(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    (workspace / "logs").mkdir(parents=True)
    (tmp_path / "secret.jsonl").write_text('{"secret": 1}\n')
    (workspace / "logs" / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    assert read_transcript_file(workspace, "logs/*.jsonl", 0.0) is None
    (workspace / "logs" / "own.jsonl").write_text('{"own": 1}\n')
    transcript = read_transcript_file(workspace, "logs/*.jsonl", 0.0)
    assert transcript is not None
    assert transcript.text == '{"own": 1}\n'
