// The drawing of the score over research hours: each researcher, the frontier, and reference methods.

import { svg } from "./dom.js";
import { number, score } from "./format.js";
import { cursor, drawing, hoursAxis, scale, stepPath, TimedMarks, valueAxis } from "./plot.js";
import { bestSoFar, colourOf } from "./run_model.js";

const [LEFT, RIGHT, TOP, BOTTOM, HEIGHT] = [42, 14, 12, 40, 300];

/** Draw the curves. Returns the element and a function that shows a moment. */
export function curveOf(run, width, pick) {
  const experiments = run.experiments.filter((row) => row.fidelity === "full" && row.pgr !== null);
  const lines = references(run);
  const values = [0, ...experiments.map((row) => row.pgr), ...lines.map(([, value]) => value)];
  const [low, high] = [Math.min(...spread(values)), Math.max(0.2, ...spread(values)) * 1.06];
  const x = scale(0, run.end, LEFT, width - RIGHT);
  const y = scale(low, high, HEIGHT - BOTTOM, TOP);
  const root = drawing(width, HEIGHT, describe(run, experiments));
  root.append(hoursAxis(x, run.end, HEIGHT - BOTTOM, TOP, "research hours of each researcher"), valueAxis(y, low, high, LEFT, width - RIGHT));
  root.append(referenceLines(lines, y, width));
  const window = svg("rect", { x: 0, y: 0, height: HEIGHT, width });
  const clip = `clip-${run.file.replace(/\W/g, "-")}`;
  root.append(svg("clipPath", { id: clip }, window), svg("g", { "clip-path": `url(#${clip})` }, curves(run, experiments, x, y)));
  const marks = new TimedMarks();
  root.append(svg("g", {}, experiments.map((row) => marks.add(row.hours, dot(run, row, x, y, pick)))));
  const [line, move] = cursor(x, run.end, TOP, HEIGHT - BOTTOM);
  root.append(line);
  const show = (at) => {
    window.setAttribute("width", Math.max(0, x(Math.min(at, run.end)) + (at >= run.end ? RIGHT : 0)));
    marks.show(at);
    move(at);
  };
  return [root, show];
}

/** Return the smallest and the largest value: there may be too many for one call. */
function spread(values) {
  return [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
}

function describe(run, experiments) {
  const best = bestSoFar(experiments).at(-1);
  const name = run.score;
  return best ? `${name} over research hours. The best development score is ${number(best[1])}, after ${number(best[0], 1)} hours.` : `${name} over research hours. There is no score yet.`;
}

function references(run) {
  const found = run.references.map((row) => {
    const held = (run.scoresOf.get(row.method) ?? []).find((one) => one.panel === "heldout");
    return held && held.pgr !== null ? [`best ${row.reference} method, held-out`, held.pgr] : null;
  });
  return found.filter(Boolean);
}

function referenceLines(lines, y, width) {
  return svg("g", { class: "reference" }, lines.map(([name, value], index) => [
    svg("line", { x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
    svg("text", { x: index % 2 ? width - RIGHT : LEFT + 4, y: y(value) - 4, "text-anchor": index % 2 ? "end" : "start" }, `${name} ${number(value)}`),
  ]));
}

function curves(run, experiments, x, y) {
  const own = run.researchers.map((agent) => {
    const steps = bestSoFar(experiments.filter((row) => row.agent === agent));
    return svg("path", { d: stepPath(steps, x, y, run.end), class: `curve c${colourOf(run, agent)}` });
  });
  return [...own, svg("path", { d: stepPath(bestSoFar(experiments), x, y, run.end), class: "curve frontier" })];
}

function dot(run, row, x, y, pick) {
  const text = `${row.id}: ${score(row.pgr, row.se)} after ${number(row.hours, 1)} h`;
  return svg("circle", { cx: x(row.hours), cy: y(row.pgr), r: 4, class: `dot c${colourOf(run, row.agent)}`, onclick: () => pick(row.id), "data-id": row.id }, svg("title", {}, text));
}
