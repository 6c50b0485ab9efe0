"""An audit as sections of text, tables and figures, independent of the output format."""

from collections.abc import Iterator, Mapping

from aarlab.audit.component_values import MIN_EFFECT, ComponentAudit, ComponentValue, Verdict
from aarlab.audit.lineage_drawing import lineage_drawing
from aarlab.audit.method_record import MethodRecord
from aarlab.audit.run_audit import CHECKLIST, MethodAudit, RunAudit, Score
from aarlab.cli.formatting import counted
from aarlab.memory.measures import WorldDifference
from aarlab.report.drawing import Drawing
from aarlab.report.figures import estimates_forest
from aarlab.report.formatted_tables import estimate_text, number, score_text
from aarlab.report.parts import BulletList, CodeBlock, Figure, Note, Part, Section, Table
from aarlab.statistics import Estimate

_VERDICTS: Mapping[Verdict, str] = {
    "earns": "these earn the score", "needed": "without these it fails", "costs": "these cost score",
    "no effect": "no measurable effect", "unknown": "too few worlds for a claim",
}  # fmt: skip


def result_sentence(audit: RunAudit) -> str:
    """Return the result of an audit: the best method and what earns its score."""
    if not audit.methods:
        return "No method was audited: the team posted no result of a full experiment."
    best = audit.methods[0]
    heldout = next((score for score in best.scores if (score.place, score.how) == ("held-out", "fixed")), None)
    reached = "" if heldout is None else f" has a held-out {audit.score_name} of {score_text(heldout.pgr, heldout.se)}"
    name = f"{best.record.finding} by {best.record.author}"
    earned = "" if best.components is None else f" {component_sentence(best.components, audit.score_name)}"
    return f"The best method, {name},{reached or ' was not scored on held-out worlds'}.{earned}"


def component_sentence(parts: ComponentAudit, score_name: str, kind: str = "fresh world") -> str:
    """Return which components earn the score, which cost, and which have no measurable effect on a kind of world."""
    by_verdict: dict[Verdict, list[str]] = {verdict: [] for verdict in _VERDICTS}
    for name, value in named_values(parts):
        estimate = value.shapley or value.knocked_out
        by_verdict[value.verdict].append(name if estimate is None else f"{name} {_signed(estimate)}")
    said = "; ".join(f"{_VERDICTS[verdict]}: {', '.join(names)}" for verdict, names in by_verdict.items() if names)
    whole = f"{score_name} {number(parts.whole.value, 2)} on {counted(parts.worlds, kind)}"
    nothing = "" if parts.nothing is None else f", {number(parts.nothing.value, 2)} without any component"
    return f"Of its {counted(len(parts.values), 'component')} ({whole}{nothing}), {said}."


def named_values(parts: ComponentAudit) -> list[tuple[str, ComponentValue]]:
    """Return the components in the order of the code, with their names; repeated operators are numbered."""
    named: list[tuple[str, ComponentValue]] = []
    for value in parts.values:
        earlier = sum(other.operator == value.operator for _, other in named)
        named.append((f"{value.operator} ({earlier + 1})" if earlier else value.operator, value))
    return named


def audit_sections(audit: RunAudit) -> list[Section]:
    """Return the sections of an audit: those of each method, the checklist, and the signatures."""
    sections = [section for method in audit.methods for section in _method_sections(audit, method)]
    statements = (f"{number}. {statement}" for number, statement in enumerate(CHECKLIST, 1))
    sections.append(Section("Checklist", ("A person confirms with aarlab audit RUN --sign NAME:", *statements)))
    if audit.signatures:
        sections.append(Section("Signatures", (BulletList(tuple(_signatures(audit))),)))
    return sections


def _signatures(audit: RunAudit) -> Iterator[str]:
    for at, one in audit.signatures:
        findings = ", ".join(one.findings)
        open_ = f"; not confirmed: {' '.join(one.open)}" if one.open else ""
        why = f" “{one.why}”" if one.why else ""
        other = "" if one.digest == audit.digest else " The run was another one then."
        yield (
            f"{one.who}, {at[:16].replace('T', ' ')} UTC, on {findings}: {len(one.confirmed)} of "
            f"{len(one.confirmed) + len(one.open)} confirmed{open_}.{why}{other}"
        )


