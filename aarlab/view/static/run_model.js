// A run in memory: rows by id, relations between findings, and what was known at a moment.

const LISTS = [
  "agents", "rounds", "experiments", "findings", "publications", "edges", "borrows", "reviews", "oversight", "limits",
  "replacements", "references", "scores",
];

/** Return an empty run. */
export function emptyRun(file) {
  return { file, last: 0, layout: {}, ...Object.fromEntries(LISTS.map((name) => [name, []])) };
}

/** Add what `read("run")` returned, and index it again. */
export function extend(run, data) {
  for (const name of LISTS) run[name].push(...data[name]);
  const description = Object.fromEntries(Object.entries(data).filter(([name]) => !LISTS.includes(name) && name !== "layout"));
  Object.assign(run, description, data.layout ? { layout: data.layout } : {});
  index(run);
  return run;
}

function index(run) {
  run.researchers = [...new Set(run.agents.filter((row) => row.role === "researcher").map((row) => row.agent))];
  run.findingById = new Map(run.findings.map((row) => [row.id, row]));
  run.experimentById = new Map(run.experiments.map((row) => [row.id, row]));
  run.publishedAt = new Map(run.publications.map((row) => [row.finding, row.hours]));
  run.edgesInto = grouped(run.edges, (edge) => edge.target);
  run.edgesFrom = grouped(run.edges, (edge) => edge.source);
  run.borrowsOf = grouped(run.borrows, (row) => row.finding);
  run.reviewsOf = grouped(run.reviews, (row) => row.code);
  run.scoresOf = grouped(run.scores, (row) => row.subject);
  run.members = new Set(run.researchers);
  run.flagged = new Set((run.summary?.suspicions ?? []).map((one) => one.subject));
  const budget = run.budget?.hours ?? 0;
  const timed = [run.experiments, run.findings, run.edges, run.borrows, run.reviews, run.publications, run.rounds].flat();
  run.end = timed.reduce((end, row) => Math.max(end, row.hours), run.live ? 0 : budget) || budget || 1;
  const started = (row) => ("end_hours" in row ? roundStart(run, row.round) : row.hours);
  run.moments = [...new Set(timed.map(started))].sort((a, b) => a - b);
}

function grouped(rows, key) {
  const groups = new Map();
  for (const row of rows) {
    const name = key(row);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(row);
  }
  return groups;
}

/** Return the research hour at which a round begins. */
export function roundStart(run, round) {
  return run.rounds.find((row) => row.round === round - 1)?.end_hours ?? 0;
}

/** Return the number of the round at an hour. */
export function roundAt(run, hour) {
  const open = run.rounds.find((row) => hour < row.end_hours);
  return open?.round ?? run.rounds.at(-1)?.round ?? 0;
}

/** Return the rows that had happened at a moment; Infinity: the end of the run. */
export const until = (rows, at) => rows.filter((row) => row.hours <= at);

/** Return the results of full experiments at a moment, best first. */
export function leaders(run, at) {
  const scored = until(run.findings, at).filter((row) => row.type === "result" && row.fidelity === "full" && row.pgr !== null);
  return scored.sort((a, b) => b.pgr - a.pgr);
}

/** Return the steps (hour, best score so far) of some experiments. */
export function bestSoFar(experiments) {
  const scored = experiments.filter((row) => row.fidelity === "full" && row.pgr !== null).sort((a, b) => a.hours - b.hours);
  const steps = [];
  for (const row of scored) if (!steps.length || row.pgr > steps.at(-1)[1]) steps.push([row.hours, row.pgr]);
  return steps;
}

/** Return how often others built on a finding until a moment, by relation. */
export function uses(run, finding, at) {
  const counts = { borrows: until(run.borrowsOf.get(finding) ?? [], at).length, refines: 0, critiques: 0, replicates: 0 };
  for (const edge of until(run.edgesInto.get(finding) ?? [], at)) if (edge.relation !== "borrows") counts[edge.relation] += 1;
  return counts;
}

/** Return the reviews of a finding's method until a moment. */
export const reviewsOf = (run, finding, at) => (finding.code ? until(run.reviewsOf.get(finding.code) ?? [], at) : []);

/** Return the score of a finding on a panel of the close; undefined before the end and for other findings. */
export const closeScore = (run, finding, panel, at) =>
  at === Infinity ? (run.scoresOf.get(finding) ?? []).find((row) => row.panel === panel && !row.task) : undefined;

/** Return a number for the colour of a researcher. */
export const colourOf = (run, agent) => {
  const place = run.researchers.indexOf(agent);
  return place < 0 ? "other" : String(place % 10);
};
