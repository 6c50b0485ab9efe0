// When work is done: after a pause, or once at a time.

/** Return a function that calls `work` once, some milliseconds after its last call. */
export function delayed(work, milliseconds) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...values), milliseconds);
  };
}

/** Return a function that calls `work` some milliseconds later. Calls meanwhile, and while it goes on, lead to one more. */
export function oneAtATime(work, milliseconds) {
  let [busy, again] = [false, false];
  const run = async () => {
    again = false;
    try {
      await work();
    } finally {
      busy = false;
      if (again) start();
    }
  };
  const start = () => {
    again = busy;
    if (busy) return;
    busy = true;
    setTimeout(run, milliseconds);
  };
  return start;
}
