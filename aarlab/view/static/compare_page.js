// The page of several runs: their best scores so far over each other.

import { el, fill, svg } from "./dom.js";
import { hours, moment, number, score } from "./format.js";
import { drawing, hoursAxis, legendMark, scale, stepPath, valueAxis } from "./plot.js";
import { address } from "./route.js";
import { bestSoFar, emptyRun, extend } from "./run_model.js";
import { table } from "./run_tables.js";
import { read } from "./source.js";
import { comparedStructures } from "./structure_graphs.js";

const MAX_RUNS = 10;
const SEPARATOR = "\n";

/** Return the address of the page that compares run files. */
export const comparison = (files) => address("compare", { files: files.slice(0, MAX_RUNS).join(SEPARATOR) });

/** Show the page of several runs. */
export async function comparePage(page, parameters, visit) {
  const files = (parameters.files ?? "").split(SEPARATOR).filter(Boolean).slice(0, MAX_RUNS);
  const runs = await Promise.all(files.map(async (file) => extend(emptyRun(file), await read("run", { file }))));
  if (visit.signal.aborted) return;
  visit.where([["runs", address("runs")], ["compare", null]]);
  const area = el("div", { class: "area" });
  fill(page, el("h1", {}, `Comparison of ${runs.length} runs`), area);
  if (!runs.length) fill(area, el("p", { class: "empty" }, "Choose runs in the table of runs."));
  if (!runs.length) return;
  const parted = el("section", { "aria-label": "Where they part" });
  const structures = el("section", { "aria-label": "Compared structures" });
  const colour = (run) => String(runs.indexOf(run) % 10);
  fill(area, curves(runs, colour, Math.min(area.clientWidth, 1100)), legend(runs, colour), details(runs), parted, structures);
  if (runs.length !== 2) return;
  const query = { file: files[0], other: files[1] };
  const compared = await read("structures", query);
  fill(structures, el("h2", {}, "Compared structures"), comparedStructures(compared, runs.map((run) => run.run)));
  const { divergences } = await read("divergences", query);
  fill(parted, el("h2", {}, "Where they part"), divergencesTable(divergences, files));
}

/** Return for each agent the first event in which its two conversations differ, earliest first. */
function divergencesTable(divergences, files) {
  if (!divergences.length) return el("p", {}, "All conversations are equal.");
  const rows = divergences.map((one) => [
    el("a", { href: address("conversation", { file: files[0], agent: one.agent, beside: one.agent, beside_file: files[1], step: one.step }) }, one.agent),
    one.round ? `round ${one.round}` : "setup", hours(one.hours), String(one.step),
  ]);
  return table([["Agent"], ["Round"], ["After", true], ["Step", true]], rows, "Where they part");
}

function curves(runs, colour, width) {
  const steps = runs.map((run) => bestSoFar(run.experiments));
  const values = steps.flat().map(([, value]) => value);
  const [low, high] = [Math.min(0, ...values), Math.max(0.2, ...values) * 1.06];
  const end = Math.max(...runs.map((run) => run.end));
  const [x, y] = [scale(0, end, 42, width - 14), scale(low, high, 300, 12)];
  const said = runs.map((run, index) => `${run.run}: ${number(steps[index].at(-1)?.[1])}`).join(", ");
  const root = drawing(width, 340, `Best development score so far over research hours. At the end: ${said}`);
  root.append(hoursAxis(x, end, 300, 12, "research hours of each researcher"), valueAxis(y, low, high, 42, width - 14));
  root.append(...runs.map((run, index) => svg("path", { d: stepPath(steps[index], x, y, run.end), class: `curve c${colour(run)}` }, svg("title", {}, run.run))));
  return root;
}

function legend(runs, colour) {
  return el("p", { class: "legend" }, runs.map((run) => el("a", { class: "entry", href: address("run", { file: run.file }) }, legendMark(svg("circle", { r: 5, class: "solid" }), `c${colour(run)}`), run.run)));
}

function details(runs) {
  const rows = runs.map((run) => {
    const held = run.summary?.heldout;
    return [run.run, run.task, run.structure_text, String(run.seed), number(bestSoFar(run.experiments).at(-1)?.[1]), held ? score(held.pgr, held.se) : "–", number(run.summary?.shifted?.pgr), moment(run.created_at)];
  });
  return table([["Run"], ["Task"], ["Structure"], ["Seed", true], ["Development", true], ["Held-out", true], ["Shifted", true], ["Started (UTC)"]], rows, "Compared runs");
}
