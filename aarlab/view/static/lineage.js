// The drawing of the lineage: findings in columns by round, and lines to those that they build on.

import { svg } from "./dom.js";
import { score, shortened } from "./format.js";
import { drawing, TimedMarks } from "./plot.js";
import { colourOf } from "./run_model.js";

const [MARGIN, HEADING, MIN_COLUMN] = [26, 24, 90];
const MAX_HEIGHT = 1400;

/** Draw the lineage. Returns the element and a function that shows a moment. */
export function lineageOf(run, width, pick, colour) {
  const known = run.findings.filter((row) => run.layout[row.id]);
  const places = known.map((row) => run.layout[row.id]);
  const columns = places.reduce((most, [column]) => Math.max(most, column), 0) + 1;
  const rows = places.reduce((most, [, row]) => Math.max(most, row), 0) + 1;
  const pitch = Math.max(6, Math.min(26, MAX_HEIGHT / rows));
  const step = Math.max(MIN_COLUMN, (width - 2 * MARGIN) / columns);
  const [wide, height] = [Math.max(width, 2 * MARGIN + step * columns), HEADING + pitch * rows + 16];
  const place = (id) => {
    const [column, row] = run.layout[id];
    return [MARGIN + step * (column + 0.35), HEADING + pitch * (row + 0.5)];
  };
  const root = drawing(wide, height, `Lineage of ${known.length} findings in ${columns} rounds. The board lists the findings and what each builds on.`);
  root.append(svg("g", { class: "axis" }, headings(run, known, step)));
  const marks = new TimedMarks();
  root.append(svg("g", { class: "links" }, links(run, place, marks)), svg("g", {}, known.map((row) => node(run, row, place(row.id), pitch, marks, pick, colour))));
  return [root, (at) => {
    marks.show(at);
    root.classList.toggle("at-end", at === Infinity); // the winner is known then
  }];
}

function headings(run, known, step) {
  const rounds = new Map(known.map((row) => [run.layout[row.id][0], row.round]));
  return [...rounds].map(([column, round]) => svg("text", { x: MARGIN + step * (column + 0.35), y: 14, "text-anchor": "middle" }, round ? `round ${round}` : "opening"));
}

function links(run, place, marks) {
  const both = run.edges.filter((edge) => run.layout[edge.source] && run.layout[edge.target]);
  return both.map((edge) => {
    const [[x1, y1], [x2, y2]] = [place(edge.source), place(edge.target)];
    const bend = x1 === x2 ? 34 : (x1 - x2) * 0.45;
    const path = x1 === x2 ? `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 + bend} ${y2} ${x2} ${y2}` : `M${x1} ${y1}C${x1 - bend} ${y1} ${x2 + bend} ${y2} ${x2} ${y2}`;
    return marks.add(edge.hours, svg("path", { d: path, class: `link ${edge.relation}` }, svg("title", {}, `${edge.source} ${edge.relation} ${edge.target}`)));
  });
}

function node(run, row, [x, y], pitch, marks, pick, colour) {
  const radius = Math.min(pitch * 0.45, 3.5 + 8 * Math.max(0, Math.min(1, row.pgr ?? 0)));
  const winner = run.summary?.best?.finding === row.id;
  const named = pitch >= 14 && (winner || run.findings.length <= 60);
  const group = svg(
    "g", { class: `node c${colour(row)}${row.pgr === null ? " unscored" : ""}${winner ? " winner" : ""}`, "data-id": row.id, onclick: () => pick(row.id) },
    svg("circle", { cx: x, cy: y, r: radius }),
    named && svg("text", { x: x + radius + 3, y: y + 4 }, winner && svg("tspan", { class: "star" }, "★ "), row.id),
    svg("title", {}, `${row.id} by ${row.author}, ${row.family}: ${shortened(row.title, 80)}, ${score(row.pgr, row.se)}`),
  );
  return marks.add(row.hours, group);
}

/** Return a function from a finding to the number of its colour: by researcher or by family. */
export function colouring(run, by) {
  if (by === "researcher") return (row) => colourOf(run, row.author);
  const families = [...new Set(run.findings.map((row) => row.family))];
  return (row) => String(families.indexOf(row.family) % 10);
}
