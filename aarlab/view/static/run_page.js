// The page of a run: curve, lanes, lineage, board, leaderboard and measures, all at one moment.

import { boardOf } from "./board.js";
import { curveOf } from "./curve.js";
import { el, fill, svg } from "./dom.js";
import { forkForm } from "./fork_form.js";
import { moment, number, score, statusOf } from "./format.js";
import { lanesOf } from "./lanes.js";
import { colouring, lineageOf } from "./lineage.js";
import { MEANINGS, shape } from "./marks.js";
import { oversightPanel } from "./oversight.js";
import { legendMark } from "./plot.js";
import { part } from "./report_parts.js";
import { address } from "./route.js";
import { colourOf, emptyRun, extend } from "./run_model.js";
import { budget, countsTable, description, flags, hoursByKind, leaderboard, membersTable, overRounds, structureOf } from "./run_tables.js";
import { timeSlider } from "./slider.js";
import { mayAct, read, Unavailable } from "./source.js";
import { delayed } from "./timing.js";

const LEGENDS = { lanes: ["smoke", "pilot", "full", "failed", "post", "borrow", "critique", "approved", "rejected"] };
const MEASURES_MS = 20_000; // They need all events, so they follow a live run more slowly.

/** Show the page of a run. */
export async function runPage(page, parameters, visit) {
  const run = extend(emptyRun(parameters.file), await read("run", { file: parameters.file }));
  if (visit.signal.aborted) return;
  visit.where([["runs", address("runs")], [run.run, null]]);
  const view = new RunView(page, run, parameters, visit);
  view.build();
  visit.follow(() => view.update(), 300);
  addEventListener("resize", delayed(() => view.draw(), 150), { signal: visit.signal });
}

class RunView {
  constructor(page, run, parameters, visit) {
    Object.assign(this, { page, run, visit, picked: parameters.pick ?? null, colourBy: "researcher", shows: [], at: Infinity, showMeasures: () => {} });
    this.pick = this.pick.bind(this);
    this.board = boardOf(run, this.pick);
    this.slider = timeSlider(run, (at) => this.show(at));
    this.fork = forkForm(run);
    this.oversight = oversightPanel(run, this.pick);
    this.structure = structureOf(run);
    this.start = parameters.at === undefined ? Infinity : Number(parameters.at) || 0;
    this.rememberMoment = delayed((at) => visit.remember({ at: at === Infinity ? null : number(at, 4).replace("−", "-") }), 250);
  }

  build() {
    const { run } = this;
    const area = (name) => (this[name] = el("div", { class: `area area-${name}` }));
    const section = (title, ...content) => el("section", { "aria-label": title }, el("h2", {}, title), content);
    fill(
      this.page, el("h1", {}, run.run), (this.result = el("div", { class: "result" })), this.slider.element, this.oversight.element, this.fork.element,
      el("div", { class: "columns" },
        el("div", {},
          section(`${run.score} over research hours`, area("curve"), this.researcherLegend()),
          section("Agents over time", area("lanes"), legend(LEGENDS.lanes)),
          section("Researchers", area("members")),
          section("Lineage", this.lineageBar(), area("lineage")),
          section("Measures", area("measures"))),
        el("div", {},
          section("Leaderboard", area("leaders")), section("Board", this.board.element))),
    );
    this.visit.setKeys([
      ...this.slider.keys, ["j", "next finding", () => this.board.step(1)], ["k", "previous finding", () => this.board.step(-1)],
      ["f", "fork from here", () => this.openFork()], ["/", "search the board", () => this.board.search.focus()],
    ]);
    this.draw();
    this.offerFork();
    this.slider.set(this.start);
    if (this.picked) this.pick(this.picked);
    this.loadMeasures();
  }

  /** Put the button for a fork beside the slider, where a fork can be started. */
  async offerFork() {
    if (await this.mayFork()) this.slider.element.append(el("button", { class: "wide-button", onclick: () => this.fork.open() }, "Fork from here"));
  }

  /** Open the form for a fork. The key works before the button is there. */
  async openFork() {
    if (await this.mayFork()) this.fork.open();
  }

  async mayFork() {
    return (await mayAct()) && this.run.rounds.length > 0;
  }

  /** Draw everything that depends on the rows or the width. */
  draw() {
    const { run, pick } = this;
    this.describe();
    const width = this.curve.clientWidth || 600;
    const drawings = [[this.curve, curveOf(run, width, pick)], [this.lanes, lanesOf(run, width, pick)], [this.lineage, lineageOf(run, width, pick, colouring(run, this.colourBy))]];
    this.shows = drawings.map(([place, [root, show]]) => {
      fill(place, root);
      return show;
    });
    this.show(this.at);
    this.mark();
  }

