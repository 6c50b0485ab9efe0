"""A recorded run as a base model returns only recorded replies."""

from pathlib import Path

import pytest
from stub_environment import ask, first_request

from aarlab.agents.models.base import ModelError
from aarlab.agents.models.recorded import RecordedModel
from aarlab.memory.events import ModelCall
from aarlab.memory.messages import Message, Text
from aarlab.memory.run_writer import RunWriter


def test_a_repeated_request_gets_the_next_recorded_reply(tmp_path: Path) -> None:
    question = first_request()
    with RunWriter.create(tmp_path / "run.db", run_id="run", version="0", seed=1, scenario={}) as file:
        for text in ("one", "two"):
            key = file.store_message(Message("assistant", (Text(text),)))
            file.append(
                "r1", ModelCall("researcher", "m", question.hash, key, "end_turn", 1, 1, 0.5, 0.1), round=1, hours=1
            )
    model = RecordedModel(tmp_path / "run.db", "r1")
    assert [ask(model, question).message.text for _ in range(2)] == ["one", "two"]
    with pytest.raises(ModelError, match=r"r1 made this request fewer times in turn 1. .* undo the change"):
        ask(model, question)
    with pytest.raises(ModelError, match="r2 did not make this request in turn 1"):
        ask(RecordedModel(tmp_path / "run.db", "r2"), question)
