// The board as a forum: findings with their verdicts, who built on them, and their threads.

import { difference, longText, python } from "./code.js";
import { el, fill } from "./dom.js";
import { byName, counted, hours, number, score } from "./format.js";
import { address } from "./route.js";
import { closeScore, colourOf, reviewsOf, until, uses } from "./run_model.js";
import { read } from "./source.js";

const PAGE = 30;
const ORDERS = {
  newest: ["newest", (a, b) => b.hours - a.hours || byName(b.id, a.id)],
  score: ["best score", (a, b) => (b.pgr ?? -Infinity) - (a.pgr ?? -Infinity)],
  used: ["most used", (a, b) => b.used - a.used || b.hours - a.hours],
};

const TYPES = ["hypothesis", "result", "insight", "error"];
const VERDICTS = {
  approved: ["approved by the reviewer", (run, row, at) => reviewsOf(run, row, at).some((review) => review.approved)],
  rejected: ["rejected by the reviewer", (run, row, at) => reviewsOf(run, row, at).some((review) => !review.approved)],
  criticised: ["criticised", (run, row, at) => uses(run, row.id, at).critiques > 0],
  flagged: ["flagged by a monitor", (run, row) => isFlagged(run, row)],
};

function isKind(run, row, { type, at }) {
  return Object.hasOwn(VERDICTS, type) ? VERDICTS[type][1](run, row, at) : !type || row.type === type;
}

const isFlagged = (run, row) => run.flagged.has(row.id) || run.flagged.has(row.experiment);

/** Return the board: its element, `show(at)`, `open(id)` and the field to search in. */
export function boardOf(run, pick) {
  const state = { at: Infinity, order: "newest", type: "", words: "", count: PAGE, opened: null, contents: new Map() };
  const list = el("div", { class: "posts" });
  const count = el("p", { class: "count", "aria-live": "polite" });
  const change = (name) => (event) => {
    Object.assign(state, { [name]: event.target.value, count: PAGE });
    draw();
  };
  const search = el("input", { type: "search", placeholder: "title, text, author, family …", "aria-label": "Search the board", oninput: change("words") });
  const order = el("select", { "aria-label": "Order", onchange: change("order") }, Object.entries(ORDERS).map(([value, [text]]) => el("option", { value }, text)));
  const kinds = [["", "all findings"], ...TYPES.map((value) => [value, value]), ...Object.entries(VERDICTS).map(([value, [text]]) => [value, text])];
  const type = el("select", { "aria-label": "Kind", onchange: change("type") }, kinds.map(([value, text]) => el("option", { value }, text)));

  function draw() {
    const words = state.words.toLowerCase().split(/\s+/).filter(Boolean);
    const has = (row) => [row.id, row.title, row.body, row.author, row.family].join(" ").toLowerCase();
    let found = until(run.findings, state.at).filter((row) => isKind(run, row, state) && words.every((word) => has(row).includes(word)));
    if (state.order === "used") found = found.map((row) => ({ ...row, used: total(uses(run, row.id, state.at)) }));
    found.sort(ORDERS[state.order][1]);
    const opened = state.opened && !found.slice(0, state.count).some((row) => row.id === state.opened) ? found.filter((row) => row.id === state.opened) : [];
    fill(count, counted(found.length, "finding"));
    const more = found.length > state.count && el("button", { onclick: () => { state.count += PAGE; draw(); } }, `Show ${Math.min(PAGE, found.length - state.count)} more`);
    fill(list, [...opened, ...found.slice(0, state.count)].map((row) => post(run, row, state, pick)), more, !found.length && el("p", { class: "empty" }, "No findings."));
  }

  return {
    element: el("div", {}, el("div", { class: "bar" }, search, type, order, count), list), search,
    show: (at) => { state.at = at; draw(); },
    open: (id) => { state.opened = id; draw(); return list.querySelector(".post.open"); },
    step: (direction) => stepTo(list, direction, pick),
  };
}

const total = (counts) => Object.values(counts).reduce((a, b) => a + b, 0);

function stepTo(list, direction, pick) {
  const posts = [...list.querySelectorAll(".post")];
  const now = posts.findIndex((one) => one.classList.contains("open"));
  const next = posts[Math.max(0, Math.min(posts.length - 1, now + direction))];
  if (next) pick(next.dataset.id);
}

function post(run, row, state, pick) {
  const open = row.id === state.opened;
  const head = el(
    "button", { class: "post-head", "aria-expanded": String(open), onclick: () => pick(open ? null : row.id) },
    el("span", { class: `who c${colourOf(run, row.author)}` }, row.id), el("span", { class: "title" }, row.title),
  );
  const detail = open ? thread(run, row, state, pick) : null;
  return el("article", { class: `post${open ? " open" : ""}`, "data-id": row.id, "aria-label": row.id }, head, facts(run, row, state.at), detail);
}

