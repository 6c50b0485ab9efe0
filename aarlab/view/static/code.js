// Code of methods: Python with colours, and the difference between two texts.

import { el } from "./dom.js";

const TOKEN = new RegExp(
  [
    '(?<comment>#[^\\n]*)', '(?<string>"""[\\s\\S]*?"""|\'\'\'[\\s\\S]*?\'\'\'|"(?:\\\\.|[^"\\\\\\n])*"|\'(?:\\\\.|[^\'\\\\\\n])*\')',
    "(?<number>\\b\\d[\\w.]*)",
    "(?<keyword>\\b(?:and|as|assert|async|await|break|class|continue|def|del|elif|else|except|False|finally|for|from|global|if|import|in|is|lambda|None|not|or|pass|raise|return|True|try|while|with|yield)\\b)",
  ].join("|"), "g",
);
const MAX_COLOURED = 60_000;

/** Return Python code with colours, as one block. */
export function python(text) {
  return el("pre", { class: "code", tabindex: 0 }, el("code", {}, text.length > MAX_COLOURED ? text : coloured(text)));
}

function coloured(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [kind] = Object.entries(match.groups).find(([, value]) => value !== undefined);
    parts.push(text.slice(end, match.index), el("span", { class: `t-${kind}` }, match[0]));
    end = match.index + match[0].length;
  }
  return [...parts, text.slice(end)];
}

/** Return the lines of two texts as [sign, line]: "-" only in the first, "+" only in the second, " " in both. */
export function differences(before, after) {
  const [a, b] = [before.split("\n"), after.split("\n")];
  if (a.length * b.length > 4_000_000) return [...a.map((line) => ["-", line]), ...b.map((line) => ["+", line])];
  const common = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
  }
  const lines = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) [lines.push([" ", a[i++]]), j++];
    else if (j >= b.length || (i < a.length && common[i + 1][j] >= common[i][j + 1])) lines.push(["-", a[i++]]);
    else lines.push(["+", b[j++]]);
  }
  return lines;
}

/** Return the difference between two texts as a block. */
export function difference(before, after) {
  const names = { "+": "added", "-": "removed", " ": "same" };
  const lines = differences(before, after).map(([mark, line]) => el("span", { class: `line ${names[mark]}` }, `${mark} ${line}\n`));
  return el("pre", { class: "code", tabindex: 0 }, el("code", {}, lines));
}

/** Return a long text, cut with a button that shows the rest. */
export function longText(text, limit, className = "prose") {
  const block = el("div", { class: className }, text.slice(0, limit));
  if (text.length <= limit) return block;
  const more = el("button", { onclick: () => block.replaceWith(el("div", { class: className }, text.slice(0, 2_000_000))) }, `Show all ${text.length.toLocaleString("en")} characters`);
  block.append(document.createTextNode(" … "), more);
  return block;
}
