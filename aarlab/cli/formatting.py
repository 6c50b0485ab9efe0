"""Text from agents, and numbers, made fit for a person's terminal."""

from urllib.parse import urlsplit, urlunsplit

# Besides the control characters those that turn the direction of writing, which can make code read as what it is not.
_UNSAFE_CODE_POINTS = (*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROL: dict[int, str | None] = {**dict.fromkeys(_UNSAFE_CODE_POINTS, "\N{REPLACEMENT CHARACTER}"), ord("\r"): None}


def printable(text: str) -> str:
    """Return text without control characters: what agents write must not steer the reader's terminal."""
    return text.translate(_CONTROL)


def shortened(text: str, width: int) -> str:
    """Return text on one line, cut with an ellipsis where it is longer than `width`."""
    line = " ".join(printable(text).split())
    return line if len(line) <= width else f"{line[: max(width - 1, 0)].rstrip()}…"


def pgr_text(pgr: float | None, se: float | None = None) -> str:
    """Return a PGR, with its standard error where there is one."""
    if pgr is None:
        return "–"
    return f"{pgr:.2f}" if se is None else f"{pgr:.2f} ± {se:.2f}"


def hours_text(hours: float) -> str:
    """Return research hours."""
    return f"{hours:.1f} h"


def dollars_text(cost_usd: float | None) -> str:
    """Return an amount in US dollars, which may not be known."""
    return "cost unknown" if cost_usd is None else f"${cost_usd:.2f}"


def counted(number: int, noun: str) -> str:
    """Return `1 finding`, `2 findings`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def without_credentials(url: str) -> str:
    """Return an address without the name and password that may stand in it, and without its query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
