// Values as text.

const MINUS = "−";

/** Return a number with some decimals; a dash if there is none. */
export function number(value, decimals = 2) {
  return typeof value === "number" ? value.toFixed(decimals).replace("-", MINUS) : "–";
}

/** Return a score with its standard error. */
export function score(value, error) {
  return typeof error === "number" ? `${number(value)} ± ${number(error)}` : number(value);
}

/** Return research hours. */
export const hours = (value) => (typeof value === "number" ? `${number(value, 1)} h` : "–");

/** Return US dollars. */
export const dollars = (value) => (typeof value === "number" ? `$${value.toFixed(2)}` : "unknown");

/** Return a share as a percentage. */
export const percent = (value) => (typeof value === "number" ? `${Math.round(100 * value)}\u00a0%` : "–");

/** Return a count with its noun. */
export const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

/** Return the status of a run: live while a process writes it, interrupted if none does and it is not finished. */
export const statusOf = (run) => (run.live ? "live" : run.status === "running" ? "interrupted" : run.status);

/** Return a time as day and minute, UTC. */
export const moment = (iso) => (iso ? iso.slice(0, 16).replace("T", " ") : "–");

/** Return a text with at most `length` characters. */
export const shortened = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

/** Compare names so that r2 comes before r10. */
export const byName = new Intl.Collator("en", { numeric: true }).compare;
