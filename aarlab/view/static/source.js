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

/** Return whether this page may change something: answer questions of a run, start a fork. */
export async function mayAct() {
  session ??= read("session");
  return (await session).action_token !== null;
}

/** Change something, such as act("instruct", {file, action, why}), and return the answer of the server. */
export async function act(name, request) {
  await mayAct();
  const headers = { "x-aarlab-token": (await session).action_token ?? "", "content-type": "application/json" };
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

/** Call `changed` when a file of the folder has changed. Returns a function that ends this. */
export function onChange(changed) {
  const events = new EventSource("/api/updates");
  events.onmessage = changed;
  return () => events.close();
}
