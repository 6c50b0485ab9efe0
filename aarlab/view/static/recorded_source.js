// Where the data of a page that is a single file come from: the answers of the server that are recorded in it.

const recorded = JSON.parse(document.getElementById("recorded").textContent);
const PAGE = 120;
const MAX_MATCHES = 200;

/** The page that is shown first. */
export const home = { name: "run", parameters: { file: recorded.runs.runs[0].file } };

/** The sentence for the user when data cannot be read. */
export class Unavailable extends Error {}

/** Return the data of a request, as the server answers it. */
export async function read(name, parameters = {}) {
  const answers = { finding: () => recorded.finding[parameters.id], conversation, difference, search };
  return (answers[name] ?? (() => recorded[name]))(parameters);
}

/** Do nothing: a recorded run does not change. */
export function onChange() {}

/** Nothing can be changed here. */
export async function mayAct() {
  return false;
}

/** Refuse a change. */
export async function act() {
  throw new Unavailable("This page is a copy of a run. Start `aarlab view` to change something.");
}

function conversation({ agent, first }) {
  const turns = turnsOf(agent);
  const shown = turns.filter((turn) => turn.step >= first && turn.step < first + PAGE);
  const more = turns.some((turn) => turn.step >= first + PAGE);
  return { agent, first, turns: shown, next: more ? first + PAGE : null };
}

function turnsOf(agent) {
  if (!Object.hasOwn(recorded.conversation, agent)) throw new Unavailable("This page was written without the conversations.");
  return recorded.conversation[agent];
}

function difference({ agent, other_agent: other }) {
  const [ours, theirs] = [turnsOf(agent), turnsOf(other)];
  const text = (turn) => JSON.stringify(turn);
  const index = ours.findIndex((turn, position) => text(turn) !== text(theirs[position]));
  return { step: index < 0 ? null : ours[index].step };
}

function search({ text }) {
  const wanted = text.toLowerCase();
  const matches = Object.entries(recorded.conversation).flatMap(([agent, turns]) => turns.map((turn) => match(agent, turn, wanted)).filter(Boolean));
  return { matches: matches.slice(0, MAX_MATCHES), runs: 1, all_runs: 1, complete: matches.length <= MAX_MATCHES, next: null };
}

function match(agent, turn, wanted) {
  const parts = [turn.thinking, turn.text, ...(turn.calls ?? []).map((call) => JSON.stringify(call.arguments)), ...(turn.results ?? []).map((result) => result.content)];
  const part = parts.find((one) => one?.toLowerCase().includes(wanted));
  if (!part) return null;
  const start = part.toLowerCase().indexOf(wanted);
  const excerpt = part.slice(Math.max(0, start - 60), start + wanted.length + 160);
  return { file: recorded.runs.runs[0].file, agent, round: turn.round, hours: turn.hours, step: turn.step, excerpt };
}
