// Tables of a run: leaderboard, hours by kind, spending, diversity and autonomy, flags.

import { el, svg } from "./dom.js";
import { byName, counted, dollars, hours, number, percent, score } from "./format.js";
import { drawing, linePath, scale, TimedMarks, valueAxis } from "./plot.js";
import { address } from "./route.js";
import { closeScore, colourOf, leaders } from "./run_model.js";

const MAX_LEADERS = 12;

/** Return a table. Columns are [title, is a number]; a row is a list of contents. */
export function table(columns, rows, label) {
  const head = el("tr", {}, columns.map(([title, numeric]) => el("th", { scope: "col", class: numeric && "n" }, title)));
  const body = rows.map((row) => el("tr", {}, row.map((cell, index) => el("td", { class: columns[index][1] && "n" }, cell))));
  return el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": label }, el("table", {}, el("thead", {}, head), el("tbody", {}, body)));
}

/** Return the leaderboard at a moment. */
export function leaderboard(run, at, pick) {
  const rows = leaders(run, at).slice(0, MAX_LEADERS).map((row) => {
    const [final, held] = ["final", "heldout"].map((panel) => closeScore(run, row.id, panel, at));
    const won = at === Infinity && run.summary?.best?.finding === row.id;
    const id = [won && el("span", { class: "star", title: "winner" }, "★ "), el("button", { title: row.title, class: `link who c${colourOf(run, row.author)}`, onclick: () => pick(row.id) }, row.id)];
    return [id, score(row.pgr, row.se), final ? score(final.pgr, final.se) : "", held ? score(held.pgr, held.se) : "", row.family];
  });
  if (!rows.length) return el("p", { class: "empty" }, "No full experiment has a score yet.");
  const columns = [["Finding"], ["Development", true], ["Rescored", true], ["Held-out", true], ["Family"]];
  const used = columns.map((_, index) => index < 2 || rows.some((row) => row[index]));
  const shown = (row) => row.filter((_, index) => used[index]);
  return table(shown(columns), rows.map(shown), "Leaderboard");
}

/** Return the flags with their evidence. */
export function flags(measures, pick, run) {
  const altered = measures.altered ? [["altered", "", "The run was altered after it was scored: do not trust what it says."]] : [];
  const rows = measures.flags.map((flag) => {
    const known = run.findingById.has(flag.subject) || run.experimentById.has(flag.subject);
    return [flag.kind, known ? el("button", { class: "link", onclick: () => pick(flag.subject) }, flag.subject) : flag.subject ?? "", flag.evidence];
  });
  const all = [...altered, ...rows];
  return all.length ? table([["Flag"], ["About"], ["Evidence"]], all, "Flags") : el("p", {}, "No flags.");
}

/** Return what the run has used of each budget until a moment. */
export function budget(run, measures, at) {
  const spent = at === Infinity ? measures.spending : spending(measures, at);
  const used = run.rounds.reduce((most, row) => Math.max(most, Math.min(row.end_hours, run.end, at)), 0);
  const limit = (value, text) => (value === null || value === undefined ? "no limit" : text(value));
  const count = (value) => (typeof value === "number" ? value.toLocaleString("en") : "unknown");
  return table([["Budget"], ["Used", true], ["Limit", true]], [
    ["research hours of each researcher", hours(used), limit(run.budget.hours, hours)],
    ["model calls", count(spent.model_calls), limit(run.budget.calls, count)],
    ["tokens", count(spent.tokens), limit(run.budget.tokens, count)],
    ["cost", dollars(spent.cost_usd), limit(run.budget.usd, dollars)],
  ], "Budget");
}

/** Return what calls of base models have cost until a moment; null where that of one call is unknown. */
function spending(measures, at) {
  const spent = { model_calls: 0, tokens: 0, cost_usd: 0 };
  const sum = (a, b) => (a === null || b === null ? null : a + b);
  for (const [hour, , , calls, tokens, usd] of measures.charges) {
    if (hour > at) break;
    spent.model_calls += calls;
    spent.tokens = sum(spent.tokens, tokens);
    spent.cost_usd = sum(spent.cost_usd, usd);
  }
  return spent;
}

/** Return what the team did with its hours until a moment. Idle hours and those of the close are known at the end. */
export function hoursByKind(measures, at) {
  const atEnd = Object.entries(measures.hours_by_kind).sort((a, b) => b[1] - a[1]);
  const used = at === Infinity ? measures.hours_by_kind : hoursUntil(measures, at);
  const total = Object.values(used).reduce((sum, value) => sum + value, 0);
  const rows = atEnd.map(([kind]) => [kind, number(used[kind], 1), percent(total ? used[kind] / total : undefined)]);
  return table([["Hours"], ["h", true], ["Share", true]], rows, "Hours by kind");
}

function hoursUntil(measures, at) {
  const used = Object.fromEntries(measures.charges.map(([, kind]) => [kind, 0]));
  for (const [hour, kind, value] of measures.charges) {
    if (hour > at) break;
    used[kind] += value;
  }
  return used;
}

