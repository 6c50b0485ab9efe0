"""The table and the figures of reproductions as one self-contained HTML page."""

from collections.abc import Iterator, Sequence
from html import escape

from aarlab.report.figures import overlaid_curves
from aarlab.report.html_document import embedded_figure, html_document
from aarlab.reproduce.catalogue import TimedReproduction
from aarlab.reproduce.known_answers import CurvePanel, ReproducedAnswer

TITLE = "Published results of collective search, reproduced"
COLUMNS = ("quantity", "published", "ours", "95 % interval", "runs", "pass", "note")


def answer_row(result: ReproducedAnswer) -> tuple[str, ...]:
    """Return the cells of a row of the table, by COLUMNS."""
    return (
        result.answer.quantity,
        result.answer.published_text,
        f"{result.mean:.3f}",
        f"{result.low:.3f} to {result.high:.3f}",
        f"{result.runs}",
        "yes" if result.passed else "no",
        result.answer.note,
    )


def reproduction_page(results: Sequence[TimedReproduction], *, quick: bool) -> str:
    """Return the page."""
    return html_document(TITLE, "\n".join(_body(results, quick=quick)))


def _body(results: Sequence[TimedReproduction], *, quick: bool) -> Iterator[str]:
    answers = [answer for timed in results for answer in timed.results.answers]
    passed = sum(answer.passed for answer in answers)
    form = "Short form: few runs, wide intervals." if quick else "Full form."
    yield f'<header><p class="kind">aarlab reproduce</p><h1>{TITLE}</h1>'
    yield f'<p class="result">{passed} of {len(answers)} published results are reproduced. {form}</p></header>'
    for timed in results:
        reproduction = timed.reproduction
        yield f"<section><h2>{escape(reproduction.name)}</h2><p>{escape(reproduction.paper)}.</p>"
        yield f"<p>Claim: {escape(reproduction.claim)}. Parts used: {escape(reproduction.parts)}.</p>"
        yield from _table(timed.results.answers)
        for number, panel in enumerate(timed.results.panels):
            yield _panel(panel, f"{reproduction.name}-{number + 1}")
        yield "</section>"


def _table(answers: Sequence[ReproducedAnswer]) -> Iterator[str]:
    yield (
        "<div class=wide><table><thead><tr>"
        + "".join(f"<th>{column}</th>" for column in COLUMNS)
        + "</tr></thead><tbody>"
    )
    for answer in answers:
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in answer_row(answer)) + "</tr>"
    yield "</tbody></table></div>"


def _panel(panel: CurvePanel, name: str) -> str:
    figure = overlaid_curves(panel.curves, panel.x, panel.y, log_x=panel.log_x)
    return f"<h3>{escape(panel.title)}</h3>{embedded_figure(figure, name)}"
