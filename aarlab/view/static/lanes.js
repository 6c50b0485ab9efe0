// The drawing of what each researcher did: a lane each, with its events over its research hours.

import { svg } from "./dom.js";
import { number, score, shortened } from "./format.js";
import { sign } from "./marks.js";
import { cursor, drawing, hoursAxis, scale, TimedMarks } from "./plot.js";
import { colourOf, roundStart } from "./run_model.js";

const [RIGHT, TOP, BOTTOM, LANE] = [14, 8, 38, 34];

/** Return the events of the lanes: kind, id to pick, agent, hours, text. */
export function laneEvents(run) {
  return [
    ...run.experiments.map((row) => [row.error ? "failed" : row.fidelity, row.id, row.agent, row.hours, `${row.id}: ${row.fidelity} experiment, ${row.error ? "failed" : score(row.pgr, row.se)}`]),
    ...run.findings.map((row) => ["post", row.id, row.author, row.hours, `${row.id}: ${shortened(row.title, 80)}`]),
    ...run.borrows.map((row) => ["borrow", row.finding, row.agent, row.hours, `borrowed the method of ${row.finding}`]),
    ...run.edges.filter((row) => row.relation === "critiques").map((row) => ["critique", row.target, row.agent, row.hours, `critique of ${row.target}: ${shortened(row.text, 80)}`]),
    ...run.reviews.map((row) => [row.approved ? "approved" : "rejected", null, row.agent, row.hours, `the reviewer ${row.approved ? "approves" : "rejects"}: ${shortened(row.comment, 80)}`]),
    ...run.limits.map((row) => ["notice", null, row.agent, row.hours, row.message]),
    ...run.oversight.map((row) => ["notice", null, row.agent, row.hours, `oversight: ${row.action}. ${shortened(row.note, 80)}`]),
  ];
}

/** Draw the lanes. Returns the element and a function that shows a moment. */
export function lanesOf(run, width, pick) {
  const events = laneEvents(run);
  const active = new Set(events.map(([, , agent]) => agent));
  const lanes = [...run.researchers, ...[...active].filter((agent) => !run.researchers.includes(agent))];
  const left = 14 + 7.5 * lanes.reduce((longest, name) => Math.max(longest, Math.min(name.length, 12)), 2);
  const height = TOP + LANE * Math.max(lanes.length, 1) + BOTTOM;
  const x = scale(0, run.end, left, width - RIGHT);
  const root = drawing(width, height, `What each of ${lanes.length} agents did over its research hours: ${events.length} events. The board lists the findings.`);
  root.append(hoursAxis(x, run.end, height - BOTTOM, TOP, "research hours"), rounds(run, x, height), ...lanes.map((agent, index) => lane(run, agent, index, left, width)));
  const marks = new TimedMarks();
  const place = new Map(lanes.map((agent, index) => [agent, TOP + LANE * (index + 0.5)]));
  root.append(svg("g", { class: "lane-marks" }, events.map(([kind, id, agent, hours], index) => {
    const lifted = kind === "post" ? -8 : ["approved", "rejected", "critique"].includes(kind) ? 9 : 0;
    const mark = sign(kind, x(hours), place.get(agent) + lifted);
    mark.setAttribute("class", `sign c${colourOf(run, agent)}`);
    mark.dataset.event = index;
    if (id) mark.dataset.id = id;
    return marks.add(hours, mark);
  })));
  listen(root, events, pick);
  const [line, move] = cursor(x, run.end, TOP, height - BOTTOM);
  root.append(line);
  return [root, (at) => {
    marks.show(at);
    move(at);
  }];
}

/** Handle the pointer for all marks at once: there may be many thousands. */
function listen(root, events, pick) {
  const under = (event) => event.target.closest("[data-event]");
  root.addEventListener("click", (event) => {
    const id = under(event)?.dataset.id;
    if (id) pick(id);
  });
  root.addEventListener("pointerover", (event) => {
    const mark = under(event);
    if (!mark || mark.querySelector("title")) return;
    const [, , agent, hours, text] = events[mark.dataset.event];
    mark.append(svg("title", {}, `${agent}, ${number(hours, 1)} h: ${text}`));
  });
}

function lane(run, agent, index, left, width) {
  const y = TOP + LANE * (index + 0.5);
  return svg(
    "g", { class: `lane c${colourOf(run, agent)}` },
    svg("line", { x1: left, x2: width - RIGHT, y1: y, y2: y }),
    svg("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, shortened(agent, 12)),
  );
}

function rounds(run, x, height) {
  return svg("g", { class: "rounds" }, run.rounds.map((row) => {
    const start = x(roundStart(run, row.round));
    return svg("line", { x1: start, x2: start, y1: TOP, y2: height - BOTTOM });
  }));
}