/** Return the counts that explain a difference between runs, at a moment; at the end also measures of the summary. */
export function countsTable(run, at) {
  const count = (rows, holds = () => true) => rows.reduce((sum, row) => sum + (row.hours <= at && holds(row) ? 1 : 0), 0);
  const summary = at === Infinity ? run.summary ?? {} : {};
  const counts = [
    ["full experiments", count(run.experiments, (row) => row.fidelity === "full")], ["pilots", count(run.experiments, (row) => row.fidelity === "pilot")],
    ["findings", count(run.findings, (row) => run.members.has(row.author))], ["borrows", count(run.borrows)],
    ["critiques", count(run.edges, (row) => row.relation === "critiques")], ["distinct recipes", summary.distinct_recipes], ["known methods among full experiments", summary.known_method_share, percent],
    ["novel recipes among full experiments", summary.novel_share, percent], ["time to convergence", summary.convergence_hours, hours],
  ].filter(([, value]) => value !== undefined && value !== null);
  return table([["Count"], ["", true]], counts.map(([name, value, text = (n) => n.toLocaleString("en")]) => [name, text(value)]), "Counts");
}

/** Return what each researcher has done until a moment. */
export function membersTable(run, at) {
  const members = new Map(run.researchers.map((name) => [name, { full: 0, pilots: 0, findings: 0, best: null, used: 0 }]));
  for (const row of run.experiments) {
    const one = row.hours <= at && members.get(row.agent);
    if (one && row.fidelity === "pilot") one.pilots += 1;
    if (one && row.fidelity === "full") one.full += 1;
    if (one && row.fidelity === "full" && row.pgr !== null) one.best = Math.max(one.best ?? -Infinity, row.pgr);
  }
  for (const row of run.findings) if (row.hours <= at && members.has(row.author)) members.get(row.author).findings += 1;
  for (const row of run.borrows) {
    const author = row.hours <= at && run.findingById.get(row.finding)?.author;
    if (members.has(author) && author !== row.agent) members.get(author).used += 1;
  }
  const rows = [...members].map(([name, one]) => [el("a", { href: address("conversation", { file: run.file, agent: name }), class: `who c${colourOf(run, name)}` }, name), String(one.findings), String(one.pilots), String(one.full), number(one.best), String(one.used)]);
  return table([["Researcher"], ["Findings", true], ["Pilots", true], ["Full", true], ["Best", true], ["Borrowed by others", true]], rows, "Researchers");
}

/** Draw entropy and realised autonomy by round, each as a figure and a function that shows a moment. */
export function overRounds(run, measures, width) {
  const ends = new Map(run.rounds.map((row) => [row.round, row.end_hours]));
  const end = (round) => Math.min(ends.get(round) ?? 0, run.end); // a round counts once it has ended
  const panel = (points, high, name, text) => {
    const root = drawing(width, 150, `${name} by round: ${points.map(([round, value]) => `${round}: ${text(value)}`).join(", ")}`);
    const last = Math.max(1, ...points.map(([round]) => round));
    const [x, y] = [scale(0, last, 42, width - 14), scale(0, high, 120, 12)];
    const labels = points.map(([round]) => svg("text", { x: x(round), y: 136, "text-anchor": "middle" }, String(round)));
    const thin = Math.ceil(labels.length / 12);
    const marks = new TimedMarks();
    const parts = points.slice(1).map((point, index) => marks.add(end(point[0]), svg("path", { d: linePath([points[index], point], x, y), class: "curve frontier" })));
    const dots = points.map(([round, value]) => marks.add(end(round), svg("circle", { cx: x(round), cy: y(value), r: 3, class: "dot cother" }, svg("title", {}, `round ${round}: ${text(value)}`))));
    root.append(valueAxis(y, 0, high, 42, width - 14), svg("g", { class: "axis" }, labels.filter((_, index) => index % thin === 0)), ...parts, ...dots);
    return [el("figure", {}, el("figcaption", {}, name), root), (at) => marks.show(at)];
  };
  const bits = Math.max(2, ...measures.entropy.map(([, value]) => value));
  return [panel(measures.entropy, bits, "Entropy of method families, bits, by round", (value) => number(value)), panel(measures.autonomy, 1, "Realised autonomy by round", percent)];
}

/** Return what the run is, in a few words. */
export function description(run) {
  const models = [...new Set(run.agents.map((row) => row.model))].sort(byName).slice(0, 4).join(", ");
  return `${run.task}, ${counted(run.team.researchers ?? run.researchers.length, "researcher")}, ${models}, seed ${run.seed}`;
}

/** Return the structure of the run: the dials in a few words, unfolded what each setting means. */
export function structureOf(run) {
  const dials = ["workflow", "directions", "selection", "review", "sharing", "topology", "oversight"].map((name) => run.structure[name] && `${name} ${run.structure[name]}`).filter(Boolean);
  return el("details", { class: "note" }, el("summary", {}, `Structure ${run.structure.preset}: ${dials.join(", ")}`), table([["Dial"], ["Setting"], ["Meaning"]], run.dials, "Structure"));
}
