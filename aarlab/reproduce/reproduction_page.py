"""The table and the figures of reproductions as one self-contained HTML page."""

from collections.abc import Iterator, Sequence
from html import escape

from aarlab.reproduce.catalogue import TimedReproduction
from aarlab.reproduce.known_answers import CurvePanel, ReproducedAnswer
from aarlab.report.figures import curves
from aarlab.report.html_page import PAGE_STYLE, figure_html

TITLE = "Published results of collective search, reproduced"
COLUMNS = ("quantity", "published", "ours", "95 % interval", "runs", "pass", "note")


def answer_row(result: ReproducedAnswer) -> tuple[str, ...]:
    """Return the cells of a row of the table, by COLUMNS."""
    digits = 3
    return (
        result.answer.quantity,
        result.answer.published_text,
        f"{result.mean:.{digits}f}",
        f"{result.low:.{digits}f} to {result.high:.{digits}f}",
        f"{result.runs}",
        "yes" if result.passed else "no",
        result.answer.note,
    )


def reproduction_page(results: Sequence[TimedReproduction], *, quick: bool) -> str:
    """Return the page. It contains its style, its figures and plotly's JavaScript, and loads nothing."""
    from plotly.offline import get_plotlyjs

    body = "\n".join(_body(results, quick=quick))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{TITLE}</title>\n<style>\n{PAGE_STYLE.read_text(encoding='utf-8')}</style>\n"
        f"<script>{get_plotlyjs()}</script>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _body(results: Sequence[TimedReproduction], *, quick: bool) -> Iterator[str]:
    answers = [answer for timed in results for answer in timed.results.answers]
    passed = sum(answer.passed for answer in answers)
    form = "Short form: few runs, wide intervals." if quick else "Full form."
    yield f'<header><p class="kind">aarlab reproduce</p><h1>{TITLE}</h1>'
    yield f'<p class="result">{passed} of {len(answers)} published figures and signs are reproduced. {form}</p></header>'
    for timed in results:
        reproduction = timed.reproduction
        yield f"<section><h2>{escape(reproduction.name)}</h2><p>{escape(reproduction.paper)}.</p>"
        yield f"<p>Claim: {escape(reproduction.claim)}. Parts used: {escape(reproduction.parts)}.</p>"
        yield from _table(timed.results.answers)
        for number, panel in enumerate(timed.results.panels):
            yield _panel(panel, f"{reproduction.name}-{number + 1}")
        yield "</section>"


def _table(answers: Sequence[ReproducedAnswer]) -> Iterator[str]:
    yield "<table><thead><tr>" + "".join(f"<th>{column}</th>" for column in COLUMNS) + "</tr></thead><tbody>"
    for answer in answers:
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in answer_row(answer)) + "</tr>"
    yield "</tbody></table>"


def _panel(panel: CurvePanel, name: str) -> str:
    figure = curves(panel.curves, panel.x, panel.y, log_x=panel.log_x)
    return f"<h3>{escape(panel.title)}</h3>{figure_html(figure, name)}"
