// The page of runs: a table to filter and sort, and the ablations of the folder.

import { comparison } from "./compare_page.js";
import { el, fill } from "./dom.js";
import { byName, counted, dollars, hours, moment, number, score, statusOf } from "./format.js";
import { address } from "./route.js";
import { read } from "./source.js";

// By name: title, value to sort by, text, whether it is a number.
const COLUMNS = {
  run: ["Run", (run) => run.run, null],
  status: ["Status", statusOf, null],
  folder: ["Folder", (run) => run.folder, (run) => run.folder || "·"],
  created_at: ["Started (UTC)", (run) => run.created_at, (run) => moment(run.created_at)],
  task: ["Task", (run) => run.task, (run) => run.task],
  structure: ["Structure", (run) => run.structure, (run) => run.structure],
  model: ["Model", (run) => run.model, (run) => run.model],
  seed: ["Seed", (run) => run.seed, (run) => number(run.seed, 0), true],
  researchers: ["Researchers", (run) => run.researchers, (run) => number(run.researchers, 0), true],
  development: ["Development", (run) => run.development, (run) => number(run.development), true],
  heldout: ["Held-out", (run) => run.heldout, (run) => score(run.heldout, run.heldout_se), true],
  shifted: ["Shifted", (run) => run.shifted, (run) => number(run.shifted), true],
  hours: ["Hours", (run) => run.hours, (run) => hours(run.hours), true],
  cost_usd: ["Cost", (run) => run.cost_usd, (run) => (run.hours === null ? "–" : dollars(run.cost_usd)), true],
  findings: ["Findings", (run) => run.findings, (run) => number(run.findings, 0), true],
  flags: ["Flags", (run) => run.flags, (run) => number(run.flags, 0), true],
};
const USUAL = ["run", "status", "created_at", "task", "structure", "model", "development", "heldout", "shifted", "cost_usd", "flags"];
const FEW = ["run", "status", "heldout"];
const STORED = "aarlab-columns";
const MAX_ROWS = 500;
const FIRST_ROWS = 100; // They are shown while the others are read.

function storedColumns() {
  const usual = matchMedia("(max-width: 600px)").matches ? FEW : USUAL;
  try {
    const names = JSON.parse(localStorage.getItem(STORED)).filter((name) => Object.hasOwn(COLUMNS, name));
    return names.length ? names : usual;
  } catch {
    return usual;
  }
}

/** Show the page of runs. */
export async function runsPage(page, parameters, visit) {
  const state = {
    runs: null, complete: false, ablations: [], shown: [], columns: storedColumns(), filter: parameters.filter ?? "",
    sort: Object.hasOwn(COLUMNS, parameters.sort) ? parameters.sort : "created_at", down: parameters.down !== "0", chosen: null, selected: new Set(),
    remember: visit.remember,
  };
  visit.where([["runs", null]]);
  const places = frame(page, state, () => draw(state, places));
  visit.setKeys(keysOf(state, places));
  const load = async (parameters) => {
    Object.assign(state, await read("runs", parameters));
    state.complete = !parameters?.newest || state.files <= parameters.newest;
    draw(state, places);
  };
  await load({ newest: FIRST_ROWS });
  if (!state.complete) await load();
  visit.follow(() => load(), 200);
}

function frame(page, state, redraw) {
  const filter = el("input", {
    type: "search", id: "filter", value: state.filter, placeholder: "structure, model, task, status …", autocomplete: "off",
    oninput: (event) => {
      state.filter = event.target.value;
      state.remember({ filter: state.filter });
      redraw();
    },
  });
  const places = {
    filter, compare: el("p", { class: "count" }), count: el("p", { class: "count", "aria-live": "polite" }), table: el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Runs" }),
    ablations: el("section", { "aria-label": "Ablations" }),
  };
  fill(
    page, el("h1", {}, "Runs"),
    el("div", { class: "bar" }, el("label", { for: "filter" }, "Filter"), filter, columnChooser(state, redraw), places.count, places.compare),
    places.table, places.ablations,
  );
  return places;
}

function columnChooser(state, redraw) {
  const choose = (name) => (event) => {
    state.columns = Object.keys(COLUMNS).filter((other) => (other === name ? event.target.checked : state.columns.includes(other)));
    localStorage.setItem(STORED, JSON.stringify(state.columns));
    redraw();
  };
  const boxes = Object.entries(COLUMNS).filter(([name]) => name !== "run").map(([name, [title]]) =>
    el("label", {}, el("input", { type: "checkbox", checked: state.columns.includes(name), onchange: choose(name) }), title));
  return el("details", { class: "menu" }, el("summary", {}, "Columns"), el("div", { class: "boxes" }, boxes));
}

/** Return the runs that have every word of the filter, sorted. Runs without the value are last. */
function chosen(state) {
  const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (run) => [run.file, statusOf(run), run.task, run.structure, run.model, `seed=${run.seed}`].join(" ").toLowerCase();
  const [, value] = COLUMNS[state.sort];
  const empty = (run) => (value(run) === null || value(run) === "" ? 1 : 0);
  const order = (a, b) => (typeof a === "number" ? a - b : byName(a, b));
  return state.runs
    .filter((run) => words.every((word) => text(run).includes(word)))
    .sort((a, b) => empty(a) - empty(b) || (empty(a) ? 0 : order(value(a), value(b)) * (state.down ? -1 : 1)));
}

