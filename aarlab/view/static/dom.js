// Elements. All text goes through text nodes, so text of a model is never markup.

const SVG = "http://www.w3.org/2000/svg";
// Control characters, marks that change the direction of text, and invisible characters. Newlines and tabs stay.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** Return a text in which hidden characters are visible, as their code points. */
export function visible(text) {
  const named = (character) => `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
  return String(text).replace(/\r\n/g, "\n").replace(HIDDEN, named).toWellFormed();
}

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "href") element.setAttribute("href", inside(value));
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  append(element, children);
  return element;
}

/** Return a link target; only addresses inside the viewer are allowed. */
function inside(target) {
  if (!String(target).startsWith("#")) throw new Error("a link leads out of the viewer");
  return target;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(visible(child)));
  }
}

/** Return an HTML element. Attributes that start with "on" are listeners. */
export function el(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

/** Return an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

/** Return an SVG element that the server describes as [tag, attributes, children]. */
export function drawn([tag, attributes, children]) {
  return svg(tag, attributes, children.map((child) => (Array.isArray(child) ? drawn(child) : child)));
}

/** Replace the content of an element. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}
