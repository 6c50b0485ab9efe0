// What a person can do to a run that is not finished: answer its questions, pause, stop, post, send a message.

import { el, fill } from "./dom.js";
import { commandOf } from "./fork_form.js";
import { act, mayAct, read } from "./source.js";

const NAMES = { approve: "Approve", modify: "Release the chosen ones", reject: "Reject", advise: "Approve, and tell the team why", stop: "Stop the run" };
const CALL_NAMES = { ...NAMES, modify: "Approve with these arguments", advise: "Approve, and tell the researcher why" };
const INSTRUCTIONS = { pause: "pause after this round", stop: "stop after this round, and score what exists", post: "post on the board", message: "message to a researcher" };

/** Return the panel of a run: its element and `update()`. It is hidden while there is nothing to do. */
export function oversightPanel(run, pick) {
  const element = el("section", { class: "panel", "aria-label": "Oversight", hidden: true });
  const said = el("p", { role: "status" });
  const parts = new Map(); // by what they show, so that what the user is writing stays
  let asked = 0;
  const send = async (request) => {
    try {
      fill(said, (await act("instruct", { file: run.file, ...request })).said);
      await update();
    } catch (error) {
      fill(said, error.message);
    }
  };
  const part = (make, shown = null) => {
    const key = JSON.stringify([make.name, shown]);
    if (!parts.has(key)) parts.set(key, make(run, shown, send, pick));
    return parts.get(key);
  };
  async function update() {
    const turn = ++asked;
    const closed = run.summary?.digest || !(await mayAct());
    const data = closed ? { open: false, questions: [], researchers: [] } : await read("oversight", { file: run.file });
    if (turn !== asked) return; // a later call has newer data
    element.hidden = !data.open;
    const wanted = [...data.questions.map((one) => part(question, one)), part(instructions, data.researchers), said, ...(run.live ? [] : [part(continuation)])];
    const isShown = element.children.length === wanted.length + 1 && wanted.every((one, index) => one === element.children[index + 1]);
    if (!isShown) fill(element, el("h2", {}, "Oversight"), wanted);
  }
  return { element, update };
}

function question(run, one, send, pick) {
  const link = (id) => (run.findingById.has(id) ? el("button", { type: "button", class: "link", onclick: () => pick(id) }, id) : id);
  if (one.answer) return el("article", { class: "question" }, el("p", {}, one.text), el("p", { class: "note" }, `Answered: ${one.answer.action} by ${one.answer.who} (${one.answer.why}). The run has not taken it up yet.`));
  const why = el("input", { type: "text", "aria-label": "Reason", placeholder: "reason, recorded with your name", required: true });
  const boxes = one.findings.map((id) => el("input", { type: "checkbox", value: id, checked: true, "aria-label": `Release ${id}` }));
  const chosen = () => boxes.filter((box) => box.checked).map((box) => box.value);
  const args = one.call && el("textarea", { "aria-label": "Arguments of the call", rows: 6 }, JSON.stringify(one.call.arguments, null, 1));
  const changes = () => (args ? { text: args.value } : { findings: chosen() });
  const answer = (action) => send({ action, question: one.id, why: why.value, ...(action === "modify" ? changes() : {}) });
  const names = one.call ? CALL_NAMES : NAMES;
  const findings = one.actions.includes("modify") ? el("p", { class: "choices" }, one.findings.map((id, index) => el("span", { class: "entry" }, boxes[index], link(id)))) : one.findings.length > 0 && el("p", { class: "note" }, "About: ", one.findings.map((id) => [link(id), " "]));
  return el(
    "article", { class: "question" }, el("p", {}, el("strong", {}, "Question: "), one.text), args ?? findings,
    el("div", { class: "bar" }, why, one.actions.map((action) => el("button", { type: "button", onclick: () => answer(action) }, names[action] ?? action))),
  );
}

function instructions(run, researchers, send) {
  const action = el("select", { "aria-label": "Kind of instruction", onchange: () => adapt() }, Object.entries(INSTRUCTIONS).map(([value, text]) => el("option", { value }, text)));
  const agent = el("select", { "aria-label": "Researcher", hidden: true }, researchers.map((name) => el("option", { value: name }, name)));
  const text = el("input", { type: "text", "aria-label": "Text", placeholder: "text", hidden: true });
  const why = el("input", { type: "text", "aria-label": "Reason of the instruction", placeholder: "reason, recorded with your name" });
  const adapt = () => {
    agent.hidden = action.value !== "message";
    text.hidden = !["post", "message"].includes(action.value);
  };
  const give = () => send({ action: action.value, why: why.value, agent: agent.hidden ? "" : agent.value, text: text.hidden ? "" : text.value });
  return el("div", { class: "bar" }, action, agent, text, why, el("button", { type: "button", onclick: give }, "Send"));
}

function continuation(run) {
  const command = commandOf(() => ({ command: "resume", file: run.file }));
  command.update();
  return el("details", {}, el("summary", {}, "No process is writing this run. Continue it"), command.element);
}
