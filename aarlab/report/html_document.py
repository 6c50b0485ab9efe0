"""Self-contained HTML documents without scripts."""

import base64
import hashlib
from html import escape
from pathlib import Path

from aarlab.report.drawing import STYLE, Drawing


def html_document(title: str, body: str) -> str:
    """Return a document. It contains its style, loads nothing and runs nothing.

    Args:
        title: Plain text.
        body: HTML.
    """
    style = "".join(path.read_text(encoding="utf-8") for path in (STYLE, Path(__file__).with_name("page.css")))
    policy = f"default-src 'none'; style-src {content_hash_source(style)}; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="content-security-policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n"
        "</html>\n"
    )


def content_hash_source(text: str) -> str:
    """Return the source of an inline style or script for a content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def embedded_figure(drawing: Drawing, name: str) -> str:
    """Return the HTML of a figure; `name` is unique in the document."""
    identifier = escape(f"figure-{name.replace('.', '-')}")
    return f'<figure id="{identifier}">{drawing.root.markup()}</figure>'
