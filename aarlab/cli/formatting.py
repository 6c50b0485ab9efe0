"""Text and numbers for the terminal. Text from agents is untrusted."""

from urllib.parse import urlsplit, urlunsplit

# Control characters, and characters that reverse the writing direction and so disguise code.
_UNSAFE_CODE_POINTS = (*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROL: dict[int, str | None] = {**dict.fromkeys(_UNSAFE_CODE_POINTS, "\N{REPLACEMENT CHARACTER}"), ord("\r"): None}


def printable(text: str) -> str:
    """Return text without control characters, so that text from agents cannot control the terminal."""
    return text.translate(_CONTROL)


def shortened(text: str, width: int) -> str:
    """Return text on one line, cut with an ellipsis if it is longer than `width`."""
    line = " ".join(printable(text).split())
    return line if len(line) <= width else f"{line[: max(width - 1, 0)].rstrip()}…"


def pgr_text(pgr: float | None, se: float | None = None) -> str:
    """Return a PGR with two decimals, with its standard error if there is one; an en dash for None."""
    if pgr is None:
        return "–"
    return f"{pgr:.2f}" if se is None else f"{pgr:.2f} ± {se:.2f}"


def signed(difference: float) -> str:
    """Return a difference with its sign and two decimals; one that rounds to zero has no sign."""
    rounded = round(difference, 2)
    return f"{rounded:+.2f}" if rounded else "0.00"


def percent_text(share: float) -> str:
    """Return a share as a whole number of per cent."""
    return f"{100 * share:.0f} %"


def hours_text(hours: float) -> str:
    """Return research hours with their unit."""
    return f"{hours:.1f} h"


def dollars_text(cost_usd: float | None) -> str:
    """Return an amount in US dollars; `cost unknown` for None."""
    return "cost unknown" if cost_usd is None else f"${cost_usd:.2f}"


def counted(number: int, noun: str) -> str:
    """Return `1 finding`, `2 findings`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def without_credentials(url: str) -> str:
    """Return a URL without user name, password, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def capitalised(text: str) -> str:
    """Return a text with its first letter in upper case and the others unchanged."""
    return text[:1].upper() + text[1:]
