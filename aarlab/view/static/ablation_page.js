// The page of an ablation: its report, and its runs.

import { el, fill } from "./dom.js";
import { number } from "./format.js";
import { part } from "./report_parts.js";
import { address } from "./route.js";
import { table } from "./run_tables.js";
import { read } from "./source.js";
import { comparedStructures } from "./structure_graphs.js";

const UPDATE_MS = 1000;

/** Show the page of an ablation. */
export async function ablationPage(page, parameters, visit) {
  let shown = await read("ablation", parameters);
  if (visit.signal.aborted) return;
  visit.where([["runs", address("runs")], [shown.name, null]]);
  build(page, shown);
  visit.follow(async () => {
    const { runs } = await read("ablation_runs", parameters);
    const hasNewReport = done(runs) !== done(shown.runs);
    if (hasNewReport) shown = await read("ablation", parameters);
    if (visit.signal.aborted) return;
    if (hasNewReport) rebuild(page, shown);
    else fill(page.querySelector(".area-runs"), runsTable(runs));
  }, UPDATE_MS);
}

const done = (runs) => runs.filter((run) => run.status === "done").length;

function build(page, data) {
  const report = data.report;
  const section = (title, ...content) => el("section", { "aria-label": title }, el("h2", {}, title), content);
  fill(
    page, el("h1", {}, data.question || data.name), report ? el("p", { class: "note" }, report.title) : el("p", {}, "No run is done yet."),
    report && [el("p", { class: "lead" }, report.result), report.forest.map((one) => part(one)), report.context.map((text) => el("p", {}, text))],
    report?.caveats.length > 0 && section("Caveats", part({ kind: "list", lines: report.caveats })),
    data.comparisons.length > 0 && section("Compared structures", data.comparisons.map((one) => el("details", {}, el("summary", {}, `${one.arm} against ${one.against}`), comparedStructures(one, [one.against, one.arm])))),
    section("Runs", el("div", { class: "area-runs" }, runsTable(data.runs))), report?.sections.map(({ title, parts }) => section(title, parts.map((one) => part(one, title)))),
  );
}

/** Build the page again; it stays where it is, with what the user has unfolded. */
function rebuild(page, data) {
  const height = scrollY;
  const unfolded = new Set([...page.querySelectorAll("details[open] > summary")].map((one) => one.textContent));
  build(page, data);
  for (const one of page.querySelectorAll("details > summary")) one.parentElement.open = unfolded.has(one.textContent);
  scrollTo(0, height);
}

function runsTable(runs) {
  const rows = runs.map((run) => [run.file ? el("a", { href: address("run", { file: run.file }) }, `${run.arm}, seed ${run.seed}`) : `${run.arm}, seed ${run.seed}`, run.task, el("span", { class: `status ${run.status}` }, run.status), number(run.heldout), number(run.autonomy), run.error ?? ""]);
  return table([["Run"], ["Task"], ["Status"], ["Held-out", true], ["Autonomy", true], ["Problem"]], rows, "Runs of the ablation");
}
