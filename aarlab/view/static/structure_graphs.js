// The graphs of two structures over each other: what only one of them has is marked.

import { el, svg } from "./dom.js";
import { drawing } from "./plot.js";

const [WIDE, HIGH, GAP, ROW, MARGIN] = [104, 26, 34, 52, 12];

/** Return what differs between two structures, as text and as graphs. `names` are those of the two. */
export function comparedStructures(compared, names) {
  const same = compared.graphs.every((graph) => [...graph.nodes, ...graph.edges].every((one) => one.part === "both"));
  const dials = compared.dials.map(([dial, one, other]) => el("li", {}, `${dial}: ${one} in ${names[0]}, ${other} in ${names[1]}`));
  return [
    dials.length ? el("ul", {}, dials) : el("p", {}, "No dial differs."),
    same && el("p", { class: "note" }, "The two compile to the same graphs."),
    !same && el("p", { class: "legend" }, [["both", "in both"], ["first", `only in ${names[0]}`], ["second", `only in ${names[1]}`]].map(([part, text]) => el("span", { class: "entry" }, el("span", { class: `swatch ${part}` }), text))),
    !same && compared.graphs.map((graph) => el("figure", {}, el("figcaption", {}, `${graph.name} graph`), el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": `${graph.name} graph` }, draw(graph, names)))),
  ];
}

function draw(graph, names) {
  const columns = Math.max(...graph.nodes.map((node) => node.column)) + 1;
  const rows = Math.max(...graph.nodes.map((node) => node.row)) + 1;
  const backs = graph.edges.filter((edge) => isBack(graph, edge)).length;
  const [width, height] = [2 * MARGIN + columns * WIDE + (columns - 1) * GAP, 2 * MARGIN + rows * ROW + 14 * backs + 10];
  const differ = graph.edges.filter((edge) => edge.part !== "both").map((edge) => `${edge.from} to ${edge.to} only in ${names[edge.part === "first" ? 0 : 1]}`);
  const root = drawing(width, height, `${graph.name} graph. ${differ.length ? `Edges that differ: ${differ.join("; ")}` : "No edge differs"}.`);
  const place = (name) => {
    const node = graph.nodes.find((one) => one.name === name);
    return [MARGIN + node.column * (WIDE + GAP), MARGIN + node.row * ROW];
  };
  let depth = 0;
  const bottom = MARGIN + rows * ROW;
  const order = [...graph.edges].sort((a, b) => (a.part === "both" ? 0 : 1) - (b.part === "both" ? 0 : 1));
  root.append(arrowHead(graph.name), ...order.map((edge) => {
    const back = isBack(graph, edge);
    if (back) depth += 1;
    return svg("path", { d: back ? backPath(place, edge, bottom + 14 * depth - 8) : forwardPath(graph, place, edge), class: `flow ${edge.part}`, "marker-end": `url(#arrow-${graph.name})` });
  }));
  root.append(...graph.nodes.map((node) => {
    const [x, y] = place(node.name);
    return svg("g", { class: `flow-node ${node.part}` }, svg("rect", { x, y, width: WIDE, height: HIGH, rx: 5 }), svg("text", { x: x + WIDE / 2, y: y + 17, "text-anchor": "middle" }, node.name));
  }));
  return root;
}

const arrowHead = (name) => svg("marker", { id: `arrow-${name}`, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, svg("path", { d: "M0 0 8 4 0 8Z", class: "arrow" }));

function isBack(graph, edge) {
  const column = (name) => graph.nodes.find((node) => node.name === name).column;
  return column(edge.to) <= column(edge.from);
}

function forwardPath(graph, place, edge) {
  const [[x1, y1], [x2, y2]] = [place(edge.from), place(edge.to)];
  const [a, b] = [x1 + WIDE, x2];
  // An edge over several columns leaves and arrives from above, so that it does not cross the nodes between.
  if (b - a > GAP + 1 && y1 === y2) return `M${a - 20} ${y1}C${a} ${y1 - 14} ${b} ${y1 - 14} ${b + 14} ${y2 - 1}`;
  const middle = (a + b) / 2;
  return `M${a} ${y1 + HIGH / 2}C${middle} ${y1 + HIGH / 2} ${middle} ${y2 + HIGH / 2} ${b} ${y2 + HIGH / 2}`;
}

function backPath(place, edge, depth) {
  const [[x1, y1], [x2, y2]] = [place(edge.from), place(edge.to)];
  const [a, b] = [x1 + WIDE * 0.6, x2 + WIDE * 0.4];
  return `M${a} ${y1 + HIGH}V${depth - 6}Q${a} ${depth} ${a - 6} ${depth}H${b + 6}Q${b} ${depth} ${b} ${depth - 6}V${y2 + HIGH + 1}`;
}