def _method_sections(audit: RunAudit, method: MethodAudit) -> Iterator[Section]:
    record = method.record
    yield Section(
        f"What {record.finding} does",
        (
            _posted(record, audit.score_name),
            f"What it does, by {method.described_by}:",
            BulletList(method.description),
            _size(record),
        ),
    )
    yield Section(f"Which component of {record.finding} earns the score", tuple(_component_parts(audit, method)))
    yield Section(f"How {record.finding} does elsewhere", tuple(_elsewhere(audit, method)))
    yield Section(
        f"Teacher, attempts and remarks: {record.finding}",
        (_teacher(record), _attempts(record), *_legibility(method), *_remarks(record)),
    )
    yield Section(f"Lineage and code of {record.finding}", tuple(_lineage(record)))


def _posted(record: MethodRecord, score_name: str) -> str:
    known = f" Its code is that of the known method {record.known}." if record.known else ""
    score = score_text(record.development_pgr, record.development_se)
    return (
        f"“{record.title}”, posted by {record.author} in round {record.round} at research hour {record.hours:.1f} with "
        f"a development {score_name} of {score}, as {record.family}.{known}"
    )


def _size(record: MethodRecord) -> str:
    size = record.complexity
    lines = "" if size is None else f"{counted(size.operators, 'operator')}, {counted(size.lines, 'line')} of code. "
    if record.novelty is None:
        return f"{lines}Nothing was posted before it, so it has no novelty."
    nearest = f"; the nearest earlier finding is {record.nearest}" if record.nearest else ""
    return f"{lines}Novelty {record.novelty:.2f} (0: a copy, 1: shares no word with an earlier finding){nearest}."


def _component_parts(audit: RunAudit, method: MethodAudit) -> Iterator[Part]:
    parts = method.components
    if parts is None:
        yield _why_unmeasured(audit, method)
        return
    shifted = method.shifted_components
    yield component_sentence(parts, audit.score_name)
    yield _component_table(method.record.finding, parts)
    if shifted is not None:
        yield component_sentence(shifted, audit.score_name, "shifted world")
        yield _shifted_table(method.record.finding, parts, shifted)
    if any(value.shapley for value in parts.values):
        yield Figure(f"components-{method.record.finding}", _bars(parts, shifted))
    how = "all combinations" if parts.exact else "sampled orders"
    yield Note(
        "Lost without it: the component is knocked out, all others stay. Shapley value: its mean contribution over "
        f"{how} of the components ({counted(parts.measured, 'variant')} measured); the values sum to the score minus "
        "that without any component. 95 % t intervals over worlds, each for itself; no effect: "
        f"the interval contains 0, or the value is below {MIN_EFFECT:g}."
        f"{'' if shifted is None else ' Shifted worlds are those on which the run scored the method.'}"
    )


def _why_unmeasured(audit: RunAudit, method: MethodAudit) -> str:
    if not method.record.components:
        return "The code has no component that can be knocked out: it calls no operator of the toolkit."
    if not audit.worlds:
        return f"Nothing was measured (--worlds 0). Its components: {', '.join(method.record.components)}."
    return "Nothing was measured: the method failed, or the task has a single world."


def _component_table(finding: str, parts: ComponentAudit) -> Table:
    rows = tuple(
        (name, _text(value.knocked_out, "fails"), _text(value.shapley, ""), value.verdict)
        for name, value in named_values(parts)
    )
    columns = ("component", "lost without it (95 %)", "Shapley value (95 %)", "verdict")
    return Table(f"components-{finding}", "Components", columns, rows)


def _shifted_table(finding: str, parts: ComponentAudit, shifted: ComponentAudit) -> Table:
    rows = tuple(
        (name, _text(value.shapley, ""), _text(other.shapley, ""), other.verdict)
        for (name, value), other in zip(named_values(parts), shifted.values, strict=True)
    )
    columns = ("component", "Shapley value (95 %)", "on shifted worlds (95 %)", "verdict there")
    return Table(f"shifted-components-{finding}", "Components on shifted worlds", columns, rows)


def _elsewhere(audit: RunAudit, method: MethodAudit) -> Iterator[Part]:
    rows = tuple(_score_row(score) for score in method.scores)
    columns = ("place", audit.score_name, "drop (95 %)", "over published (95 %)")
    development = ("development", score_text(method.record.development_pgr, method.record.development_se), "", "")
    yield Table(f"elsewhere-{method.record.finding}", "Elsewhere", columns, (development, *rows))
    below = [score for score in method.scores if score.over_published and score.over_published.mean < 0]
    if below:
        names = ", ".join(map(_place, below))
        yield f"Below the best published method on: {names}."
    yield Note(
        "The drop is the development score minus this one, with Welch's interval. The last column is the difference "
        "from the best published method on the same worlds, paired by world."
    )


