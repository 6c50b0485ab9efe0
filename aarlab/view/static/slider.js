// The slider over the time of a run, with play, pause, steps and speed.

import { el } from "./dom.js";
import { number } from "./format.js";
import { roundAt } from "./run_model.js";

const SECONDS = 30; // of the whole run at speed 1
const EPSILON = 1e-9;

/** Return the slider: its element, `set(at)`, and the actions for keys. `changed` gets the moment; Infinity: the end. */
export function timeSlider(run, changed) {
  let at = Infinity;
  let playing = 0;
  let speed = 1;
  const range = el("input", { type: "range", min: 0, max: run.end, step: "any", value: run.end, "aria-label": "Moment of the run, in research hours", oninput: () => set(Number(range.value)) });
  const text = el("output", { class: "moment" });
  const play = el("button", { "aria-label": "Play", onclick: toggle }, "▶");
  const speeds = el("select", { "aria-label": "Speed", onchange: (event) => (speed = Number(event.target.value)) }, [0.5, 1, 2, 4, 8].map((value) => el("option", { value, selected: value === 1 }, `${value}×`)));

  function set(moment) {
    at = moment >= run.end - EPSILON ? Infinity : Math.max(0, moment);
    range.max = run.end;
    range.value = Math.min(at, run.end);
    const end = run.live ? "now" : "the end";
    text.textContent = at === Infinity ? `${end}, ${number(run.end, 1)} h` : `${number(at, 2)} h, round ${roundAt(run, at)}`;
    range.setAttribute("aria-valuetext", text.textContent);
    changed(at);
  }

  function step(direction) {
    stop();
    const now = Math.min(at, run.end);
    const others = run.moments.filter((moment) => (direction > 0 ? moment > now + EPSILON : moment < now - EPSILON));
    if (direction > 0) set(others.length ? others[0] : Infinity);
    else set(others.length ? others.at(-1) : 0);
  }

  function stop() {
    cancelAnimationFrame(playing);
    playing = 0;
    play.textContent = "▶";
    play.setAttribute("aria-label", "Play");
  }

  function toggle() {
    if (playing) return stop();
    if (at === Infinity) set(0);
    play.textContent = "❚❚";
    play.setAttribute("aria-label", "Pause");
    let before = performance.now();
    const frame = (now) => {
      if (!element.isConnected) return; // the page was left
      set(at + ((now - before) / 1000) * (run.end / SECONDS) * speed);
      before = now;
      if (at === Infinity) stop();
      else playing = requestAnimationFrame(frame);
    };
    playing = requestAnimationFrame(frame);
  }

  const element = el(
    "div", { class: "slider", role: "group", "aria-label": "Replay" },
    el("button", { "aria-label": "Previous event", onclick: () => step(-1) }, "‹"), play,
    el("button", { "aria-label": "Next event", onclick: () => step(1) }, "›"), range, text, speeds,
  );
  const keys = [
    [" ", "play and pause", toggle], ["ArrowRight", "next event", () => step(1)], ["ArrowLeft", "previous event", () => step(-1)],
    ["Home", "beginning", () => set(0)], ["End", "end", () => set(Infinity)],
  ];
  return { element, set, stop, keys, moment: () => at };
}
