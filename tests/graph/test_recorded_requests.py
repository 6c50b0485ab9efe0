"""The record of a run: from its file alone, every question that a model was asked can be put again."""

import asyncio
from itertools import pairwise

from team_runs import Run, questions, structures

from aarlab.agents.models.registry import open_model
from aarlab.memory.events import ModelCall, Prompted


@structures()
def test_what_a_model_was_shown_can_be_told_from_the_file_to_the_byte(run: Run) -> None:
    for name in run.researchers:
        asked = list(questions(run, name))
        assert asked
        assert [request.hash for request, _, _ in asked] == [event.request for _, event, _ in asked]


@structures()
def test_a_simulated_researcher_who_is_asked_again_says_the_same(run: Run) -> None:
    for name in run.researchers:
        for request, _, answer in list(questions(run, name))[::-4]:
            model = open_model(run.scenario.team.model, seed=run.scenario.seed, agent=name)
            assert asyncio.run(model.reply(request)).message == answer


@structures()
def test_each_message_is_stored_once_however_often_it_is_part_of_a_request(run: Run) -> None:
    hashes = [event.message for event in run.of(Prompted)] + [event.reply for event in run.of(ModelCall)]
    ((stored,),) = run.file._connection.execute("SELECT count(*) FROM messages")
    assert stored == len(set(hashes))


@structures()
def test_every_use_of_a_tool_is_answered(run: Run) -> None:
    for name in run.researchers:
        *_, (request, _, _) = questions(run, name)
        messages = request.conversation.messages
        for said, heard in pairwise(messages):
            assert [tool_call.id for tool_call in said.tool_calls] == [
                result.tool_call_id for result in heard.tool_results
            ]
