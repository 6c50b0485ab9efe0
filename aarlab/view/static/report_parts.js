// Parts of reports: sentences, tables and figures.

import { drawn, el } from "./dom.js";
import { table } from "./run_tables.js";

const PARTS = {
  paragraph: ({ text }) => el("p", {}, text),
  note: ({ text }) => el("p", { class: "note" }, text),
  list: ({ lines }) => el("ul", {}, lines.map((line) => el("li", {}, line))),
  figure: ({ drawing }, title) => el("figure", { class: "wide", tabindex: 0, role: "region", "aria-label": title }, drawn(drawing)),
  table: ({ title, columns, rows }) => rows.length > 0 && table(columns.map(([name, numeric]) => [name.replaceAll("_", " "), numeric]), rows, title),
  folded: ({ title, parts }) => folded(title, parts.map((one) => part(one))),
  code: ({ text, title }) => (title ? folded(title, el("pre", { class: "code" }, text)) : el("pre", { class: "code", tabindex: 0 }, text)),
};

function folded(title, ...content) {
  return el("details", {}, el("summary", {}, title), content);
}

/** Return a part of a section of a report. */
export function part(one, title = "Planned comparisons") {
  return PARTS[one.kind](one, title);
}
