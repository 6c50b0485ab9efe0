// Where the data of the pages come from: the viewer's server.

/** The page that is shown first. */
export const home = { name: "runs", parameters: {} };

/** The sentence for the user when data cannot be read. */
export class Unavailable extends Error {}

/** Return the data of a request, such as read("runs") or read("run", {file}). */
export async function read(name, parameters = {}) {
  return content(await answer(`/api/${name}?${new URLSearchParams(parameters)}`));
}

let session = null;

/** Return the token of requests that change something; null: this viewer only reads. */
async function actionToken() {
  try {
    return (await (session ??= read("session"))).action_token;
  } catch (error) {
    session = null; // the next call asks again
    throw error;
  }
}

/** Return whether this page may change something: answer questions of a run, start a fork. */
export async function mayAct() {
  try {
    return (await actionToken()) !== null;
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    return false;
  }
}

/** Change something, such as act("instruct", {file, action, why}), and return the answer of the server. */
export async function act(name, request) {
  const headers = { "x-aarlab-token": (await actionToken()) ?? "", "content-type": "application/json" };
  return content(await answer(`/api/${name}`, { method: "POST", headers, body: JSON.stringify(request) }));
}

async function content(response) {
  if (response.ok) return response.json();
  const body = await response.text();
  let problem = body;
  try {
    problem = JSON.parse(body).problem;
  } catch {
    // A refusal of the server is plain text.
  }
  throw new Unavailable(problem || "The server failed.");
}

async function answer(address, options = {}) {
  try {
    return await fetch(address, options);
  } catch {
    throw new Unavailable("The server does not answer: it was stopped. Start `aarlab view` again.");
  }
}

/**
 * Call `changed` when a file of the folder has changed, and once at the beginning, until `signal` is aborted.
 *
 * A hidden tab does not listen: a browser has few connections to a server. When it is shown again, it is told once more.
 */
export function onChange(changed, signal) {
  let events = null;
  const listen = () => {
    events?.close();
    events = null;
    if (document.hidden || signal.aborted) return;
    events = new EventSource("/api/updates");
    events.onmessage = changed;
  };
  document.addEventListener("visibilitychange", listen, { signal });
  signal.addEventListener("abort", listen);
  listen();
}
