"""Base models by name."""

import subprocess
import sys

import pytest
from correspondence import ask, first_request

from aarlab.agents.models.registry import MODELS, UnknownModel, check_name, open_model


@pytest.mark.parametrize(
    "name", ["simulated/genius", "simulated", "", "Simulated/Researcher", "simulated/researcher/1"]
)
def test_an_unknown_name_is_refused_with_those_that_exist(name: str) -> None:
    for refuse in (lambda: check_name(name), lambda: open_model(name, seed=1, agent="r1")):
        with pytest.raises(UnknownModel, match=f"no base model is called {name!r}; there are: ") as refusal:
            refuse()
        assert all(known in str(refusal.value) for known in MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_every_name_is_of_the_form_provider_and_model(name: str) -> None:
    provider, _, model = name.partition("/")
    assert provider
    assert model
    assert MODELS[name].name == name


@pytest.mark.parametrize("name", ["simulated/researcher", "simulated/random"])
def test_a_model_that_can_be_named_can_be_opened_and_asked(name: str) -> None:
    reply = ask(open_model(name, seed=1, agent="r1"), first_request())
    assert reply.model == name
    assert reply.message.speaker == "assistant"
    assert reply.stop_reason == "tool_use"


def test_naming_a_model_does_not_load_what_thinking_with_it_needs() -> None:
    check = "import sys, aarlab.agents.models.registry as r; r.check_name('simulated/researcher')"
    loaded = f"{check}; sys.exit('aarlab.agents.models.simulated' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded]).returncode == 0