  describe() {
    const { run } = this;
    const held = run.summary?.heldout;
    const best = run.summary?.best;
    const status = statusOf(run);
    const winner = best && el("p", {}, "Winner: ", el("button", { class: "link", onclick: () => this.pick(best.finding) }, best.finding), ` ${best.title}`);
    fill(
      this.result, el("p", { class: "lead" }, el("span", { class: `status ${status}` }, status), held ? ` · Held-out ${run.score} ${score(held.pgr, held.se)} on ${held.worlds} worlds` : " · There is no held-out score yet"),
      winner, el("p", { class: "note" }, description(run)), this.structure, el("p", { class: "note" }, `Started ${moment(run.created_at)} UTC, aarlab ${run.version}${run.forked ? ", a fork of another run" : ""}`),
    );
  }

  researcherLegend() {
    const names = this.run.researchers.slice(0, 20).map((agent) => el("a", { href: address("conversation", { file: this.run.file, agent }), class: "entry" }, legendMark(svg("circle", { r: 5, class: "solid" }), `c${colourOf(this.run, agent)}`), agent));
    return el("p", { class: "legend" }, names, el("span", { class: "entry" }, legendMark(svg("path", { d: "M-8 0H8", class: "curve frontier" }), ""), "best of the team"));
  }

  lineageBar() {
    const change = (event) => {
      this.colourBy = event.target.value;
      this.draw();
    };
    const kinds = ["borrows", "refines", "replicates"].map((kind) => el("span", { class: "entry" }, legendMark(svg("path", { d: "M-8 0H8", class: `link ${kind}` }), ""), kind));
    const choice = el("select", { "aria-label": "Colour of the findings", onchange: change }, el("option", { value: "researcher" }, "colour by researcher"), el("option", { value: "family" }, "colour by family"));
    return el("div", { class: "bar" }, choice, el("span", { class: "legend" }, kinds, el("span", { class: "note" }, "Size: score. Hollow: no score.")));
  }

  /** Show a moment everywhere. */
  show(at) {
    this.at = at;
    for (const show of this.shows) show(at);
    fill(this.leaders, leaderboard(this.run, at, this.pick));
    fill(this.members, membersTable(this.run, at));
    this.showMeasures(at);
    this.board.show(at);
    this.fork.show(at);
    this.rememberMoment(at);
  }

  /** Mark a finding or an experiment in all drawings, and open its thread on the board. */
  pick(id) {
    const finding = this.run.findingById.has(id) ? id : this.run.findings.find((row) => row.experiment === id)?.id;
    if (id && !finding) return this.pickExperiment(id);
    this.picked = id;
    this.visit.remember({ pick: id });
    this.mark();
    this.board.open(finding ?? null)?.scrollIntoView({ block: "nearest" });
    return undefined;
  }

  /** Go to the conversation at an experiment that no finding reports. */
  pickExperiment(id) {
    const row = this.run.experimentById.get(id);
    if (row) location.hash = address("conversation", { file: this.run.file, agent: row.agent, step: row.step });
  }

  mark() {
    const row = this.run.findingById.get(this.picked);
    const ids = new Set([this.picked, row?.experiment].filter(Boolean));
    for (const element of this.page.querySelectorAll("svg [data-id]")) element.classList.toggle("picked", ids.has(element.dataset.id));
  }

  async loadMeasures() {
    const asked = (this.measuredAt = performance.now());
    const measures = await this.readMeasures();
    if (!measures || asked !== this.measuredAt) return; // they were asked for again
    const width = Math.min(this.curve.clientWidth || 600, 460);
    const panels = overRounds(this.run, measures, width);
    const [spent, kinds, counts] = [el("div", {}), el("div", {}), el("div", {})];
    const result = measures.result && el("pre", { class: "code", tabindex: 0, role: "group", "aria-label": "Result" }, measures.result);
    const generalisation = measures.generalisation;
    const finalists = generalisation && [el("h3", {}, generalisation.title), part(generalisation)];
    fill(this.measures, result, finalists, el("h3", {}, "Flags"), flags(measures, this.pick, this.run), el("div", { class: "tiles" }, spent, kinds, counts, panels.map(([figure]) => figure)));
    this.showMeasures = (at) => {
      fill(spent, budget(this.run, measures, at));
      fill(kinds, hoursByKind(measures, at));
      fill(counts, countsTable(this.run, at));
      for (const [, show] of panels) show(at);
    };
    this.showMeasures(this.at);
  }

  /** Return the measures; undefined, with the reason on the page, if they cannot be read. */
  async readMeasures() {
    try {
      return await read("measures", { file: this.run.file });
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      fill(this.measures, el("p", { class: "note" }, error.message));
      return undefined;
    }
  }

  /** Read what is new since the last event, and the questions of the run. */
  async update() {
    await this.readNew();
    await this.oversight.update();
  }

  async readNew() {
    const data = await read("run", { file: this.run.file, after: this.run.last });
    const changed = data.last !== this.run.last || data.status !== this.run.status || data.live !== this.run.live;
    if (!changed || this.visit.signal.aborted) return;
    extend(this.run, data);
    this.draw();
    this.slider.set(this.at);
    if (!this.run.live || performance.now() - this.measuredAt > MEASURES_MS) this.loadMeasures();
  }
}

function legend(kinds) {
  return el("p", { class: "legend" }, kinds.map((kind) => el("span", { class: "entry" }, legendMark(shape(kind), "sign"), MEANINGS[kind])));
}
