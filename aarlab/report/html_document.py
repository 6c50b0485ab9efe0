"""Self-contained HTML documents with plotly figures."""

import json
from html import escape
from pathlib import Path

import plotly.graph_objects as go

_CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtons": [["toImage"]]}


def html_document(title: str, body: str) -> str:
    """Return a document. It contains its style, its figures and plotly's JavaScript, and loads nothing.

    Args:
        title: Plain text.
        body: HTML.
    """
    from plotly.offline import get_plotlyjs

    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n"
        f"<script>{get_plotlyjs()}</script>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def embedded_figure(figure: go.Figure, name: str) -> str:
    """Return the HTML of a figure; `name` is unique in the document and names the downloaded image."""
    identifier = f"figure-{name.replace('.', '-')}"
    config = json.dumps({**_CONFIG, "toImageButtonOptions": {"format": "svg", "filename": f"aarlab-{name}"}})
    # The JSON cannot end the script: plotly escapes angle brackets and slashes.
    return (
        f'<figure id="{escape(identifier)}" style="height:{figure.layout.height}px"></figure>\n<script>'
        f"(f => Plotly.newPlot({json.dumps(identifier)}, f.data, f.layout, {config}))({figure.to_json()})</script>"
    )
