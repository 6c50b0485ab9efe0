// The page of a conversation: one agent, or two side by side, at a moment.

import { el, fill } from "./dom.js";
import { editForm } from "./fork_form.js";
import { address } from "./route.js";
import { emptyRun, extend } from "./run_model.js";
import { timeSlider } from "./slider.js";
import { mayAct, read, Unavailable } from "./source.js";
import { turnElements } from "./turns.js";

const PAGE = 120; // steps that are loaded at once

/** Show conversations. Parameters: file, agent, step; beside_file and beside for a second one. */
export async function conversationPage(page, parameters, visit) {
  const { file, agent, beside } = parameters;
  const run = extend(emptyRun(file), await read("run", { file }));
  const contents = beside ? await read("runs") : null;
  if (visit.signal.aborted) return;
  visit.where([["runs", address("runs")], [run.run, address("run", { file })], [beside ? `${agent} and ${beside}` : agent, null]]);
  const step = Number(parameters.step) || 0;
  const first = new Column(run, file, agent, step, visit);
  const columns = beside ? [first, new Column(run, parameters.beside_file || file, beside, step, visit)] : [first];
  const slider = timeSlider(run, (at) => columns.forEach((column) => column.show(at)));
  const parted = el("p", { class: "parts", role: "status" });
  fill(
    page, el("h1", {}, beside ? `Conversations of ${agent} and ${beside}` : `Conversation of ${agent}`), choices(run, parameters, contents), slider.element,
    beside && parted, el("div", { class: beside ? "split" : "" }, columns.map((column) => column.element)),
  );
  slider.set(parameters.at === undefined ? Infinity : Number(parameters.at) || 0);
  visit.setKeys([...slider.keys, ["j", "next turn", () => first.move(1)], ["k", "previous turn", () => first.move(-1)]]);
  await Promise.all(columns.map((column) => column.open()));
  if (beside) await explainParting(parted, parameters);
}

/** Say in which event two conversations differ first, with a link to it. */
async function explainParting(place, parameters) {
  const { file, agent, beside } = parameters;
  const query = { file, agent, other: parameters.beside_file || file, other_agent: beside };
  const { step } = await read("difference", query);
  if (step === null) return fill(place, "The two are equal.");
  return fill(place, "They part at event ", el("a", { href: address("conversation", { ...parameters, step }) }, String(step)), ".");
}

function choices(run, parameters, contents) {
  const go = (changes) => (location.hash = address("conversation", { ...parameters, step: null, ...changes }));
  const select = (label, values, chosen, change) => el(
    "label", {}, `${label} `, el("select", { onchange: (event) => change(event.target.value) }, values.map(([value, text]) => el("option", { value, selected: value === chosen }, text))),
  );
  const agents = [...new Set([...run.agents.map((row) => row.agent), "team"])].map((name) => [name, name]);
  const files = (contents?.runs ?? []).filter((row) => !row.problem).map((row) => [row.file, row.run]);
  return el(
    "div", { class: "bar" }, select("Agent", agents, parameters.agent, (agent) => go({ agent })),
    select("Beside", [["", "nobody"], ...agents], parameters.beside ?? "", (beside) => go({ beside, beside_file: beside && parameters.beside_file })),
    contents && select("of run", files, parameters.beside_file || run.file, (other) => go({ beside_file: other })),
  );
}

/** The conversation of one agent, loaded page by page. */
class Column {
  constructor(run, file, agent, step, visit) {
    Object.assign(this, { run, file, agent, step, visit, turns: [], next: 0, first: 0, at: Infinity, edit: null });
    this.list = el("div", { class: "turns" }, el("p", {}, "Loading …"));
    this.earlier = el("button", { hidden: true, onclick: () => this.loadMore(this.earlier, Math.max(0, this.first - PAGE)) }, "Earlier turns");
    this.later = el("button", { hidden: true, onclick: () => this.loadMore(this.later, this.next) }, "Later turns");
    this.said = el("p", { role: "status" });
    const name = file === run.file ? agent : `${agent} of ${file}`;
    this.element = el("section", { "aria-label": `Conversation of ${name}` }, el("h2", {}, name), this.earlier, this.list, this.later, this.said);
  }

  /** Load the page with the step that the address names, and go to it. */
  async open() {
    this.first = Math.max(0, this.step - 10);
    const agents = this.file === this.run.file ? this.run.researchers : [];
    if (agents.includes(this.agent) && (await mayAct())) this.edit = (turn) => editForm(this.run, this.agent, turn);
    await this.load(this.first);
    if (this.step > 0) this.focus(this.step);
  }

  async load(first) {
    const data = await read("conversation", { file: this.file, agent: this.agent, first });
    if (first >= this.first) {
      this.turns.push(...data.turns);
      this.next = data.next;
      return this.draw();
    }
    this.turns.unshift(...data.turns.filter((turn) => turn.step < this.first));
    this.first = first;
    const height = this.element.offsetHeight;
    this.draw();
    scrollBy(0, this.element.offsetHeight - height); // what was in view stays there
  }

  /** Load the turns before or after those on the page, once for several clicks. */
  async loadMore(button, first) {
    button.disabled = true;
    try {
      fill(this.said);
      await this.load(first);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      fill(this.said, error.message);
    } finally {
      button.disabled = false;
    }
  }

  draw() {
    const elements = turnElements(this.turns, this.edit);
    fill(this.list, elements.length ? elements : el("p", { class: "empty" }, "There are no messages here."));
    this.earlier.hidden = this.first === 0;
    this.later.hidden = this.next === null;
    this.show(this.at);
  }

  /** Fade what had not happened at a moment. */
  show(at) {
    this.at = at;
    for (const turn of this.list.querySelectorAll(".turn")) turn.classList.toggle("later", Number(turn.dataset.hours) > at);
  }

  /** Mark the turn of an event: its own, else the reply that led to it. */
  focus(step) {
    const turns = [...this.list.querySelectorAll(".turn")];
    const before = turns.filter((turn) => Number(turn.dataset.step) <= step);
    const own = before.findLast((turn) => Number(turn.dataset.step) === step);
    const last = (selector) => before.findLast((turn) => turn.matches(selector));
    const target = own ?? last(".reply.by-researcher") ?? last(".reply") ?? before.at(-1) ?? turns[0];
    turns.forEach((turn) => turn.classList.toggle("target", turn === target));
    target?.querySelectorAll("details.call").forEach((call) => (call.open = true));
    target?.scrollIntoView({ block: "start" });
    this.now = target;
  }

  move(direction) {
    const turns = [...this.list.querySelectorAll(".turn")];
    const next = turns[Math.max(0, Math.min(turns.length - 1, turns.indexOf(this.now) + direction))];
    if (!next) return;
    this.focus(Number(next.dataset.step));
    this.visit.remember({ step: next.dataset.step });
  }
}
