// The parts that drawings share: scales, axes, and marks that appear at their time.

import { svg } from "./dom.js";
import { number } from "./format.js";

/** Return a function from a value to pixels. */
export function scale(low, high, from, to) {
  const span = high - low || 1;
  return (value) => from + ((value - low) / span) * (to - from);
}

/** Return round values between two numbers, at most `count`. */
export function ticks(low, high, count) {
  const rough = (high - low) / Math.max(count, 1) || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, index) => (first + index) * step);
}

/** Return a drawing that is `width` pixels wide, with a name for readers of the screen. */
export function drawing(width, height, name) {
  return svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": name, class: "drawing" });
}

/** Draw the hours axis at the bottom of a drawing. */
export function hoursAxis(x, end, y, top, label) {
  const [left, right] = [x(0), x(end)];
  const marks = ticks(0, end, Math.max(2, (right - left) / 80));
  return svg(
    "g", { class: "axis" },
    marks.map((value) => [
      svg("line", { x1: x(value), x2: x(value), y1: top, y2: y, class: "grid" }),
      svg("text", { x: x(value), y: y + 16, "text-anchor": "middle" }, number(value, value % 1 ? 1 : 0)),
    ]),
    svg("text", { x: right, y: y + 32, "text-anchor": "end" }, label),
  );
}

/** Draw a value axis at the left. */
export function valueAxis(y, low, high, left, right) {
  const marks = ticks(low, high, 5);
  return svg("g", { class: "axis" }, marks.map((value) => [
    svg("line", { x1: left, x2: right, y1: y(value), y2: y(value), class: value === 0 ? "grid zero" : "grid" }),
    svg("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, number(value, 1)),
  ]));
}

/** Return the path of a step function through points, up to an end. */
export function stepPath(points, x, y, end) {
  if (!points.length) return "";
  const parts = points.map(([hour, value], index) => (index ? `H${x(hour)}V${y(value)}` : `M${x(hour)} ${y(value)}`));
  return `${parts.join("")}H${x(end)}`;
}

/** Return a path through points with straight lines. */
export const linePath = (points, x, y) => points.map(([a, b], index) => `${index ? "L" : "M"}${x(a)} ${y(b)}`).join("");

/** Marks of a drawing that are shown from their time on. Moving the time touches only the marks in between. */
export class TimedMarks {
  constructor() {
    this.marks = [];
    this.shown = 0;
    this.sorted = false;
  }

  /** Add an element that is shown from an hour on. */
  add(hours, element) {
    this.marks.push([hours, element]);
    this.sorted = false;
    return element;
  }

  /** Show the marks until an hour and hide the others. */
  show(at) {
    if (!this.sorted) {
      this.marks.sort((a, b) => a[0] - b[0]);
      for (const [, element] of this.marks) element.setAttribute("visibility", "hidden");
      [this.shown, this.sorted] = [0, true];
    }
    while (this.shown < this.marks.length && this.marks[this.shown][0] <= at) this.marks[this.shown++][1].removeAttribute("visibility");
    while (this.shown > 0 && this.marks[this.shown - 1][0] > at) this.marks[--this.shown][1].setAttribute("visibility", "hidden");
  }
}

/** Return a vertical line for the current moment, and a function that moves it. */
export function cursor(x, end, top, bottom) {
  const line = svg("line", { class: "cursor", y1: top, y2: bottom, x1: 0, x2: 0 });
  const move = (at) => {
    const place = x(Math.min(at, end));
    line.setAttribute("x1", place);
    line.setAttribute("x2", place);
    line.setAttribute("visibility", at >= end ? "hidden" : "visible");
  };
  return [line, move];
}

/** Return the entries of a legend. */
export function legendMark(shape, className) {
  return svg("svg", { width: 16, height: 14, viewBox: "-8 -7 16 14", "aria-hidden": "true", class: `drawing ${className}` }, shape);
}
