"""Tools of installed packages."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError
from tool_drivers import TeamDriver

from aarlab.graph.flow.researcher_setup import tools_for
from aarlab.graph.flow.stages import STAGES
from aarlab.graph.scenario import Scenario
from aarlab.memory.events import ToolExecution
from aarlab.tools.tool_registry import TOOLS, UnknownTool, UnusableTool, installed_tools, load_tool

PACKAGE = Path(__file__).parents[2] / "docs" / "example-tool"
EXAMPLE = (PACKAGE / "aarlab_diff.py").read_text()
RENAMED = EXAMPLE.replace('name="diff_files"', 'name="compare_files"')

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a package that declares a tool, with this code."""

    def install(code: str, *, name: str = "diff_files", package: str = "aarlab-diff") -> None:
        module = package.replace("-", "_")
        folder = tmp_path / package
        info = folder / f"{module}-1.dist-info"
        info.mkdir(parents=True)
        (folder / f"{module}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[aarlab.tools]\n{name} = {module}:TOOL\n")
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install


def scenario(*tools: str) -> Scenario:
    return Scenario.model_validate({"team": {"tools": list(tools)}})


def test_a_scenario_offers_the_tool_of_a_package(install: Install) -> None:
    install(EXAMPLE)
    assert installed_tools() == ["diff_files"]
    assert list(tools_for(scenario("diff_files"))) == [*tools_for(scenario()), "diff_files"]
    assert "diff_files" not in tools_for(scenario())


def test_a_package_tool_is_charged_and_recorded(install: Install, team: TeamDriver) -> None:
    install(EXAMPLE)
    r1, tools = team["r1"], {**TOOLS, "diff_files": load_tool("diff_files")}
    for path, text in (("a.py", "one"), ("b.py", "two")):
        r1.call_tool("write_file", path=path, text=text)
    before = r1.session.hours
    is_error, output = r1.try_tool("diff_files", tools=tools, old="a.py", new="b.py")
    assert (is_error, output["diff"].splitlines()[-2:]) == (False, ["-one", "+two"])
    assert r1.session.hours - before == pytest.approx(0.05)
    assert r1.events(ToolExecution)[-1].summary == "a.py and b.py: 5 lines"
    is_error, output = r1.try_tool("diff_files", tools=tools, old="a.py", new="c.py")
    assert (is_error, output["error"]) == (True, "there is no file 'c.py' in your workspace; there are: a.py, b.py")


def test_every_stage_offers_package_tools() -> None:
    assert all(stage.offers("diff_files") for stage in STAGES.values())
    assert not STAGES["plan"].offers("run_experiment")


def test_an_unknown_tool_is_refused_with_the_installed(install: Install) -> None:
    with pytest.raises(UnknownTool, match="no installed package has a tool 'diff'; installed tools: none"):
        load_tool("diff")
    install(EXAMPLE)
    with pytest.raises(ValidationError, match=r"team.tools\n.*tool 'diff'; installed tools: diff_files"):
        scenario("diff")


def test_a_recorded_scenario_needs_no_installed_tool() -> None:
    assert Scenario.from_record({"team": {"tools": ["diff_files"]}}).team.tools == ["diff_files"]


def test_a_built_in_tool_is_not_named_in_a_scenario() -> None:
    with pytest.raises(ValidationError, match="'read_board' is a built-in tool"):
        scenario("read_board")


@pytest.mark.parametrize(
    ("code", "name", "problem"),
    [
        ("raise ImportError('no differ')", "diff_files", "cannot be loaded: ImportError: no differ"),
        ("TOOL = 3", "diff_files", "is not a Tool; see docs/example-tool"),
        (RENAMED, "diff_files", "is named 'compare_files'; entry point and tool need the same name"),
        (EXAMPLE, "read_board", "has the name of a built-in tool; choose another name"),
    ],
)
def test_a_broken_package_is_named_with_its_problem(install: Install, code: str, name: str, problem: str) -> None:
    install(code, name=name)
    with pytest.raises(UnusableTool, match=f"the tool {name!r} of the package 'aarlab-diff' {problem}"):
        load_tool(name)


def test_two_packages_with_one_tool_are_refused(install: Install) -> None:
    install(EXAMPLE)
    install(EXAMPLE, package="aarlab-other")
    with pytest.raises(UnusableTool, match="several packages have a tool 'diff_files': aarlab-diff and aarlab-other"):
        load_tool("diff_files")
