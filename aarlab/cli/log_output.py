"""The log of model calls on standard error: requests, retries and what the provider's libraries log.

Texts of libraries contain request headers. Keys and other credentials are removed from every line.
"""

import logging
import re
import sys
from collections.abc import Callable

import rich_click as click

from aarlab.agents.models.api_keys import redacted
from aarlab.cli.formatting import printable
from aarlab.cli.options import Command

_LEVELS = ("debug", "info", "warning", "error")
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_TIME = "%H:%M:%S"
_QUOTED_CREDENTIAL = re.compile(
    r"""((?:authorization|api[-_]?key|token|secret|password|cookie|credential)[\w-]*['"]?\s*[,:=]\s*b?)"""
    r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""",
    re.IGNORECASE,
)
"""A header or field of a repr or of JSON whose name says that its value is a credential."""
_PLAIN_CREDENTIAL = re.compile(
    r"((?:authorization|cookie)\s*[:=]\s*)(?!['\"\[])[^\r\n]+|((?:bearer|basic)\s+)[^\s'\"\\,)\]]{6,}"
    r"|([?&](?:[\w-]*key|[\w-]*token|sig|signature)=)[^\s&'\"]+|(://)[^\s/@'\"]+(?=@)",
    re.IGNORECASE,
)
"""A header line, a scheme with its value, a parameter of a URL, a user name and password in a URL."""


def without_secrets(text: str) -> str:
    """Return a line of a log without keys, values of credential headers and passwords in URLs."""
    text = _QUOTED_CREDENTIAL.sub(r"\1'[removed]'", redacted(text))
    return _PLAIN_CREDENTIAL.sub(lambda match: f"{next(filter(None, match.groups()))}[removed]", text)


class _LogFormatter(logging.Formatter):
    """Formats a record with its traceback, as text that the terminal can show and that holds no credential."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        return printable(without_secrets(super().format(record)))


class _LogHandler(logging.Handler):
    """Writes to what is standard error at the time: a progress display replaces it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(_LogFormatter(_FORMAT, _TIME))

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        if sys.stderr is not None:  # it can be closed
            sys.stderr.write(f"{self.format(record)}\n")


def start_log(level: str) -> None:
    """Write records of this level and above to standard error, without credentials."""
    root = logging.getLogger()
    root.setLevel(level.upper())
    if not any(isinstance(handler, _LogHandler) for handler in root.handlers):
        root.addHandler(_LogHandler())


def log_level_option(command: Command) -> Command:
    """Add `--log-level`. The log starts before the command."""

    def start(context: click.Context, option: click.Parameter, level: str) -> None:
        start_log(level)

    add: Callable[[Command], Command] = click.option(
        "--log-level",
        type=click.Choice(_LEVELS),
        default="warning",
        show_default=True,
        callback=start,
        expose_value=False,
        help="Log of model calls on stderr. `info`: each call and each failed attempt. `debug`: also what the "
        "libraries of the provider log, with whole prompts. Keys are removed.",
    )
    return add(command)
