// The signs of the events of a run, the same in all drawings and legends.

import { svg } from "./dom.js";

const SHAPES = {
  smoke: () => svg("path", { d: "M0 -5V5", class: "stroke" }),
  pilot: () => svg("circle", { r: 4, class: "stroke hollow" }),
  full: () => svg("circle", { r: 5, class: "solid" }),
  failed: () => svg("path", { d: "M-4 -4 4 4M-4 4 4 -4", class: "stroke bad" }),
  post: () => svg("path", { d: "M0 -5 5 4H-5Z", class: "solid" }),
  borrow: () => svg("path", { d: "M0 -6 5 0 0 6 -5 0Z", class: "stroke hollow" }),
  critique: () => svg("path", { d: "M-5 -4H5V3H0L-3 6V3H-5Z", class: "stroke warn hollow" }),
  approved: () => svg("path", { d: "M-5 0 -1 4 5 -5", class: "stroke good" }),
  rejected: () => svg("path", { d: "M-5 -5H5V5H-5ZM-3 -3 3 3M-3 3 3 -3", class: "stroke bad" }),
  notice: () => svg("path", { d: "M0 -6V2M0 5V6", class: "stroke warn" }),
};
export const MEANINGS = {
  smoke: "smoke test", pilot: "pilot", full: "full experiment", failed: "failed experiment", post: "finding", borrow: "borrowed a method",
  critique: "critique", approved: "approved by the reviewer", rejected: "rejected by the reviewer", notice: "limit or oversight",
};

/** Return the sign of a kind of event at a place. */
export function sign(kind, x, y) {
  return svg("g", { transform: `translate(${x} ${y})`, class: "sign" }, SHAPES[kind]());
}

/** Return the sign alone, for a legend. */
export const shape = (kind) => SHAPES[kind]();
