// The frame of all pages: it shows the page that the address names, and says why one cannot be shown.

import { ablationPage } from "./ablation_page.js";
import { comparePage } from "./compare_page.js";
import { conversationPage } from "./conversation_page.js";
import { el, fill } from "./dom.js";
import { closeHelp, setKeys, showHelp } from "./keys.js";
import { address, current, remember } from "./route.js";
import { runPage } from "./run_page.js";
import { runsPage } from "./runs_page.js";
import { searchPage } from "./search_page.js";
import { home, onChange, Unavailable } from "./source.js";
import { oneAtATime } from "./timing.js";

const PAGES = { runs: runsPage, run: runPage, conversation: conversationPage, search: searchPage, ablation: ablationPage, compare: comparePage };

let shown = new AbortController();
const heights = new Map(); // how far each page was scrolled when it was left, by address

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

/**
 * Return what a page may do to the frame: title, keys, parameters of the address, and following the files. All of it
 * ends when the user leaves the page, which `signal` says; a page that is still loading then changes nothing.
 */
function visitOf(signal) {
  const own = (work) => (...values) => (signal.aborted ? undefined : work(...values));
  const follow = (changed, milliseconds) => onChange(own(oneAtATime(own(unlessUnavailable(changed)), milliseconds)), signal);
  return { signal, where: own(arrive), setKeys: own(setKeys), remember: own(remember), follow: own(follow) };
}

/** Return a function that leaves the page as it is while a file is locked or gone. */
function unlessUnavailable(work) {
  return async () => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
    }
  };
}

/** Say where the user is, at the top of a page that begins here. */
function arrive(parts) {
  where(parts);
  scrollTo(0, 0);
}

async function show() {
  shown.abort();
  const { signal } = (shown = new AbortController());
  if (!location.hash) history.replaceState(null, "", address(home.name, home.parameters));
  const { name, parameters } = current();
  const page = document.getElementById("page");
  closeHelp();
  setKeys([]);
  where([]);
  page.ariaBusy = "true";
  try {
    if (!Object.hasOwn(PAGES, name)) throw new Unavailable("There is no such page.");
    await PAGES[name](page, parameters, visitOf(signal));
    if (!signal.aborted && scrollY === 0) scrollTo(0, heights.get(location.href) ?? 0);
  } catch (error) {
    if (!signal.aborted) explain(page, error);
    if (!(error instanceof Unavailable)) throw error;
  } finally {
    if (!signal.aborted) page.ariaBusy = "false";
  }
}

function explain(page, error) {
  const text = error instanceof Unavailable ? error.message : "This page failed. The browser's console has the reason.";
  const again = el("button", { onclick: show }, "Try again");
  fill(page, el("section", { class: "problem", role: "alert" }, el("h1", {}, "This cannot be shown"), el("p", {}, text), again));
}

frame();
history.scrollRestoration = "manual"; // the browser would scroll before the page is filled
addEventListener("hashchange", (event) => {
  heights.set(event.oldURL, scrollY);
  show();
});
show();
