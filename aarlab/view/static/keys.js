// Keys. A page names what its keys do; `?` shows the list.

import { el, fill } from "./dom.js";

let actions = [];

/** Set the keys of the page: [key, what it does, function], such as ["j", "next run", next]. */
export function setKeys(list) {
  actions = list;
}

function typing(target) {
  return target.matches("input:not([type=checkbox]):not([type=range]), textarea, select");
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && typing(event.target)) {
    event.preventDefault(); // Chromium would empty a search field without an event
    event.target.blur();
  }
  if (typing(event.target) || document.querySelector("dialog[open]")) return;
  if (event.key === "?") return showHelp();
  const action = actions.find(([key]) => key === event.key);
  // A focused control keeps its own keys.
  const own = [" ", "Enter", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].includes(event.key);
  if (!action || (own && event.target.closest("a, button, input, summary, select"))) return;
  event.preventDefault();
  action[2]();
}

/** Close the list of keys: those of another page follow. */
export function closeHelp() {
  document.querySelector("dialog[open]")?.close();
}

/** Show the list of keys. */
export function showHelp() {
  const names = { " ": "space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };
  const rows = [...actions, ["?", "this list"], ["Escape", "close, leave a field"]];
  const dialog = el("dialog", { "aria-label": "Keys" });
  fill(
    dialog,
    el("h2", {}, "Keys"),
    el("dl", { class: "keys" }, rows.map(([key, text]) => [el("dt", {}, el("kbd", {}, names[key] ?? key)), el("dd", {}, text)])),
    el("button", { onclick: () => dialog.close() }, "Close"),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

addEventListener("keydown", pressed);
