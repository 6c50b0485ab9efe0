// The page of an ablation: its report, and its runs.

import { delayed, el, fill } from "./dom.js";
import { number } from "./format.js";
import { setKeys } from "./keys.js";
import { part } from "./report_parts.js";
import { address } from "./route.js";
import { table } from "./run_tables.js";
import { onChange, read, Unavailable } from "./source.js";
import { comparedStructures } from "./structure_graphs.js";

const UPDATE_MS = 1000;

/** Show the page of an ablation. */
export async function ablationPage(page, parameters, where, current) {
  const data = await read("ablation", { folder: parameters.folder });
  if (!current()) return undefined;
  where([["runs", address("runs")], [data.name, null]]);
  const report = data.report;
  const rows = el("div", { class: "area-runs" }, runsTable(data));
  const section = (title, ...content) => el("section", { "aria-label": title }, el("h2", {}, title), content);
  fill(
    page, el("h1", {}, data.question || data.name), report ? el("p", { class: "note" }, report.title) : el("p", {}, "No run is done yet."),
    report && [el("p", { class: "lead" }, report.result), report.forest.map((one) => part(one)), report.context.map((text) => el("p", {}, text))],
    report?.caveats.length > 0 && section("Caveats", part({ kind: "list", lines: report.caveats })),
    data.comparisons.length > 0 && section("Compared structures", data.comparisons.map((one) => el("details", {}, el("summary", {}, `${one.arm} against ${one.against}`), comparedStructures(one, [one.against, one.arm])))),
    section("Runs", rows), report?.sections.map(({ title, parts }) => section(title, parts.map((one) => part(one, title)))),
  );
  setKeys([]);
  let end = onChange(delayed(async () => {
    if (!current() || (await follow(data, rows))) return;
    const height = scrollY;
    end();
    end = (await ablationPage(page, parameters, where, current)) ?? end;
    scrollTo(0, height);
  }, UPDATE_MS));
  return () => end();
}

/** Update the rows of the runs. Returns false if another run is done: then the report has changed, too. */
async function follow(data, rows) {
  try {
    const { runs } = await read("ablation_runs", { folder: data.folder });
    const done = (all) => all.filter((run) => run.status === "done").length;
    if (done(runs) !== done(data.runs)) return false;
    fill(rows, runsTable({ ...data, runs }));
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error; // a file is locked or gone: the page stays as it is
  }
  return true;
}

function runsTable(data) {
  const rows = data.runs.map((run) => [run.file ? el("a", { href: address("run", { file: run.file }) }, `${run.arm}, seed ${run.seed}`) : `${run.arm}, seed ${run.seed}`, run.task, el("span", { class: `status ${run.status}` }, run.status), number(run.heldout), number(run.autonomy), run.error ?? ""]);
  return table([["Run"], ["Task"], ["Status"], ["Held-out", true], ["Autonomy", true], ["Problem"]], rows, "Runs of the ablation");
}
