"""Requests to base models can be rebuilt from the run file alone."""

import asyncio
from itertools import pairwise

from team_runs import Run, model_requests, structures

from aarlab.agents.models.registry import open_model
from aarlab.memory.events import ModelCall, Prompted


@structures()
def test_requests_can_be_rebuilt_from_the_run_file(run: Run) -> None:
    for name in run.researchers:
        rebuilt = list(model_requests(run, name))
        assert rebuilt
        assert [request.hash for request, _, _ in rebuilt] == [event.request for _, event, _ in rebuilt]


@structures()
def test_simulated_researcher_repeats_its_reply(run: Run) -> None:
    for name in run.researchers:
        for request, _, answer in list(model_requests(run, name))[::-4]:
            model = open_model(run.scenario.team.model, seed=run.scenario.seed, agent=name)
            assert asyncio.run(model.reply(request)).message == answer


@structures()
def test_each_message_is_stored_once(run: Run) -> None:
    hashes = [event.message for event in run.of(Prompted)] + [event.reply for event in run.of(ModelCall)]
    stored = [content.hash for content in run.file.contents() if content.speaker is not None]
    assert sorted(stored) == sorted(set(hashes))


@structures()
def test_every_tool_call_has_a_result(run: Run) -> None:
    for name in run.researchers:
        *_, (request, _, _) = model_requests(run, name)
        messages = request.conversation.messages
        for message, following in pairwise(messages):
            assert [tool_call.id for tool_call in message.tool_calls] == [
                result.tool_call_id for result in following.tool_results
            ]
