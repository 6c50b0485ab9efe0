"""Commands of aarlab that the viewer starts for its user: a fork, or the continuation of a run.

Each is a process of its own, which goes on when the viewer ends.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aarlab.config.run_lookup import SUFFIX
from aarlab.graph.structure.structure import DIALS
from aarlab.view.viewed_folder import ViewedFolder

Row = dict[str, Any]
MAX_RUNNING = 4
"""Number of started commands that may run at the same time."""
_MODEL = re.compile(r"[A-Za-z0-9][\w.+:@/-]*/[\w.+:@/-]+")
_AGENT = re.compile(r"[A-Za-z][\w.-]*")
_STEP = re.compile(r"[A-Za-z][\w.-]*:\d+")
_MAX_TEXT = 100_000
_LAST_LINES = 12
_VALUES = {dial.name: frozenset(dial.values) for dial in DIALS}


class NotStarted(ValueError):
    """The command was refused before it was started. The message is for the user."""


@dataclass(slots=True)
class StartedCommand:
    """A command that was started."""

    arguments: list[str]
    process: subprocess.Popen[bytes]
    output: Path
    """File with what it prints."""
    run: Path | None
    """The run that it continues; None: it creates one."""
    folder: Path
    """Folder of its run file."""
    known: frozenset[str]
    """Run files that were in the folder before."""


@dataclass(slots=True)
class StartedCommands:
    """The commands that were started from the pages of a viewer."""

    folder: ViewedFolder
    commands: list[StartedCommand] = field(default_factory=list)

    def start(self, request: Mapping[str, Any]) -> Row:
        """Start the command of a request (see `arguments_of`), and return its row.

        Raises:
            NotStarted: The request is not valid, or too many commands are running.
            NotInFolder: The run is not in the folder.
        """
        if sum(one.process.poll() is None for one in self.commands) >= MAX_RUNNING:
            raise NotStarted(f"{MAX_RUNNING} commands that were started here are running. Wait for one of them.")
        arguments = arguments_of(self.folder, request)
        run = self.folder.run_path(str(request["file"]))
        known = frozenset(path.name for path in run.parent.glob(f"*{SUFFIX}"))
        handle, output = tempfile.mkstemp(prefix="aarlab-view-", suffix=".txt")
        with os.fdopen(handle, "wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "aarlab", *arguments], cwd=self.folder.root, stdin=subprocess.DEVNULL,
                stdout=file, stderr=subprocess.STDOUT, env={**os.environ, "NO_COLOR": "1", "TERM": "dumb"},
                start_new_session=True,
            )  # fmt: skip
        continued = run if arguments[0] == "resume" else None
        started = StartedCommand(arguments, process, Path(output), continued, run.parent, known)
        self.commands.append(started)
        return self._row(started)

    def rows(self) -> list[Row]:
        """Return the rows of the commands, latest first: command, status, run file, last output of one that failed."""
        return [self._row(one) for one in reversed(self.commands)]

    def _row(self, one: StartedCommand) -> Row:
        code = one.process.poll()
        # 3 and 4: stopped, or waiting for a person, with everything kept.
        status: Literal["running", "ended", "failed"] = (
            "running" if code is None else "failed" if code not in (0, 3, 4) else "ended"
        )
        file = one.run or next(_new_files(one), None)
        return {
            "command": shown_command(one.arguments), "status": status,
            "file": None if file is None else file.relative_to(self.folder.root).as_posix(),
            "message": _last_lines(one.output) if status == "failed" else "",
        }  # fmt: skip


def _new_files(one: StartedCommand) -> Iterator[Path]:
    """Yield the run files of a fork that appeared after it was started."""
    for path in sorted(one.folder.glob(f"*-at*{SUFFIX}")):
        if path.name not in one.known:
            yield path


def _last_lines(output: Path) -> str:
    try:
        text = output.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join([line for line in text.splitlines() if line.strip()][-_LAST_LINES:])[-2000:]


def shown_command(arguments: list[str]) -> str:
    """Return a command as it is typed in a shell in the viewed folder."""
    return shlex.join(["aarlab", *arguments])


def arguments_of(folder: ViewedFolder, request: Mapping[str, Any]) -> list[str]:
    """Return the arguments of the command of a request.

    Args:
        folder: The viewed folder.
        request: `command` (fork or resume) and `file`; for a fork also `round`, `settings` (values by dial), `model`,
            `agent` and `seeds`, or `edit` (such as r3:41) and `text`.

    Raises:
        NotStarted: A value is not one that the command takes.
        NotInFolder: The run is not in the folder.
    """
    path = folder.run_path(str(request.get("file", "")))
    name = path.relative_to(folder.root).as_posix()
    name = f"./{name}" if name.startswith("-") else name
    match request.get("command"):
        case "resume":
            return ["resume", name]
        case "fork":
            out = path.parent.relative_to(folder.root).as_posix()
            return ["fork", name, *_fork_options(request), "--out", f"./{out}" if out.startswith("-") else out]
        case other:
            raise NotStarted(f"There is no command {other!r} to start here.")


def _fork_options(request: Mapping[str, Any]) -> Iterator[str]:
    seeds = request.get("seeds") or 1
    edit, text = request.get("edit"), request.get("text")
    if edit:
        _require(_STEP.fullmatch(str(edit)) is not None, "The message is named by agent and step, such as r3:41.")
        _require(isinstance(text, str) and text.strip() and len(text) <= _MAX_TEXT, "The text is empty or too long.")
        others = [name for name in ("round", "settings", "model", "agent") if request.get(name)]
        _require(not others, "At an edited message the settings stay. Fork the new run again at a later round.")
        yield from ("--edit", str(edit), str(text))
    else:
        round_ = request.get("round")
        _require(isinstance(round_, int) and 1 <= round_ < 100_000, "The round is a number from 1 on.")
        yield from ("--round", str(round_))
        settings = request.get("settings") or {}
        _require(isinstance(settings, dict), "The dials are values by name.")
        for dial, value in settings.items():
            _require(value in _VALUES.get(dial, ()), f"{dial} {value} is not a setting of a dial.")
            yield from ("--set", f"structure.{dial}={value}")
        if model := request.get("model"):
            _require(_MODEL.fullmatch(str(model)) is not None, "A base model is named provider/model.")
            yield from ("--model", str(model))
            if agent := request.get("agent"):
                _require(_AGENT.fullmatch(str(agent)) is not None, "The researcher is named such as r3.")
                yield from ("--agent", str(agent))
    _require(isinstance(seeds, int) and 1 <= seeds <= 100, "The number of forks is from 1 to 100.")
    if seeds > 1:
        yield from ("--seeds", str(seeds))


def _require(holds: Any, sentence: str) -> None:
    if not holds:
        raise NotStarted(sentence)