function facts(run, row, at) {
  const counts = uses(run, row.id, at);
  const names = { borrows: "borrowed", refines: "refined", critiques: "criticised", replicates: "replicated" };
  const chips = Object.entries(names).filter(([kind]) => counts[kind]).map(([kind, name]) => el("span", { class: `chip ${kind}` }, `${name} ${counts[kind]}×`));
  const final = closeScore(run, row.id, "final", at);
  return el(
    "p", { class: "facts" }, el("span", { class: `type ${row.type}` }, row.type), ` by ${row.author}, ${row.round ? `round ${row.round}` : "opening"}, ${hours(row.hours)}, ${row.family}`,
    row.pgr !== null && [", ", el("strong", {}, score(row.pgr, row.se))], final && `, rescored ${score(final.pgr, final.se)}`,
    run.summary?.best?.finding === row.id && at === Infinity && el("span", { class: "chip winner" }, "★ winner"),
    at === Infinity && isFlagged(run, row) && el("span", { class: "chip bad" }, "flagged"),
    ...reviewsOf(run, row, at).map((review) => el("span", { class: `chip ${review.approved ? "good" : "bad"}` }, review.approved ? "approved" : "rejected")),
    (run.publishedAt.get(row.id) ?? Infinity) > at && el("span", { class: "chip" }, "not published yet"), chips,
  );
}

function thread(run, row, { at, contents }, pick) {
  // Kept while the moment changes, with what the user has unfolded.
  if (!contents.has(row.id)) contents.set(row.id, content(run, row, contents));
  const [body, method] = contents.get(row.id);
  return el("div", { class: "thread" }, body, descent(run, row, at, pick), relations(run, row, at, pick), method, moments(run, row));
}

/** Return the elements of the text and of the method of a finding, which are read from the server. */
function content(run, row, contents) {
  const method = el("div", { class: "method" }, "Loading the method …");
  const body = el("div", {}, longText(row.body, 4000));
  read("finding", { file: run.file, id: row.id }).then((data) => {
    if (row.cut) fill(body, longText(data.body, 20_000));
    fill(method, methods(data));
  }).catch((error) => {
    fill(method, error.message);
    contents.delete(row.id); // the next time it is read again
  });
  return [body, method];
}

/** Return the line of findings that a finding goes back to, the first one first. */
function descent(run, row, at, pick) {
  const line = [];
  const seen = new Set([row.id]);
  for (let parent = parentOf(run, row.id, at); parent && !seen.has(parent.id); parent = parentOf(run, parent.id, at)) {
    line.unshift(parent);
    seen.add(parent.id);
  }
  if (!line.length) return null;
  const step = (one) => [el("button", { class: `link who c${colourOf(run, one.author)}`, title: one.title, onclick: () => pick(one.id) }, one.id), ` (${one.round ? `round ${one.round}` : "opening"}${one.pgr === null ? "" : `, ${number(one.pgr)}`}) → `];
  return el("p", { class: "descent" }, "Goes back to: ", line.map(step), "this");
}

/** Return the best scored finding that a finding inherits from. */
function parentOf(run, id, at) {
  const edges = until(run.edgesFrom.get(id) ?? [], at).filter((edge) => edge.relation !== "critiques");
  const parents = edges.map((edge) => run.findingById.get(edge.target)).filter(Boolean);
  return parents.sort((a, b) => (b.pgr ?? -Infinity) - (a.pgr ?? -Infinity))[0];
}

function relations(run, row, at, pick) {
  const link = (id) => run.findingById.has(id) ? el("button", { class: "link", onclick: () => pick(id) }, id) : id;
  const parents = until(run.edgesFrom.get(row.id) ?? [], at).map((edge) => el("li", {}, `${edge.relation} `, link(edge.target), ` ${run.findingById.get(edge.target)?.title ?? ""}`));
  const later = until(run.edgesInto.get(row.id) ?? [], at);
  const children = later.filter((edge) => edge.relation !== "critiques").map((edge) => el("li", {}, link(edge.source), ` ${edge.relation} it: ${run.findingById.get(edge.source)?.title ?? ""}`));
  const critiques = later.filter((edge) => edge.relation === "critiques").map((edge) => el("li", {}, el("strong", {}, edge.agent), ` criticises it after ${hours(edge.hours)}: `, longText(edge.text, 1000, "inline")));
  const reviews = reviewsOf(run, row, at).map((review) => el("li", {}, `the reviewer ${review.approved ? "approved" : "rejected"} its method after ${hours(review.hours)}: `, longText(review.comment, 1000, "inline")));
  const borrowers = until(run.borrowsOf.get(row.id) ?? [], at).map((borrow) => el("li", {}, `${borrow.agent} borrowed its method after ${hours(borrow.hours)}`));
  const all = [...parents, ...reviews, ...critiques, ...borrowers, ...children];
  return all.length > 0 && el("ul", { class: "relations" }, all);
}

function methods(data) {
  if (data.code === null) return [];
  const changes = Object.entries(data.parents).filter(([, text]) => text !== data.code)
    .map(([parent, text]) => el("details", {}, el("summary", {}, `Changes from ${parent}`), difference(text, data.code)));
  return [el("details", {}, el("summary", {}, "Method"), python(data.code)), changes];
}

function moments(run, row) {
  const experiment = run.experimentById.get(row.experiment);
  const inConversation = (other, text) => el("a", { href: address("conversation", { file: run.file, agent: other.agent, step: other.step }) }, text);
  if (!run.researchers.includes(row.agent)) return null;
  return el(
    "p", { class: "moments" }, inConversation(row, "The post in the conversation"),
    experiment && [" · ", inConversation(experiment, `${experiment.fidelity} experiment ${experiment.id} in the conversation`)],
    " · ", el("a", { href: address("run", { file: run.file, at: number(row.hours, 4), pick: row.id }) }, "The run at this moment"),
  );
}
