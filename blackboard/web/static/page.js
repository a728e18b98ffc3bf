// What both pages need. Every value of a board is put into the page as text: nothing of it is ever markup, a script or an address.

export const $ = (id) => document.getElementById(id);

/** An element with attributes and children; what is no element is text. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((each) => each !== null && each !== undefined).map((each) => (each instanceof Node ? each : String(each))));
  return element;
}

/** The answer to a question. Throws an Error with the words of the server, or with those for no answer. */
export async function ask(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  let response;
  try {
    response = await fetch(`${path}?${new URLSearchParams(given)}`, { headers: { Accept: "application/json" } });
  } catch {
    throw new Error("The inspector does not answer. Is `blackboard web` still running? This page goes on trying.");
  }
  const found = await response.json().catch(() => ({ message: `The inspector answered ${response.status} and no JSON.` }));
  if (!response.ok) throw Object.assign(new Error(found.message), { status: response.status });
  return found;
}

/** Show what went wrong, or with null that all is well again. */
export function trouble(error) {
  $("trouble").textContent = error === null ? "" : error.message;
  $("trouble").hidden = error === null;
}

/** Ids that are dots would be taken for steps in a path. */
export function addressOf(board) {
  return /^\.{1,2}$/.test(board) ? `/boards/?board=${board}` : `/boards/${encodeURIComponent(board)}`;
}

const UNITS = [[60, "s", 1], [3600, "min", 60], [86400, "h", 3600], [Infinity, "d", 86400]];

/** How long ago a moment was, by the clock of the server. */
export function ago(moment, now) {
  if (!moment) return "";
  const seconds = Math.max(0, (Date.parse(now) - Date.parse(moment)) / 1000);
  const [, unit, size] = UNITS.find(([limit]) => seconds < limit);
  return `${Math.round(seconds / size)} ${unit} ago`;
}

/** The first word of a state, as a class of the style sheet. */
export const styleOf = (state) => String(state).split(" ").pop().replace(/[^a-z]/g, "") || "other";

/** Calls a function in a while, and not again before it has ended: what is asked for meanwhile is one more call. */
export function throttled(work, pause) {
  let running = false;
  let again = false;
  return async function call() {
    again = true;
    if (running) return;
    running = true;
    while (again) {
      again = false;
      await work();
      await new Promise((done) => setTimeout(done, pause));
    }
    running = false;
  };
}
