// The frame of all pages: it shows the page that the address names, and says why one cannot be shown.

import { ablationPage } from "./ablation_page.js";
import { comparePage } from "./compare_page.js";
import { conversationPage } from "./conversation_page.js";
import { el, fill } from "./dom.js";
import { setKeys, showHelp } from "./keys.js";
import { address, current } from "./route.js";
import { runPage } from "./run_page.js";
import { runsPage } from "./runs_page.js";
import { searchPage } from "./search_page.js";
import { home, Unavailable } from "./source.js";

const PAGES = { runs: runsPage, run: runPage, conversation: conversationPage, search: searchPage, ablation: ablationPage, compare: comparePage };

let leave = () => {};
let shown = 0;

function frame() {
  const help = el("button", { onclick: showHelp, "aria-label": "Keys", class: "quiet" }, "?");
  const search = el("a", { href: address("search") }, "search");
  fill(document.getElementById("top"), el("a", { href: address("runs"), class: "brand" }, "aarlab"), el("nav", { id: "where", "aria-label": "Where you are" }), search, help);
}

/** Show where the user is, as links: [[text, address], ...]. */
function where(parts) {
  const list = parts.map(([text, target]) => el("li", {}, target ? el("a", { href: target }, text) : text));
  fill(document.getElementById("where"), el("ol", {}, list));
  document.title = ["aarlab", ...parts.map(([text]) => text)].join(" · ");
}

async function show() {
  const turn = ++shown;
  if (!location.hash) history.replaceState(null, "", address(home.name, home.parameters));
  const { name, parameters } = current();
  const page = document.getElementById("page");
  leave();
  leave = () => {};
  setKeys([]);
  where([]);
  page.ariaBusy = "true";
  try {
    if (!Object.hasOwn(PAGES, name)) throw new Unavailable("There is no such page.");
    const left = await PAGES[name](page, parameters, where, () => turn === shown);
    if (turn === shown) leave = left ?? leave;
    else left?.();
  } catch (error) {
    if (turn === shown) explain(page, error);
    if (!(error instanceof Unavailable)) throw error;
  } finally {
    if (turn === shown) page.ariaBusy = "false";
  }
}

function explain(page, error) {
  const text = error instanceof Unavailable ? error.message : "This page failed. The browser's console has the reason.";
  const again = el("button", { onclick: show }, "Try again");
  fill(page, el("section", { class: "problem", role: "alert" }, el("h1", {}, "This cannot be shown"), el("p", {}, text), again));
}

frame();
addEventListener("hashchange", show);
show();
