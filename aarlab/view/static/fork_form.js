// The form that forks a run: from a round with other dials and models, or at an edited message.

import { el, fill } from "./dom.js";
import { hours } from "./format.js";
import { address } from "./route.js";
import { roundAt, roundStart } from "./run_model.js";
import { act, mayAct, read } from "./source.js";
import { delayed } from "./timing.js";

const POLL_MS = 1000;

/** Return the form for a fork at the moment of the slider: its element, `open()` and `show(at)`. */
export function forkForm(run) {
  const state = { at: Infinity, built: null, chosen: false };
  const element = el("section", { class: "panel", "aria-label": "Fork from here", hidden: true });
  const round = el("select", { "aria-label": "First round of the fork", onchange: () => { state.chosen = true; command.update(); } });
  const command = commandOf(() => request(run, round, element));
  const show = (at) => {
    state.at = at;
    if (element.hidden || state.chosen) return;
    const wanted = String(Math.max(1, roundAt(run, at)));
    if (round.value !== wanted) [round.value] = [wanted, command.update()];
  };
  const open = async () => {
    element.hidden = !element.hidden;
    if (element.hidden) return;
    try {
      await (state.built ??= build(run, element, round, command));
    } catch (error) {
      state.built = null;
      fill(element, el("p", {}, error.message));
    }
    if (element.hidden || !state.built) return; // it was closed meanwhile, or failed
    fill(round, run.rounds.map((row) => el("option", { value: row.round }, `round ${row.round}, from ${hours(roundStart(run, row.round))} on`)));
    state.chosen = false;
    round.value = String(Math.max(1, roundAt(run, state.at)));
    command.update();
    element.scrollIntoView({ block: "nearest" });
    element.querySelector("select").focus();
  };
  return { element, open, show };
}

async function build(run, element, round, command) {
  const dials = await read("dials");
  const field = (label, control, note = "") => el("label", { class: "field" }, el("span", {}, label), control, note && el("span", { class: "note" }, note));
  const dial = ({ name, values, claim }) => {
    const now = run.structure[name];
    const options = Object.keys(values).map((value) => el("option", { value: value === now ? "" : value, selected: value === now, title: values[value] }, value === now ? `${value} (as it is)` : value));
    return field(name, el("select", { name: `dial-${name}`, title: claim, onchange: command.update }, options));
  };
  const models = [...new Set([...run.agents.map((row) => row.model), "simulated/researcher"])];
  const model = el("input", { type: "text", name: "model", list: "models", placeholder: "as it is", autocomplete: "off", oninput: command.update });
  const agent = el("select", { name: "agent", onchange: command.update }, el("option", { value: "" }, "all researchers"), run.researchers.map((name) => el("option", { value: name }, name)));
  const seeds = el("input", { type: "number", name: "seeds", min: 1, max: 100, value: 1, oninput: command.update });
  const last = run.researchers[0];
  fill(
    element, el("h2", {}, "Fork from here"),
    el("p", { class: "note" }, "The new run shares the past of this one up to the beginning of a round, and then goes on under these settings."),
    el("div", { class: "fields" }, field("From", round), dials.map(dial), field("base model", model), field("of", agent), field("forks, each with its own seed", seeds)),
    el("datalist", { id: "models" }, models.map((value) => el("option", { value }))),
    last && el("p", { class: "note" }, "To ask what would have happened after another message, ", el("a", { href: address("conversation", { file: run.file, agent: last }) }, "open a conversation"), " and edit the message there."),
    command.element,
  );
}

function request(run, round, element) {
  const value = (name) => element.querySelector(`[name="${name}"]`)?.value ?? "";
  const dials = [...element.querySelectorAll("select[name^=dial-]")].filter((select) => select.value);
  const settings = Object.fromEntries(dials.map((select) => [select.name.slice("dial-".length), select.value]));
  return { command: "fork", file: run.file, round: Number(round.value), settings, model: value("model").trim(), agent: value("agent"), seeds: Number(value("seeds")) || 1 };
}

/** Return the form that edits a message of a conversation and forks the run there. */
export function editForm(run, agent, turn) {
  const text = el("textarea", { rows: Math.min(18, 3 + turn.text.split("\n").length), "aria-label": "Text of the message", oninput: () => command.update() });
  text.value = turn.text;
  const command = commandOf(() => ({ command: "fork", file: run.file, edit: `${agent}:${turn.step}`, text: text.value }));
  command.update();
  return el(
    "section", { class: "panel", "aria-label": "Edit this message" },
    el("p", { class: "note" }, "The new run has everything that was recorded before this message, then the edited one, and goes on from there under the same settings. Calls of tools in the message stay. To change dials or models too, fork the new run again at a later round."), text, command.element,
  );
}

/** Return the command of a request with buttons to copy and to start it: its element and `update()`. */
export function commandOf(request) {
  const ask = async () => (await read("command", { request: JSON.stringify(request()) })).command;
  let asked = 0;
  const code = el("pre", { class: "code wrapped", tabindex: 0, role: "group", "aria-label": "Command" });
  const said = el("div", { role: "status" });
  const copy = el("button", { type: "button", onclick: () => copyTo(ask, said) }, "Copy");
  const start = el("button", { type: "button", class: "main", onclick: () => begin(request(), start, said) }, "Start");
  const update = delayed(async () => {
    const turn = ++asked;
    const [shown, acts] = await Promise.all([ask().catch((error) => error), mayAct()]);
    if (turn !== asked) return; // the form has changed meanwhile
    const failed = shown instanceof Error;
    fill(code, failed ? shown.message : shown);
    [start.disabled, copy.disabled] = [failed || !acts, failed];
  }, 150);
  return { element: el("div", { class: "command" }, code, el("div", { class: "bar" }, start, copy), said), update };
}

async function copyTo(ask, said) {
  try {
    await navigator.clipboard.writeText(await ask());
    fill(said, "Copied.");
  } catch (error) {
    fill(said, `It was not copied: ${error.message}`);
  }
}

async function begin(request, button, said) {
  button.disabled = true;
  try {
    fill(said, "Starting …");
    await follow((await act("start", request)).command, said);
  } catch (error) {
    fill(said, error.message);
  }
  button.disabled = false;
}

/** Show what becomes of a started command, until its run appears or it ends. */
async function follow(command, said) {
  for (;;) {
    const row = (await read("started")).find((one) => one.command === command);
    if (!row || !said.isConnected) return;
    const link = row.file && el("a", { href: address("run", { file: row.file }) }, row.file);
    if (row.status === "failed") return fill(said, el("p", {}, "It failed:"), el("pre", { class: "code wrapped" }, row.message));
    if (link) return fill(said, el("p", {}, row.status === "running" ? "It goes on in " : "It ended: ", link));
    if (row.status === "ended") return fill(said, "It ended.");
    fill(said, "The past is replayed and verified first …");
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}
