// The page that searches all conversations of the folder.

import { el, fill } from "./dom.js";
import { counted, hours } from "./format.js";
import { address } from "./route.js";
import { read } from "./source.js";

/** Show the search, with the results of the text in the address. */
export async function searchPage(page, parameters, visit) {
  const { text = "", file = "" } = parameters;
  visit.where([["runs", address("runs")], ["search", null]]);
  const input = el("input", { type: "search", value: text, "aria-label": "Text in conversations", placeholder: "text in conversations" });
  const go = (event) => {
    event.preventDefault();
    location.hash = address("search", { text: input.value, file });
  };
  const results = el("div", { "aria-live": "polite" });
  const about = file ? el("p", { class: "note" }, `Only in ${file}. `, el("a", { href: address("search", { text }) }, "Search all runs")) : null;
  fill(page, el("h1", {}, "Search the conversations"), el("form", { class: "bar", role: "search", onsubmit: go }, input, el("button", { type: "submit" }, "Search")), about, results);
  visit.setKeys([["/", "search", () => input.focus()], ["j", "next match", () => move(results, 1)], ["k", "previous match", () => move(results, -1)]]);
  if (text.length < 2) return input.focus();
  return searchAll(results, text, file, visit.signal);
}

/** Search part by part, and show the matches so far and how many runs were searched. */
async function searchAll(place, text, file, signal) {
  const said = el("p", { class: "count" }, "Searching …");
  const list = el("ol", { class: "matches" });
  fill(place, said, list);
  let [found, part] = [0, { next: "" }];
  while (part.next !== null && !signal.aborted) {
    part = await read("search", { text, file, after: part.next, found });
    found += part.matches.length;
    list.append(...part.matches.map((match) => item(match, text)));
    const rest = part.complete ? "" : " There are more: the search ended at its limit.";
    const runs = part.next === null ? counted(part.runs, "run") : `${part.runs} of ${counted(part.all_runs, "run")}, searching …`;
    fill(said, `${counted(found, "message")} in ${runs}${part.next === null ? "." : ""}${rest}`);
  }
}

function item(match, text) {
  const link = el("a", { href: address("conversation", { file: match.file, agent: match.agent, step: match.step }) }, `${match.file}: ${match.agent}, round ${match.round}, ${hours(match.hours)}`);
  return el("li", {}, link, el("p", { class: "prose" }, highlighted(match.excerpt, text)));
}

function highlighted(excerpt, text) {
  const start = excerpt.toLowerCase().indexOf(text.toLowerCase());
  if (start < 0) return excerpt;
  return [excerpt.slice(0, start), el("mark", { class: "hit" }, excerpt.slice(start, start + text.length)), excerpt.slice(start + text.length)];
}

function move(results, direction) {
  const links = [...results.querySelectorAll("a")];
  const now = links.indexOf(document.activeElement);
  links[Math.max(0, Math.min(links.length - 1, now + direction))]?.focus();
}
