// The turns of a conversation: messages, thoughts, tool calls with their results, costs.

import { longText, python } from "./code.js";
import { el } from "./dom.js";
import { dollars, hours, number } from "./format.js";

const MAX_TEXT = 6000;
const CODE_NAMES = ["code", "text", "content"];

/** Return the elements of turns. Results are folded into the tool calls that they answer. `edit` shows a form for one. */
export function turnElements(turns, edit = null) {
  const results = new Map(turns.flatMap((turn) => turn.results ?? []).map((result) => [result.id, result]));
  const executions = new Map(turns.filter((turn) => turn.kind === "tool_executions").map((turn) => [turn.tool_call_id, turn]));
  const called = new Set(turns.flatMap((turn) => turn.calls ?? []).map((call) => call.id));
  const elements = [];
  let round = null;
  for (const turn of turns) {
    const content = element(turn, results, executions, called, edit);
    if (!content) continue;
    if (turn.round !== round) elements.push(el("p", { class: "round-mark" }, turn.round ? `round ${turn.round}` : "setup"));
    round = turn.round;
    elements.push(content);
  }
  return elements;
}

function element(turn, results, executions, called, edit) {
  const make = (name, note, ...content) => el(
    "article", { class: `turn ${turn.kind} by-${turn.role ?? "system"}`, "data-step": turn.step, "data-hours": turn.hours, tabindex: -1 },
    el("p", { class: "turn-head" }, hours(turn.hours), el("strong", {}, name), note, el("span", {}, `step ${turn.step}`), edit && editable(turn) && editButton(turn, edit)), content,
  );
  switch (turn.kind) {
    case "setup": return make("set up", `${turn.role}, ${turn.model}`, setup(turn));
    case "prompt": return prompt(turn, make, called);
    case "reply": return make(turn.role, spent(turn), thinking(turn), turn.text && longText(turn.text, MAX_TEXT), turn.calls.map((call) => toolCall(call, results.get(call.id), executions.get(call.id))));
    case "tool_executions": return called.has(turn.tool_call_id) ? null : make(`${turn.tool} (by the system)`, turn.ok ? "" : "failed", longText(turn.summary, MAX_TEXT));
    case "review_decisions": return make(`the reviewer ${turn.approved ? "approves" : "rejects"}`, "", longText(turn.comment, MAX_TEXT));
    case "call_decisions": return make(`the overseer ${turn.outcome} the call of ${turn.tool}`, "", longText(turn.why, MAX_TEXT), turn.arguments && longText(JSON.stringify(turn.arguments, null, 1), MAX_TEXT));
    case "compactions": return make("conversation shortened", `${turn.dropped} messages replaced by a summary`, longText(turn.text, MAX_TEXT));
    case "limits": return make("limit reached", turn.field, longText(turn.message, MAX_TEXT));
    case "failed_model_calls": return make("failed model call", turn.model, longText(turn.fault, MAX_TEXT));
    case "replacements": return make("new researcher", `takes the place of ${turn.former}`);
    default: return null;
  }
}

/** Return whether a fork can start at another text of a turn. */
const editable = (turn) => ["prompt", "reply"].includes(turn.kind) && turn.role === "researcher" && turn.round > 0 && Boolean(turn.text);

function editButton(turn, edit) {
  const show = (event) => {
    const place = event.target.closest("article");
    const open = place.querySelector(":scope > .panel");
    if (open) open.remove();
    else place.append(edit(turn));
  };
  return el("button", { class: "link", onclick: show }, "edit and fork");
}

function setup(turn) {
  return [
    turn.direction && el("p", {}, "Direction: ", longText(turn.direction, 2000, "inline")), el("p", { class: "note" }, `Tools: ${turn.tools.join(", ") || "none"}`),
    turn.system && el("details", {}, el("summary", {}, "System prompt"), longText(turn.system, 40_000)),
  ];
}

function prompt(turn, make, called) {
  const loose = turn.results.filter((result) => !called.has(result.id));
  if (!turn.text && !loose.length) return null;
  return make(`message to the ${turn.role}`, "", turn.text && longText(turn.text, MAX_TEXT), loose.map((result) => el("details", { class: "call" }, el("summary", {}, "result of an earlier tool call"), values({ result: result.content }))));
}

function spent(turn) {
  const tokens = typeof turn.input_tokens === "number" && turn.input_tokens ? `${turn.input_tokens.toLocaleString("en")} + ${(turn.output_tokens ?? 0).toLocaleString("en")} tokens` : "";
  return [`costs ${number(turn.cost_hours, 2)} h`, tokens, turn.cost_usd ? dollars(turn.cost_usd) : ""].filter(Boolean).join(", ");
}

const thinking = (turn) => turn.thinking && longText(turn.thinking, MAX_TEXT, "thinking");

function toolCall(call, result, execution) {
  const failed = result?.is_error || execution?.ok === false;
  const outcome = execution ? execution.summary : failed ? "failed" : "";
  return el(
    "details", { class: `call${failed ? " failed" : ""}` }, el("summary", {}, call.name, outcome && `: ${outcome.slice(0, 300)}`),
    values(call.arguments), result ? values({ result: result.content }) : el("p", { class: "note" }, "Its result is on another page, or there is none yet."),
  );
}

function values(object) {
  return el("dl", { class: "values" }, Object.entries(object).map(([name, value]) => [el("dt", {}, name), el("dd", {}, valueOf(name, value))]));
}

function valueOf(name, value) {
  if (name === "result") return longText(indented(value), MAX_TEXT);
  if (typeof value !== "string") return longText(JSON.stringify(value, null, 2) ?? "", MAX_TEXT);
  return CODE_NAMES.includes(name) && /^(def|import|from|"""|class|#)/m.test(value) ? python(value) : longText(value, MAX_TEXT);
}

/** Return JSON with line breaks; other texts unchanged. */
function indented(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null ? JSON.stringify(value, null, 2) : text;
  } catch {
    return text;
  }
}