function draw(state, places) {
  if (state.runs === null) return; // they are being read
  const runs = chosen(state);
  state.shown = runs.slice(0, MAX_ROWS);
  const live = state.runs.filter((run) => run.live).length;
  fill(places.count, runs.length === state.runs.length ? counted(runs.length, "run") : `${runs.length} of ${counted(state.runs.length, "run")}`, live ? `, ${live} live` : "", state.complete ? "" : `, ${counted(state.files, "file")} are being read …`);
  const table = el("table", { class: "runs" }, el("thead", {}, headings(state, places)), el("tbody", {}, state.shown.map((run) => row(run, state, places))));
  const none = el("p", { class: "empty" }, state.runs.length ? "No run has these words." : "There are no runs below this folder yet. Start one with: aarlab run");
  drawSelection(state, places);
  fill(places.table, runs.length ? table : none, runs.length > MAX_ROWS && el("p", { class: "note" }, `The first ${MAX_ROWS} are shown. Filter to see others.`));
  drawAblations(state, places);
}

function headings(state, places) {
  const sortBy = (name) => () => {
    Object.assign(state, state.sort === name ? { down: !state.down } : { sort: name, down: Boolean(COLUMNS[name][3]) });
    state.remember({ sort: state.sort, down: state.down ? "1" : "0" });
    draw(state, places);
    places.table.querySelector(`[data-column=${name}]`).focus();
  };
  return el("tr", {}, el("td", {}, el("span", { class: "hidden" }, "Chosen")), state.columns.map((name) => {
    const [title, , , numeric] = COLUMNS[name];
    const sorted = state.sort === name ? (state.down ? "descending" : "ascending") : undefined;
    const mark = sorted ? (state.down ? " ↓" : " ↑") : "";
    return el("th", { class: numeric && "n", scope: "col", "aria-sort": sorted }, el("button", { onclick: sortBy(name), "data-column": name }, title, mark));
  }));
}

/** Show the link to the comparison of the selected runs. */
function drawSelection(state, places) {
  const files = [...state.selected];
  fill(places.compare, files.length > 1 && el("a", { href: comparison(files) }, `Compare ${files.length} runs`));
}

function select(state, places, file, chosen) {
  state.selected[chosen ? "add" : "delete"](file);
  drawSelection(state, places);
}

function row(run, state, places) {
  const cell = (name) => {
    const [, , text, numeric] = COLUMNS[name];
    if (name === "run") return el("th", { scope: "row" }, runName(run));
    if (name === "status") return el("td", {}, statusMark(run));
    return el("td", { class: numeric && "n" }, text(run));
  };
  const box = el("input", { type: "checkbox", "aria-label": `Select ${run.run}`, checked: state.selected.has(run.file), disabled: Boolean(run.problem), onchange: (event) => select(state, places, run.file, event.target.checked) });
  return el("tr", { class: run.file === state.chosen && "chosen", title: run.problem || undefined }, el("td", {}, box), state.columns.map(cell));
}

function runName(run) {
  return run.problem ? [run.run, el("span", { class: "note" }, run.problem)] : el("a", { href: address("run", { file: run.file }) }, run.run);
}

function statusMark(run) {
  return el("span", { class: `status ${statusOf(run)}` }, statusOf(run));
}

function drawAblations(state, places) {
  const rows = state.ablations.map((one) => el("tr", {}, el("th", { scope: "row" }, el("a", { href: address("ablation", { folder: one.folder }) }, one.name)), el("td", {}, one.folder), el("td", { class: "n" }, one.finished), el("td", { class: "n" }, one.unfinished)));
  const head = el("tr", {}, ["Ablation", "Folder", "Finished", "Unfinished"].map((title, index) => el("th", { scope: "col", class: index > 1 && "n" }, title)));
  const table = el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Ablations" }, el("table", {}, el("thead", {}, head), el("tbody", {}, rows)));
  fill(places.ablations, rows.length > 0 && [el("h2", {}, "Ablations"), table]);
}

function keysOf(state, places) {
  const move = (step) => () => {
    const now = state.shown.findIndex((run) => run.file === state.chosen);
    const next = Math.max(0, Math.min(state.shown.length - 1, now + step));
    state.chosen = state.shown[next]?.file ?? null;
    const rows = places.table.querySelectorAll("tbody tr");
    rows.forEach((other, index) => other.classList.toggle("chosen", index === next));
    rows[next]?.scrollIntoView({ block: "nearest" });
  };
  return [
    ["j", "next run", move(1)], ["k", "previous run", move(-1)], ["ArrowDown", "next run", move(1)], ["ArrowUp", "previous run", move(-1)],
    ["x", "select the run for a comparison", () => places.table.querySelector("tr.chosen input")?.click()],
    ["Enter", "open the run", () => places.table.querySelector("tr.chosen a")?.click()], ["/", "filter", () => places.filter.focus()],
  ];
}
