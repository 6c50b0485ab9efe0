"""The registry of base models."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from stub_environment import ask, first_request

from aarlab.agents.models.base import ModelSettings
from aarlab.agents.models.registry import (
    MODELS,
    UnknownModel,
    check_model_name,
    external_providers,
    find_model,
    model_names,
    open_model,
)

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "name", ["simulated/genius", "simulated", "", "Simulated/Researcher", "simulated/researcher/1"]
)
def test_an_unknown_name_is_an_error_that_lists_the_names(name: str) -> None:
    for call in (lambda: check_model_name(name), lambda: open_model(name, seed=1, agent="r1")):
        with pytest.raises(UnknownModel, match=f"no base model is called {name!r}; there are: ") as error:
            call()
        assert all(known in str(error.value) for known in MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_every_name_has_a_provider_and_a_model(name: str) -> None:
    provider, _, model = name.partition("/")
    assert provider
    assert model
    assert MODELS[name].name == name


@pytest.mark.parametrize("name", ["simulated/researcher", "simulated/random"])
def test_a_listed_model_can_be_opened_and_called(name: str) -> None:
    reply = ask(open_model(name, seed=1, agent="r1"), first_request())
    assert reply.model == name
    assert reply.message.speaker == "assistant"
    assert reply.stop_reason == "tool_use"


def test_checking_a_name_does_not_import_the_simulated_models() -> None:
    check = "import sys, aarlab.agents.models.registry as r; r.check_model_name('simulated/researcher')"
    loaded = f"{check}; sys.exit('aarlab.agents.models.simulated' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", loaded]).returncode == 0


@pytest.mark.parametrize("name", ["anthropic/claude-opus-5-5", "openai/org/model:latest"])
def test_some_providers_accept_any_model_name(name: str) -> None:
    check_model_name(name)
    assert find_model(name).name == name


@pytest.mark.parametrize("name", ["anthropic/", "anthropic", "/claude"])
def test_an_incomplete_name_is_unknown(name: str) -> None:
    with pytest.raises(UnknownModel, match="anthropic/MODEL"):
        check_model_name(name)


def test_a_missing_key_is_reported_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    assert "--env-file" in str(find_model("anthropic/claude-opus-5-5").missing_requirement())
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    assert find_model("anthropic/claude-opus-5-5").missing_requirement() is None


def test_a_custom_server_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    assert find_model("openai/mine").missing_requirement() is not None
    assert find_model("openai/mine", ModelSettings(base_url="http://localhost:8000/v1")).missing_requirement() is None


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that installs a package with this code, which declares the provider `acme`."""

    def install(code: str) -> None:
        (tmp_path / "acme_for_a_test.py").write_text(code)
        info = tmp_path / "acme_for_a_test-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-for-a-test\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[aarlab.models]\nacme = acme_for_a_test:PROVIDER\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "acme_for_a_test", raising=False)

    return install


def test_a_package_adds_a_provider(package: Callable[[str], None]) -> None:
    package((ROOT / "docs" / "example-provider" / "aarlab_acme.py").read_text())
    assert [provider.name for provider in external_providers()] == ["acme"]
    assert "acme/MODEL" in model_names()
    reply = ask(open_model("acme/echo", seed=1, agent="r1"), first_request())
    assert reply.message.tool_calls[0].name == "write_notebook"
    with pytest.raises(UnknownModel, match="no base model is called 'acme/silence'"):
        check_model_name("acme/silence")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise ImportError('no acme here')", "'acme' of the package 'acme-for-a-test' cannot be loaded: ImportError"),
        ("PROVIDER = 3", "is not a Provider of that name; see docs/providers.md"),
    ],
)
def test_a_broken_package_is_named_and_affects_no_other_model(
    package: Callable[[str], None], code: str, message: str
) -> None:
    package(code)
    with pytest.raises(UnknownModel, match=message):
        check_model_name("acme/echo")
    check_model_name("simulated/researcher")


def test_no_sdk_is_imported_before_the_first_call() -> None:
    check = (
        "import sys, aarlab.agents.models.registry as r; "
        "[r.open_model(n, seed=1, agent='r1') for n in ('anthropic/x', 'openai/x')]; "
        "sys.exit(bool({'anthropic', 'openai', 'httpx2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0