def _score_row(score: Score) -> tuple[str, ...]:
    pgr = "failed" if score.pgr is None else score_text(score.pgr, score.se)
    return _place(score), pgr, _difference(score.drop), _difference(score.over_published)


def _place(score: Score) -> str:
    return score.place if score.how == "fixed" else f"{score.place}, {score.how}"


def _difference(difference: WorldDifference | None) -> str:
    if difference is None:
        return ""
    return _signed(Estimate(difference.mean, (difference.low, difference.high)))


def _teacher(record: MethodRecord) -> str:
    use = record.teacher
    if use is None:
        return "Teacher: its use was not measured, because the method had no full experiment with shuffled labels."
    said = "it keeps its score, so it may ignore the teacher" if use.ignores else "it learns from the teacher"
    scores = f"its score is {score_text(use.pgr)}, and {score_text(use.shuffled)} with shuffled weak labels"
    return f"Teacher: {scores}; {said}."


def _attempts(record: MethodRecord) -> str:
    tried = record.attempts
    return (
        f"Attempts: before it was posted, the team had scored {counted(tried.experiments, 'experiment')} "
        f"({tried.full} in full) of {counted(tried.recipes, 'different method')}; {tried.own} of them were "
        f"{record.author}'s."
    )


def _legibility(method: MethodAudit) -> Iterator[str]:
    measured = method.predictability
    if measured is None:
        return
    if measured.from_text is None or measured.from_code is None:
        yield f"Legibility: none of {counted(measured.pairs, 'pair')} of variants differs clearly, so nothing follows."
        return
    yield (
        f"Legibility: of {measured.clear} clearly different pairs of variants (of {measured.pairs}), a fresh agent "
        f"({method.described_by}) predicts the better one from the finding's text in {_share(measured.from_text)}, "
        f"from the code in {_share(measured.from_code)}; chance is 50 %."
    )


def _share(estimate: Estimate) -> str:
    low, high = estimate.interval or (estimate.value, estimate.value)
    return f"{100 * estimate.value:.0f} % ({100 * low:.0f} to {100 * high:.0f} %)"


def _remarks(record: MethodRecord) -> Iterator[Part]:
    if record.remarks:
        yield "What reviewers, monitors, researchers and people said about it:"
        yield BulletList(record.remarks)
    else:
        yield "No reviewer, monitor, researcher or person said anything about it."


def _lineage(record: MethodRecord) -> Iterator[Part]:
    if record.steps:
        yield f"{counted(len(record.steps), 'step')} back to the first ideas: {', '.join(record.first)}."
        rows = tuple(
            (step.finding, step.relation, step.target, step.author, step.pgr, step.title) for step in record.steps
        )
        columns = ("finding", "relation", "target", "author", "score", "title")
        yield Table(f"lineage-{record.finding}", "Lineage", columns, rows)
        if len(record.steps) > 1:
            yield Figure(f"lineage-{record.finding}", lineage_drawing(record.graph, record.finding))
    else:
        yield "It builds on no other finding of the board."
    yield CodeBlock(record.code.strip("\n"))
    if record.nearest_diff:
        yield CodeBlock(record.nearest_diff, title=f"Against the nearest earlier finding, {record.nearest}")
    for step in record.steps:
        if step.diff:
            yield CodeBlock(step.diff, title=f"What changed: {step.finding} {step.relation} {step.target}")


def _text(estimate: Estimate | None, missing: str) -> str:
    return missing if estimate is None else _signed(estimate)


def _signed(estimate: Estimate) -> str:
    """Return an estimate with sign, two digits and interval."""
    return estimate_text(estimate, digits=2, sign="+")


def _bars(parts: ComponentAudit, shifted: ComponentAudit | None) -> Drawing:
    """Return the Shapley values as a figure, those on shifted worlds under the others."""
    values = {name: value.shapley for name, value in named_values(parts)}
    if shifted is not None:
        there = {f"{name}, shifted": value.shapley for name, value in named_values(shifted)}
        values = {name: value for pair in zip(values.items(), there.items(), strict=True) for name, value in pair}
    known = {name: value for name, value in values.items() if value is not None}
    return estimates_forest(known, "Shapley value (95 % interval)")
